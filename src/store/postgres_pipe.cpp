#include "store/postgres_pipe.h"

#include <algorithm>
#include <cerrno>
#include <deque>

#include "base/text.h"
#include "store/postgres_error.h"

namespace muster::store {
namespace {

// The server has the same deadline and speaks of it first; this one is for a server that no longer speaks.
constexpr std::chrono::seconds grace{2};

bool is_plain(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c != 0 && static_cast<unsigned char>(c) < 0x80; });
}

// PostgreSQL keeps no NUL in a text, and UTF-8 alone. What strangers sent may have either, and a transaction must not
// fail for it: it is kept as \xNN, and found again by the same bytes, as they are written the same way.
std::string storable(std::string_view text) {
    std::string out;
    for (const char c : as_utf8(text)) {
        if (c == 0) {
            out += "\\x00";
        } else {
            out += c;
        }
    }
    return out;
}

// Parameters as libpq takes them. Numbers go as text, which fits whatever type the server infers; texts and bytes as
// they are, in the binary format, since the other one ends at the first NUL.
class Parameters {
public:
    explicit Parameters(std::initializer_list<Value> values) : numbers_(values.size()) {
        for (const auto& value : values) add(value);
    }
    int count() const { return static_cast<int>(values_.size()); }
    const char* const* values() const { return values_.data(); }
    const int* lengths() const { return lengths_.data(); }
    const int* formats() const { return formats_.data(); }

private:
    void add(const Value& value) {
        const auto index = values_.size();
        switch (value.kind()) {
            case Value::Kind::null: push(nullptr, 0, 0); break;
            case Value::Kind::integer: {
                auto& digits = numbers_[index];
                *fmt::format_to(digits.data(), "{}", value.number()) = 0;
                push(digits.data(), 0, 0);
                break;
            }
            case Value::Kind::text:
                push_view(is_plain(value.view()) ? value.view()
                                                 : std::string_view(texts_.emplace_back(storable(value.view()))));
                break;
            case Value::Kind::bytes: push_view(value.view()); break;
        }
    }
    // A null pointer would be NULL; the empty text and the empty blob are not.
    void push_view(std::string_view view) { push(view.empty() ? "" : view.data(), static_cast<int>(view.size()), 1); }
    void push(const char* value, int length, int format) {
        values_.push_back(value);
        lengths_.push_back(length);
        formats_.push_back(format);
    }

    std::vector<std::array<char, 24>> numbers_;
    std::deque<std::string> texts_;
    std::vector<const char*> values_;
    std::vector<int> lengths_;
    std::vector<int> formats_;
};

bool failed(const PostgresResult& result) {
    return PQresultStatus(result.get()) == PGRES_FATAL_ERROR;
}

}  // namespace

PostgresPipe::PostgresPipe(PostgresHandle handle, std::chrono::milliseconds deadline, const StopSignal& interrupted)
    : handle_(std::move(handle)), deadline_(deadline + grace), interrupted_(interrupted) {}

std::unexpected<Error> PostgresPipe::lose(std::string_view why) {
    lost_ = true;
    return fail(Error(Errc::unavailable,
                      fmt::format("the connection to the database {} was lost: {}", database_name(get()), why))
                    .with_hint(std::string(lost_connection_hint)));
}

Result<> PostgresPipe::wait(short events, Clock::time_point until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    std::array<pollfd, 2> waits{pollfd{.fd = PQsocket(get()), .events = events, .revents = 0},
                                pollfd{.fd = interrupted_.fd(), .events = POLLIN, .revents = 0}};
    const auto ready = ::poll(waits.data(), waits.size(), static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (ready < 0 && errno != EINTR) return lose("it cannot be polled");
    if (waits[1].revents != 0) return lose("musterd is closing");
    if (ready == 0) return lose("it does not answer");
    return {};
}

std::string PostgresPipe::prepare(std::string_view sql) {
    if (const auto known = prepared_.find(sql); known != prepared_.end()) return known->second;
    auto name = fmt::format("m{}", ++names_);
    const std::string text(sql);
    if (PQsendPrepare(get(), name.c_str(), text.c_str(), 0, nullptr) == 0) lost_ = true;
    commands_.push_back({.prepares = text, .name = name});
    return name;
}

void PostgresPipe::add(std::string_view sql, std::initializer_list<Value> parameters) {
    if (lost_) return;
    if (PQpipelineStatus(get()) == PQ_PIPELINE_OFF && PQenterPipelineMode(get()) == 0) {
        lost_ = true;
        return;
    }
    send(prepare(sql), parameters);
}

void PostgresPipe::send(const std::string& name, std::initializer_list<Value> parameters) {
    const Parameters sent(parameters);
    constexpr int binary = 1;
    if (PQsendQueryPrepared(get(), name.c_str(), sent.count(), sent.values(), sent.lengths(), sent.formats(), binary) ==
        0)
        lost_ = true;
    commands_.push_back({});
}

Result<> PostgresPipe::flush(Clock::time_point until) {
    for (;;) {
        const int left = PQflush(get());
        if (left == 0) return {};
        if (left < 0) return lose(on_one_line(PQerrorMessage(get())));
        MUSTER_CHECK(wait(POLLIN | POLLOUT, until));
        // What it sends meanwhile is taken, or both sides might wait for each other.
        if (PQconsumeInput(get()) == 0) return lose(on_one_line(PQerrorMessage(get())));
    }
}

Result<PostgresResult> PostgresPipe::next_result(Clock::time_point until) {
    while (PQisBusy(get()) != 0) {
        MUSTER_CHECK(wait(POLLIN, until));
        // A server that goes down says why before it closes: then there is a result to be had all the same.
        if (PQconsumeInput(get()) == 0) break;
    }
    return PostgresResult(PQgetResult(get()));
}

Result<std::vector<PostgresResult>> PostgresPipe::receive(Clock::time_point until) {
    std::vector<PostgresResult> results;
    // A null result stands between two commands; more of them than commands come from a dead connection alone.
    for (auto ends = commands_.size() + 1; ends > 0;) {
        MUSTER_TRY(auto result, next_result(until));
        if (!result) {
            --ends;
            if (PQstatus(get()) == CONNECTION_BAD) break;
            continue;
        }
        const auto status = PQresultStatus(result.get());
        if (status == PGRES_PIPELINE_SYNC) return results;
        if (status != PGRES_PIPELINE_ABORTED) results.push_back(std::move(result));
    }
    lost_ = true;
    if (!results.empty() && failed(results.back())) return results;
    return lose(on_one_line(PQerrorMessage(get())));
}

// Those of executions, and that of a preparation only when it failed; what was prepared is known from now on.
std::vector<PostgresResult> PostgresPipe::sort(std::vector<PostgresResult> results) {
    std::vector<PostgresResult> wanted;
    for (std::size_t i = 0; i < results.size(); ++i) {
        const bool prepares = i < commands_.size() && !commands_[i].prepares.empty();
        if (prepares && !failed(results[i])) {
            prepared_.emplace(std::move(commands_[i].prepares), std::move(commands_[i].name));
        } else {
            wanted.push_back(std::move(results[i]));
        }
    }
    return wanted;
}

Result<std::vector<PostgresResult>> PostgresPipe::exchange() {
    if (lost_ || PQpipelineSync(get()) == 0) return lose(on_one_line(PQerrorMessage(get())));
    const auto until = deadline();
    MUSTER_CHECK(flush(until));
    MUSTER_TRY(auto results, receive(until));
    auto sorted = sort(std::move(results));
    commands_.clear();
    return sorted;
}

Result<std::vector<PostgresResult>> PostgresPipe::script(const std::string& sql) {
    const bool in_pipeline = !lost_ && PQpipelineStatus(get()) != PQ_PIPELINE_OFF;
    if (lost_ || (in_pipeline && PQexitPipelineMode(get()) == 0) || PQsendQuery(get(), sql.c_str()) == 0)
        return lose(on_one_line(PQerrorMessage(get())));
    const auto until = deadline();
    MUSTER_CHECK(flush(until));
    std::vector<PostgresResult> results;
    for (;;) {
        MUSTER_TRY(auto result, next_result(until));
        if (!result) break;
        results.push_back(std::move(result));
    }
    if (PQstatus(get()) != CONNECTION_BAD) return results;
    lost_ = true;
    if (!results.empty() && failed(results.back())) return results;
    return lose(on_one_line(PQerrorMessage(get())));
}

Result<> PostgresPipe::wait_for_notifications(std::chrono::milliseconds time, const StopSignal& ended,
                                              const std::function<void(std::string_view)>& each) {
    std::array<pollfd, 2> waits{pollfd{.fd = PQsocket(get()), .events = POLLIN, .revents = 0},
                                pollfd{.fd = ended.fd(), .events = POLLIN, .revents = 0}};
    using Notification = std::unique_ptr<PGnotify, Freer<PQfreemem>>;
    // What came along with the answer to a statement is there already.
    auto next = Notification(PQnotifies(get()));
    if (!next) {
        if (::poll(waits.data(), waits.size(), static_cast<int>(time.count())) < 0 && errno != EINTR)
            return lose("it cannot be polled");
        if (waits[1].revents != 0) return lose("musterd is closing");
        if (waits[0].revents != 0 && PQconsumeInput(get()) == 0) return lose(on_one_line(PQerrorMessage(get())));
        next.reset(PQnotifies(get()));
    }
    for (; next; next.reset(PQnotifies(get()))) each(next->extra);
    return {};
}

}  // namespace muster::store
