#include "edge/keyd/routes.h"

#include "base/text.h"
#include "edge/service/daemon.h"

namespace muster::edge::keyd {
namespace {

constexpr auto an_object = Member::Kind::object;
constexpr auto a_string = Member::Kind::string;
constexpr std::string_view first_version = "2020-09-01";
constexpr std::string_view second_version = "2021-05-01";  // delete and move

Reply handle_reply(std::string handle) {
    return {200, json::object{{"keyHandle", std::move(handle)}}};
}

Reply bytes_reply(std::string_view name, ByteView bytes) {
    return {200, json::object{{name, base64_encode(bytes)}}};
}

Result<Bytes> decode(const json::object& object, std::string_view name) {
    MUSTER_TRY(const auto text, required_string(object, name));
    auto bytes = base64_decode(text);
    if (!bytes) return fail(Errc::invalid_argument, "parameter \"{}\" has an invalid value: it is not base64", name);
    return std::move(*bytes);
}

std::unexpected<Error> unknown_algorithm(std::string_view algorithm, std::string_view known) {
    return fail(Errc::invalid_argument, "parameter \"algorithm\" has an invalid value \"{}\"; known: {}",
                printable(algorithm, 40), known);
}

// One route's work.
using Operation = Result<Reply> (*)(Keys&, const Call&);

Result<Reply> create_key(Keys& keys, const Call& call) {
    std::optional<Secret> import;
    if (find_member(call.body, "keyBytes") != nullptr) {
        MUSTER_TRY(auto bytes, decode(call.body, "keyBytes"));
        import.emplace(std::move(bytes));
    }
    return reply_with(keys.create_key(call.uid, call.text("keyId"), std::move(import), call.text("usage")),
                      handle_reply);
}

Result<Reply> load_key(Keys& keys, const Call& call) {
    return reply_with(keys.load_key(call.uid, call.ids[0]), handle_reply);
}

Result<Reply> delete_key(Keys& keys, const Call& call) {
    return reply_with(keys.remove(call.uid, call.text("keyHandle"), KeyRef::Kind::key), Reply::no_content);
}

Result<Reply> create_pair(Keys& keys, const Call& call) {
    return reply_with(keys.create_pair(call.uid, call.text("keyId"), call.text("preferredAlgorithms")), handle_reply);
}

Result<Reply> load_pair(Keys& keys, const Call& call) {
    return reply_with(keys.load_pair(call.uid, call.ids[0]), handle_reply);
}

Result<Reply> move_pair(Keys& keys, const Call& call) {
    return reply_with(keys.move_pair(call.uid, call.text("from"), call.ids[0]), Reply::no_content);
}

Result<Reply> delete_pair(Keys& keys, const Call& call) {
    return reply_with(keys.remove(call.uid, call.text("keyHandle"), KeyRef::Kind::key_pair), Reply::no_content);
}

Result<Reply> parameter(Keys& keys, const Call& call) {
    MUSTER_TRY(auto value, keys.parameter(call.text("keyHandle"), call.ids[0]));
    return Reply{200, json::object{{"value", std::move(value)}}};
}

Result<Reply> derive(Keys& keys, const Call& call) {
    MUSTER_TRY(auto derivation, decode(call.body, "derivationData"));
    return reply_with(keys.derive(call.text("baseKeyHandle"), std::move(derivation)), handle_reply);
}

Result<Reply> export_derived(Keys& keys, const Call& call) {
    MUSTER_TRY(const auto key, keys.export_derived(call.text("keyHandle")));
    return bytes_reply("key", key.bytes());
}

Result<Reply> sign(Keys& keys, const Call& call) {
    const auto algorithm = call.text("algorithm");
    const auto handle = call.text("keyHandle");
    const auto& parameters = call.object("parameters");
    if (algorithm == "ECDSA") {
        MUSTER_TRY(const auto digest, decode(parameters, "digest"));
        MUSTER_TRY(const auto signature, keys.sign_ecdsa(handle, digest));
        return bytes_reply("signature", signature);
    }
    if (algorithm != "HMAC-SHA256") return unknown_algorithm(algorithm, "ECDSA, HMAC-SHA256");
    MUSTER_TRY(const auto message, decode(parameters, "message"));
    MUSTER_TRY(const auto signature, keys.sign_hmac(handle, message));
    return bytes_reply("signature", signature);
}

Result<Reply> encrypt(Keys& keys, const Call& call) {
    const auto algorithm = call.text("algorithm");
    const auto handle = call.text("keyHandle");
    MUSTER_TRY(const auto plaintext, decode(call.body, "plaintext"));
    if (algorithm == "RSA-PKCS1" || algorithm == "RSA-NO-PADDING") {
        MUSTER_TRY(const auto output, keys.rsa_private(handle, algorithm, plaintext));
        return bytes_reply("ciphertext", output);
    }
    if (algorithm != "AEAD") return unknown_algorithm(algorithm, "AEAD, RSA-PKCS1, RSA-NO-PADDING");
    MUSTER_TRY(const auto* parameters, optional_object(call.body, "parameters"));
    if (parameters == nullptr) return fail(Errc::invalid_argument, "parameter \"parameters\" is missing");
    MUSTER_TRY(const auto iv, decode(*parameters, "iv"));
    MUSTER_TRY(const auto aad, decode(*parameters, "aad"));
    MUSTER_TRY(const auto ciphertext, keys.encrypt(handle, iv, aad, plaintext));
    return bytes_reply("ciphertext", ciphertext);
}

Result<Reply> decrypt(Keys& keys, const Call& call) {
    const auto algorithm = call.text("algorithm");
    if (algorithm != "AEAD") return unknown_algorithm(algorithm, "AEAD");
    const auto& parameters = call.object("parameters");
    MUSTER_TRY(const auto iv, decode(parameters, "iv"));
    MUSTER_TRY(const auto aad, decode(parameters, "aad"));
    MUSTER_TRY(const auto ciphertext, decode(call.body, "ciphertext"));
    MUSTER_TRY(const auto plaintext, keys.decrypt(call.text("keyHandle"), iv, aad, ciphertext));
    return bytes_reply("plaintext", plaintext.bytes());
}

using Kind = TokenThreads::Kind;

struct Entry {
    std::string_view method;
    std::string_view pattern;
    std::string_view since;
    std::vector<Member> body;
    Operation operation;
    Kind kind = Kind::use;
};

std::vector<Entry> entries() {
    const Member key_id{"keyId"}, handle{"keyHandle"}, algorithm{"algorithm"};
    const Member parameters{"parameters", an_object};
    return {
        {"POST", "/key", first_version, {key_id, {"keyBytes", a_string, false}, {"usage"}}, create_key, Kind::change},
        {"GET", "/key/{}", first_version, {}, load_key},
        {"DELETE", "/key", second_version, {handle}, delete_key, Kind::change},
        {"POST",
         "/keypair",
         first_version,
         {key_id, {"preferredAlgorithms", a_string, false}},
         create_pair,
         Kind::change},
        {"GET", "/keypair/{}", first_version, {}, load_pair},
        {"POST", "/keypair/{}", second_version, {{"from"}}, move_pair, Kind::change},
        {"DELETE", "/keypair", second_version, {handle}, delete_pair, Kind::change},
        {"POST", "/parameters/{}", first_version, {handle}, parameter},
        {"POST", "/derivedkey", first_version, {{"baseKeyHandle"}, {"derivationData"}}, derive},
        {"POST", "/derivedkey/export", first_version, {handle}, export_derived},
        {"POST", "/sign", first_version, {handle, algorithm, parameters}, sign},
        {"POST",
         "/encrypt",
         first_version,
         {handle, algorithm, {"parameters", an_object, false}, {"plaintext"}},
         encrypt},
        {"POST", "/decrypt", first_version, {handle, algorithm, parameters, {"ciphertext"}}, decrypt},
    };
}

// The ids of the keys that a call is about; none when it does not say, and is refused for that.
std::vector<std::string> ids_of(const Keys& keys, const Call& call) {
    if (const auto handle = call.text("keyHandle"); !handle.empty()) {
        auto id = keys.id_of(handle);
        return id ? std::vector{std::move(*id)} : std::vector<std::string>();
    }
    auto ids = call.ids;
    for (const auto* name : {"keyId", "from"})
        if (auto id = call.text(name); !id.empty()) ids.push_back(std::move(id));
    return ids;
}

// The first of them for which a token is asked, with its token; nothing when there is none.
std::optional<TokenThreads::Asked> asked_of_token(const Keys& keys, const Call& call) {
    for (auto& id : ids_of(keys, call))
        if (auto token = keys.token_asked_for(id)) return TokenThreads::Asked{std::move(*token), std::move(id)};
    return std::nullopt;
}

// A token that hangs holds the places of those who wait for it, and not those for other keys.
std::string queue_of(const Keys& keys, const Call& call) {
    auto asked = asked_of_token(keys, call);
    return asked ? "token " + asked->token : std::string();
}

}  // namespace

std::unique_ptr<Router> make_router(Keys& keys, Places places, Admission::Limits limits) {
    std::vector<Route> routes;
    for (auto& entry : entries()) {
        auto handler = [&keys, places, operation = entry.operation,
                        kind = entry.kind](Call call) -> Task<Result<Reply>> {
            auto asked = asked_of_token(keys, call);
            // It may be gone before a token that hangs comes back.
            call.request = nullptr;
            auto work = [&keys, operation, call = std::move(call)] { return operation(keys, call); };
            if (!asked) co_return co_await run_on(places.files, std::move(work));
            co_return co_await places.tokens->run(std::move(*asked), kind, std::move(work));
        };
        routes.push_back({entry.method, entry.pattern, entry.since, std::move(entry.body), std::move(handler)});
    }
    return std::make_unique<Router>(std::vector{first_version, second_version}, std::move(routes), usual_status, limits,
                                    [&keys](const Call& call) { return queue_of(keys, call); });
}

}  // namespace muster::edge::keyd
