#include "provisioning/linked_hubs.h"

#include "base/log.h"
#include "base/text.h"
#include "pki/certificate.h"
#include "provisioning/errors.h"
#include "provisioning/identifiers.h"
#include "store/topic_versions.h"
#include "wire/sas.h"

namespace muster::provisioning {
namespace {

using store::LinkedHubRecord;
using store::Tx;

constexpr std::string_view default_policy_setting = "allocationPolicy";
constexpr std::string_view mask = "****";
constexpr std::int64_t heaviest = 1000;
constexpr std::size_t max_latencies = 200;
constexpr std::uint16_t https_port = 443;

std::unexpected<Error> no_such_hub(std::string_view name) {
    return fail(Error(Errc::not_found, fmt::format("no hub '{}' is linked", printable(name)))
                    .with_hint("`muster hub list` shows those that are")
                    .with_number(code::not_found));
}

bool is_host_name(std::string_view text) {
    constexpr std::size_t longest = 253;
    return !text.empty() && text.size() <= longest && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
    });
}

// "host:port" with a port that can be one.
Result<> check_address(std::string_view address) {
    const auto colon = address.rfind(':');
    const auto port = colon == address.npos ? std::nullopt : parse_integer<std::uint16_t>(address.substr(colon + 1));
    if (port && *port != 0 && colon > 0 && address.find_first_of(" /@") == address.npos) return {};
    return fail(bad_body(fmt::format("\"address\" must be \"host:port\", not '{}'", printable(address))));
}

Result<> read_connection_string(const std::string& text, const std::string& name, LinkedHubRecord& record) {
    auto parsed = wire::ConnectionString::parse(text);
    if (!parsed)
        return fail(
            parsed.error().wrap(Errc::invalid_argument, "\"connectionString\"").with_number(code::invalid_body));
    if (parsed->policy.empty())
        return fail(bad_body("\"connectionString\" is a device's: it needs the SharedAccessKeyName of a hub policy")
                        .with_hint("the policy needs RegistryRead, RegistryWrite and ServiceConnect: iothubowner has "
                                   "them"));
    const auto colon = parsed->host.find(':');
    if (!equals_ignore_case(parsed->host.substr(0, colon), name))
        return fail(bad_body(fmt::format("\"connectionString\" is of '{}', the path says '{}'", printable(parsed->host),
                                         printable(name))));
    record.address = colon == std::string::npos ? fmt::format("{}:{}", parsed->host, https_port) : parsed->host;
    record.policy = parsed->policy;
    record.key = base64_encode(parsed->key.bytes());
    return check_address(record.address);
}

// The service's own hub needs no way to it.
Result<> check_own(const json::object& body, const std::string& name) {
    for (const std::string_view member : {"connectionString", "address", "caCertificate"}) {
        MUSTER_TRY(const auto given, optional_string(body, member));
        if (given && !given->empty())
            return fail(bad_body(fmt::format("'{}' is this service's own hub: it needs no \"{}\"", name, member))
                            .with_hint("it has a location, a weight and latencies, and takes part or not"));
    }
    return {};
}

Result<std::string> read_latencies(const json::object& body) {
    const auto* given = find_member(body, "latencies");
    if (given == nullptr) return std::string();
    const auto* list = given->if_array();
    if (list == nullptr || list->size() > max_latencies)
        return fail(bad_body(fmt::format("\"latencies\" must be an array of at most {}", max_latencies)));
    json::array out;
    for (const auto& entry : *list) {
        if (!entry.is_object()) return fail(bad_body("\"latencies\" must hold {\"network\", \"milliseconds\"}"));
        MUSTER_TRY(const auto network, required_string(entry.as_object(), "network"));
        MUSTER_TRY(const auto milliseconds, optional_integer(entry.as_object(), "milliseconds"));
        if (!milliseconds) return fail(bad_body(fmt::format("\"latencies\": '{}' has no \"milliseconds\"", network)));
        MUSTER_TRY(const auto latency, HubLatency::parse(network, *milliseconds));
        out.push_back(json::object{{"network", latency.network_text()}, {"milliseconds", latency.milliseconds}});
    }
    return out.empty() ? std::string() : json::serialize(out);
}

Result<std::string> read_certificates(const json::object& body) {
    MUSTER_TRY(const auto pem, optional_string(body, "caCertificate"));
    if (!pem || pem->empty()) return std::string();
    auto chain = pki::parse_chain(*pem);
    if (!chain)
        return fail(chain.error().wrap(Errc::invalid_argument, "\"caCertificate\"").with_number(code::invalid_body));
    return pki::to_pem(*chain);
}

// For the audit trail: the members that have another value, and nothing of the values.
json::array changed_members(const LinkedHubRecord& before, const LinkedHubRecord& after) {
    json::array changed;
    const auto note = [&](bool differs, std::string_view name) {
        if (differs) changed.emplace_back(name);
    };
    note(before.policy != after.policy || before.key != after.key, "connectionString");
    note(before.address != after.address, "address");
    note(before.certificates != after.certificates, "caCertificate");
    note(before.location != after.location, "location");
    note(before.weight != after.weight, "allocationWeight");
    note(before.allocates != after.allocates, "applyAllocationPolicy");
    note(before.latencies != after.latencies, "latencies");
    return changed;
}

json::object state_json(const HubState& state) {
    const auto health = state.health();
    json::object out{{"waiting", state.waiting.load()}};
    out["status"] = health.since == TimePoint() ? "untried" : health.problem.empty() ? "reachable" : "unreachable";
    if (health.since != TimePoint()) out["sinceUtc"] = format_utc(health.since);
    if (!health.problem.empty()) out["problem"] = health.problem;
    if (const auto latency = state.latency()) out["latencyMicroseconds"] = latency->count();
    return out;
}

json::object hub_json(const LinkedHub& hub) {
    json::object out{{"name", hub.name},
                     {"builtIn", hub.own()},
                     {"location", hub.location},
                     {"allocationWeight", hub.weight},
                     {"applyAllocationPolicy", hub.allocates},
                     {"etag", hub.etag}};
    json::array latencies;
    for (const auto& rule : hub.latencies)
        latencies.push_back(json::object{{"network", rule.network_text()}, {"milliseconds", rule.milliseconds}});
    out["latencies"] = std::move(latencies);
    if (hub.own()) return out;
    out["connectionString"] =
        fmt::format("HostName={};SharedAccessKeyName={};SharedAccessKey={}", hub.name, hub.access->policy, mask);
    out["authenticationType"] = "KeyBased";
    out["address"] = hub.access->address;
    if (!hub.access->certificates.empty()) out["caCertificate"] = hub.access->certificates;
    out["state"] = state_json(*hub.state);
    return out;
}

}  // namespace

LinkedHubs::LinkedHubs(store::Store& store, const Clock& clock, Random& random, Outside& outside, std::string own_name)
    : store_(store),
      clock_(clock),
      random_(random),
      outside_(outside),
      own_name_(std::move(own_name)),
      reading_([this] { return read_anew(); }) {
    list_ = std::make_shared<const HubList>(std::vector{LinkedHub{.name = own_name_, .state = state_of("")}},
                                            AllocationPolicy::hashed);
}

std::shared_ptr<const HubList> LinkedHubs::current() const {
    const std::lock_guard lock(mutex_);
    return list_;
}

std::shared_ptr<HubState> LinkedHubs::state_of(const std::string& name) {
    const std::lock_guard lock(mutex_);
    auto& state = states_[to_lower(name)];
    if (!state) state = std::make_shared<HubState>();
    return state;
}

bool LinkedHubs::is_own(std::string_view name) const {
    return equals_ignore_case(name, own_name_);
}

Result<LinkedHub> LinkedHubs::from_record(const LinkedHubRecord& record) {
    LinkedHub hub{.name = record.name.empty() ? own_name_ : record.name,
                  .etag = record.etag,
                  .location = record.location,
                  .weight = record.weight,
                  .allocates = record.allocates,
                  .latencies = {},
                  .access = {},
                  .state = state_of(record.name)};
    if (!record.latencies.empty()) {
        MUSTER_TRY(const auto rules, parse_json(record.latencies));
        for (const auto& rule : rules.as_array()) {
            MUSTER_TRY(auto latency, HubLatency::parse(string_or(rule.as_object(), "network"),
                                                       rule.as_object().at("milliseconds").as_int64()));
            hub.latencies.push_back(std::move(latency));
        }
    }
    if (record.name.empty()) return hub;
    auto key = base64_decode(record.key);
    if (!key) return fail(Errc::internal, "the stored key of hub '{}' is not base64", record.name);
    hub.access = std::make_shared<const HubAccess>(
        HubAccess{record.address, record.policy, Secret(std::move(*key)), record.certificates});
    return hub;
}

Result<std::shared_ptr<const HubList>> LinkedHubs::read(Tx& tx) {
    std::vector<LinkedHub> hubs;
    MUSTER_TRY(auto records, tx.linked_hubs().list());
    if (records.empty() || !records.front().name.empty())
        hubs.push_back(LinkedHub{.name = own_name_, .state = state_of("")});
    for (auto& record : records) {
        // A service whose own name changed to that of a hub it had linked: that is now itself.
        if (!record.name.empty() && is_own(record.name)) continue;
        MUSTER_TRY(auto hub, from_record(record));
        hubs.push_back(std::move(hub));
        wipe(record.key.data(), record.key.size());
    }
    MUSTER_TRY(const auto setting, tx.settings().find(default_policy_setting));
    MUSTER_TRY(const auto policy, parse_allocation_policy(setting.value_or("hashed")));
    MUSTER_TRY(const auto version, tx.marks().find(store::hubs_version_mark));
    return std::make_shared<const HubList>(std::move(hubs), policy, version.value_or(0));
}

Result<> LinkedHubs::load() {
    std::shared_ptr<const HubList> list;
    MUSTER_CHECK(store_.transact_now([&](Tx& tx) -> Result<> {
        MUSTER_TRY(list, read(tx));
        return {};
    }));
    const std::lock_guard lock(mutex_);
    list_ = std::move(list);
    return {};
}

Task<Result<>> LinkedHubs::read_anew() {
    MUSTER_CO_TRY(auto list, co_await store_.read([&](Tx& tx) { return read(tx); }));
    {
        const std::lock_guard lock(mutex_);
        list_ = std::move(list);
    }
    if (changed_) changed_();
    co_return Result<>();
}

Task<Result<>> LinkedHubs::refresh() {
    co_return co_await reading_.ask();
}

Task<Result<>> LinkedHubs::catch_up() {
    if (!store_.is_shared()) co_return Result<>();
    MUSTER_CO_TRY(const auto newest,
                  co_await store_.read([](Tx& tx) { return tx.marks().find(store::hubs_version_mark); }));
    if (newest.value_or(0) == current()->version()) co_return Result<>();
    co_return co_await refresh();
}

Task<Result<>> LinkedHubs::make_sure() {
    if (!store_.is_shared()) co_return Result<>();
    co_return co_await lookout_.make_sure();
}

Task<Result<>> LinkedHubs::refresh_everywhere() {
    MUSTER_CO_CHECK(co_await refresh());
    if (store_.is_shared()) co_await Lookout::settle();
    co_return Result<>();
}

Task<Result<json::array>> LinkedHubs::list() {
    MUSTER_CO_CHECK(co_await catch_up());
    const auto hubs = current();
    json::array out;
    for (const auto& hub : hubs->all()) out.push_back(hub_json(hub));
    co_return out;
}

Task<Result<json::object>> LinkedHubs::get(std::string name) {
    MUSTER_CO_CHECK(co_await catch_up());
    const auto hubs = current();
    const auto* hub = hubs->find(name);
    if (hub == nullptr) co_return no_such_hub(name);
    co_return hub_json(*hub);
}

Result<LinkedHubRecord> LinkedHubs::record_from_json(const std::string& name, const json::object& body,
                                                     const LinkedHubRecord* existing) const {
    if (!is_host_name(name)) return fail(bad_body(fmt::format("'{}' is not the host name of a hub", printable(name))));
    const auto now = clock_.now();
    LinkedHubRecord record = existing != nullptr ? *existing : LinkedHubRecord{.name = stored_name(name)};
    record.etag = make_enrollment_etag(random_);
    record.created = existing != nullptr ? existing->created : now;
    record.updated = now;
    MUSTER_TRY(const auto connection, optional_string(body, "connectionString"));
    const bool given = connection && !connection->empty() && !connection->ends_with(mask);
    if (is_own(name)) {
        MUSTER_CHECK(check_own(body, name));
    } else if (given) {
        MUSTER_CHECK(read_connection_string(*connection, name, record));
    } else if (existing == nullptr) {
        return fail(bad_body("\"connectionString\" is missing"));
    }
    MUSTER_TRY(const auto address, optional_string(body, "address"));
    if (address && !address->empty()) {
        MUSTER_CHECK(check_address(*address));
        record.address = *address;
    }
    MUSTER_TRY(record.certificates, read_certificates(body));
    // Else whoever may change the link, but not read its key, could have a token made with it sent to a place of
    // theirs.
    const bool elsewhere =
        existing != nullptr && (record.address != existing->address || record.certificates != existing->certificates);
    if (elsewhere && !given)
        return fail(bad_body("a new \"address\" or \"caCertificate\" needs the whole \"connectionString\" again"));
    MUSTER_TRY(const auto location, optional_string(body, "location"));
    record.location = location.value_or("");
    MUSTER_TRY(const auto weight, optional_integer(body, "allocationWeight"));
    record.weight = weight.value_or(1);
    if (record.weight < 1 || record.weight > heaviest)
        return fail(bad_body(fmt::format("\"allocationWeight\" must be 1 to {}, not {}", heaviest, record.weight)));
    MUSTER_TRY(const auto allocates, optional_bool(body, "applyAllocationPolicy"));
    record.allocates = allocates.value_or(true);
    MUSTER_TRY(record.latencies, read_latencies(body));
    return record;
}

// A link that cannot work is better found now than by the first device.
Task<Result<>> LinkedHubs::try_out(const LinkedHubRecord& record) {
    MUSTER_CO_TRY(const auto hub, from_record(record));
    if (hub.own()) co_return Result<>();
    const auto failed = [](const Error& error) {
        return fail(bad_body(fmt::format("the hub was tried and did not work: {}", error.chain()))
                        .with_hint(error.code() == Errc::forbidden
                                       ? "the key must be right, and the policy needs RegistryRead, RegistryWrite and "
                                         "ServiceConnect: iothubowner has them"
                                       : "mend it, or link it untried (muster hub link --force)"));
    };
    const auto client = outside_.connect(hub);
    if (!client) co_return failed(client.error());
    const auto round_trip = co_await (*client)->probe();
    if (!round_trip) co_return failed(round_trip.error());
    // What the policy may not do, too: with an id that no device has.
    const auto nobody = "muster-link-" + hex_encode(random_.bytes(16));
    if (const auto read = co_await (*client)->read_twin(nobody); !read) co_return failed(read.error());
    if (const auto removed = co_await (*client)->remove_device(nobody, std::nullopt); !removed)
        co_return failed(removed.error());
    hub.state->measured(*round_trip);
    hub.state->works(clock_.now());
    co_return Result<>();
}

Task<Result<json::object>> LinkedHubs::put(std::string name, json::object body, std::optional<std::string> if_match,
                                           bool untried, store::Origin by) {
    const auto find = [&](Tx& tx) { return tx.linked_hubs().find(stored_name(name)); };
    MUSTER_CO_TRY(const auto before, co_await store_.read(find));
    MUSTER_CO_TRY(const auto record, record_from_json(name, body, before ? &*before : nullptr));
    if (!untried) MUSTER_CO_CHECK(co_await try_out(record));
    MUSTER_CO_CHECK(co_await store_.transact([&](Tx& tx) -> Result<> {
        MUSTER_TRY(const auto now, find(tx));
        if (now.has_value() != before.has_value() || (now && now->etag != before->etag))
            return fail(Errc::unavailable, "the link of '{}' was changed at the same time; try again", name);
        // The own hub is there, whether it has a record yet or not.
        if (if_match && !now && !is_own(name)) return no_such_hub(name);
        if (if_match && now) MUSTER_CHECK(check_if_match(*if_match, now->etag, fmt::format("the link of '{}'", name)));
        MUSTER_TRY(const auto all, tx.linked_hubs().list());
        if (!now && all.size() >= max_linked_hubs)
            return fail(Error(Errc::conflict, fmt::format("{} hubs are linked, which is the limit", all.size())));
        MUSTER_CHECK(tx.linked_hubs().put(record));
        json::object detail{{"etagAfter", record.etag}};
        if (now) detail["etagBefore"] = now->etag;
        if (now) detail["changed"] = changed_members(*now, record);
        return tx.journal().change(by, record.updated, now ? "hub.updated" : "hub.linked", name, detail);
    }));
    MUSTER_CO_CHECK(co_await refresh_everywhere());
    co_return co_await get(std::move(name));
}

Task<Result<>> LinkedHubs::remove(std::string name, std::optional<std::string> if_match, store::Origin by) {
    if (is_own(name))
        co_return fail(Error(Errc::conflict, fmt::format("'{}' is this service's own hub and stays", name))
                           .with_hint(fmt::format("to send no devices there: muster hub update {} "
                                                  "--apply-allocation-policy false",
                                                  name)));
    MUSTER_CO_CHECK(co_await store_.transact([&](Tx& tx) -> Result<> {
        MUSTER_TRY(const auto existing, tx.linked_hubs().find(name));
        if (!existing) return no_such_hub(name);
        if (if_match) MUSTER_CHECK(check_if_match(*if_match, existing->etag, fmt::format("the link of '{}'", name)));
        MUSTER_CHECK(tx.linked_hubs().erase(name));
        return tx.journal().change(by, clock_.now(), "hub.unlinked", existing->name, {{"etagBefore", existing->etag}});
    }));
    co_return co_await refresh_everywhere();
}

Task<Result<json::object>> LinkedHubs::default_policy() {
    MUSTER_CO_CHECK(co_await catch_up());
    co_return json::object{{"allocationPolicy", to_string(current()->default_policy())}};
}

Task<Result<json::object>> LinkedHubs::put_default_policy(json::object body, store::Origin by) {
    MUSTER_CO_TRY(const auto name, required_string(body, "allocationPolicy"));
    MUSTER_CO_TRY(const auto policy, parse_allocation_policy(name));
    if (policy == AllocationPolicy::custom)
        co_return fail(
            bad_body("the service's own policy cannot be custom: an enrollment names the webhook")
                .with_hint("muster enrollment-group update ID --allocation-policy custom --webhook-url URL"));
    MUSTER_CO_CHECK(co_await store_.transact([&](Tx& tx) -> Result<> {
        MUSTER_CHECK(tx.settings().put(default_policy_setting, to_string(policy)));
        return tx.journal().change(by, clock_.now(), "allocationPolicy.updated", to_string(policy), {});
    }));
    MUSTER_CO_CHECK(co_await refresh_everywhere());
    co_return co_await default_policy();
}

}  // namespace muster::provisioning
