#include "muster/bulk/importer.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/bytes.h"
#include "base/text.h"
#include "muster/output.h"

namespace muster::cli {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr std::size_t items_of_a_call = 10;       // the API's bound
constexpr std::size_t bytes_of_a_call = 150'000;  // well below what the service takes
constexpr std::int64_t exists_already = 409203;
constexpr milliseconds first_pause{500};
constexpr milliseconds longest_pause{30'000};

std::string_view id_member(bool group) {
    return group ? "enrollmentGroupId" : "registrationId";
}

std::string collection(bool group) {
    return group ? "enrollmentGroups" : "enrollments";
}

std::uint64_t hash_of(std::string_view text) {
    // FNV-1a: two different ids of one file that meet in 64 bits would be told as a duplicate, which is one in 10^9.
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return hash;
}

bool may_be_sent_again(const Result<net::HttpResponse>& response) {
    if (!response) return response.error().code() == Errc::unavailable || response.error().code() == Errc::timeout;
    return response->status == 429 || response->status == 503;
}

milliseconds pause_of(const Result<net::HttpResponse>& response, milliseconds otherwise) {
    if (!response) return otherwise;
    const auto told = parse_integer<unsigned>(response->headers.get("Retry-After"));
    return told ? std::max(otherwise, milliseconds(std::chrono::seconds(*told))) : otherwise;
}

}  // namespace

TimePoint Importer::now() const {
    return options_.now + std::chrono::duration_cast<Micros>(Monotonic::now() - began_);
}

Result<> Importer::run() {
    for (std::size_t i = 0; i < skip_; ++i) {
        MUSTER_TRY(const auto record, next_record());
        if (!record) return fail(Errc::conflict, "the file has fewer records than a run before has read of it");
    }
    for (std::size_t i = 0; i < options_.concurrency; ++i) {
        MUSTER_TRY(auto http, open_connection(target_));
        asio::co_spawn(loop_, worker(std::move(http)), asio::detached);
    }
    loop_.run();
    if (error_) return fail(std::move(*error_));
    return {};
}

Task<> Importer::worker(std::shared_ptr<net::HttpClient> http) {
    auto outcome = co_await work(*http);
    if (!outcome && !error_) error_ = std::move(outcome).error();
    http->close();
}

// The others come to their end with the batch they have in hand.
Task<Result<>> Importer::work(net::HttpClient& http) {
    while (!error_) {
        MUSTER_CO_TRY(const auto batch, next_batch());
        if (!batch) co_return Result<>();
        MUSTER_CO_TRY(auto outcome, co_await write(http, *batch));
        MUSTER_CO_CHECK(done(batch->number, std::move(outcome)));
    }
    co_return Result<>();
}

void Importer::note_duplicate(BulkRecord& record) {
    const auto key = hash_of(fmt::format("{}/{}", collection(record.group), to_lower(record.id)));
    const auto [place, is_new] = lines_.emplace(key, record.line);
    if (!is_new) record.fault = fmt::format("the same id stands in line {}", place->second);
}

Result<std::optional<BulkRecord>> Importer::next_record() {
    MUSTER_TRY(auto record, reader_.next());
    if (record && record->fault.empty()) note_duplicate(*record);
    return record;
}

Result<std::optional<Importer::Batch>> Importer::next_batch() {
    Batch batch;
    std::size_t bytes = 0;
    while (batch.records.size() < items_of_a_call) {
        if (!left_) {
            MUSTER_TRY(left_, next_record());
        }
        if (!left_) break;
        const auto size = json::serialize(left_->enrollment).size();
        const bool fits = batch.records.empty() || (left_->group == batch.group && bytes + size <= bytes_of_a_call);
        if (!fits) break;
        bytes += size;
        batch.group = left_->group;
        batch.records.push_back(std::move(*left_));
        left_.reset();
    }
    if (batch.records.empty()) return std::nullopt;
    batch.number = next_number_++;
    return batch;
}

Task<Result<Importer::Outcome>> Importer::write(net::HttpClient& http, const Batch& batch) {
    Outcome outcome;
    outcome.counts.records = batch.records.size();
    std::vector<const BulkRecord*> sent;
    for (const auto& record : batch.records) {
        if (record.fault.empty()) {
            sent.push_back(&record);
        } else {
            outcome.failures.push_back({record.line, record.id, 0, record.fault});
        }
    }
    std::vector<const BulkRecord*> there;
    const auto count = [&](const BulkRecord& record, const Answer& answer, std::size_t& done) {
        if (answer.code == 0) {
            ++done;
        } else {
            outcome.failures.push_back({record.line, record.id, answer.code, answer.message});
        }
    };
    MUSTER_CO_TRY(const auto created, co_await bulk(http, batch.group, "create", sent));
    for (std::size_t i = 0; i < sent.size(); ++i) {
        bool exists = created[i].code == exists_already;
        // The same code says that a group's certificate is another group's.
        if (exists && batch.group) {
            MUSTER_CO_TRY(exists, co_await group_exists(http, sent[i]->id));
        }
        if (exists) {
            there.push_back(sent[i]);
        } else {
            count(*sent[i], created[i], outcome.counts.created);
        }
    }
    if (options_.replace) {
        MUSTER_CO_TRY(const auto updated, co_await bulk(http, batch.group, "update", there));
        for (std::size_t i = 0; i < there.size(); ++i) count(*there[i], updated[i], outcome.counts.updated);
    } else {
        outcome.counts.existing = there.size();
    }
    outcome.counts.failed = outcome.failures.size();
    std::ranges::sort(outcome.failures, {}, &ImportFailure::line);
    co_return outcome;
}

Task<Result<std::vector<Importer::Answer>>> Importer::bulk(net::HttpClient& http, bool group, const std::string& mode,
                                                           std::vector<const BulkRecord*> records) {
    std::vector<Answer> answers(records.size());
    if (records.empty()) co_return answers;
    json::array items;
    for (const auto* record : records) items.push_back(record->enrollment);
    const Call call{.what = fmt::format("write {}", collection(group)),
                    .method = "POST",
                    .path = "/" + collection(group),
                    .body = json::object{{"mode", mode}, {collection(group), std::move(items)}}};
    MUSTER_CO_TRY(const auto response, co_await send(http, call));
    if (response.status >= 300) {
        const auto error = error_of_answer(response, call);
        const bool is_ours = response.status == 400 || response.status == 413;
        if (!is_ours) co_return fail(error);
        if (records.size() == 1) {
            answers.front() = {response.status * 1000, error.chain()};
            co_return answers;
        }
        // One of them spoils the call: each for itself.
        for (std::size_t i = 0; i < records.size(); ++i) {
            MUSTER_CO_TRY(const auto alone, co_await bulk(http, group, mode, {records[i]}));
            answers[i] = alone.front();
        }
        co_return answers;
    }
    auto body = parse_json_object(response.body);
    if (!body) co_return fail(body.error().wrap(fmt::format("cannot {}: the answer is not JSON", call.what)));
    const auto* errors = find_member(*body, "errors");
    if (errors == nullptr || !errors->is_array()) co_return answers;
    for (const auto& entry : errors->as_array()) {
        if (!entry.is_object()) continue;
        const auto& error = entry.as_object();
        const auto id = string_or(error, id_member(group));
        const auto found =
            std::ranges::find_if(records, [&](const auto* record) { return equals_ignore_case(record->id, id); });
        const auto code = optional_integer(error, "errorCode");
        if (found == records.end())
            co_return fail(Errc::invalid_argument, "cannot {}: the answer tells of '{}', which was not sent", call.what,
                           printable(id));
        answers[static_cast<std::size_t>(found - records.begin())] = {code && *code && **code != 0 ? **code : -1,
                                                                      string_or(error, "errorStatus")};
    }
    co_return answers;
}

Task<Result<bool>> Importer::group_exists(net::HttpClient& http, const std::string& id) {
    const Call call{.what = fmt::format("look at group '{}'", id), .path = "/enrollmentGroups/" + percent_encode(id)};
    MUSTER_CO_TRY(const auto response, co_await send(http, call));
    if (response.status == 404) co_return false;
    if (response.status >= 300) co_return fail(error_of_answer(response, call));
    co_return true;
}

// Again after a pause, for as long as our patience goes, when the service is busy or away.
Task<Result<net::HttpResponse>> Importer::send(net::HttpClient& http, const Call& call) {
    const auto until = Monotonic::now() + options_.patience;
    for (auto pause = first_pause;; pause = std::min(pause * 2, longest_pause)) {
        auto response = co_await http.send(make_request(call, target_, now()));
        if (!may_be_sent_again(response) || Monotonic::now() >= until) {
            if (!response) co_return fail(transport_error(response.error(), target_, call));
            if (may_be_sent_again(response)) co_return fail(error_of_answer(*response, call));
            co_return response;
        }
        if (error_) co_return fail(*error_);
        co_await rest(pause_of(response, pause));
    }
}

Task<> Importer::rest(milliseconds time) {
    asio::steady_timer timer(loop_, time);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

Result<> Importer::done(std::size_t number, Outcome outcome) {
    waiting_.emplace(number, std::move(outcome));
    for (auto first = waiting_.find(next_seen_); first != waiting_.end(); first = waiting_.find(next_seen_)) {
        MUSTER_CHECK(seen_(first->second.counts, first->second.failures));
        waiting_.erase(first);
        ++next_seen_;
    }
    return {};
}

}  // namespace muster::cli
