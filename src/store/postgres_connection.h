// One connection to PostgreSQL as a Session. Of one thread.
//
// The first statement that fails ends the transaction, as it does at the server: all that follow answer the same error,
// and so does `commit`, whatever the work makes of it.
#pragma once

#include <memory>
#include <optional>

#include "store/postgres_error.h"
#include "store/postgres_pipe.h"
#include "store/postgres_settings.h"

namespace muster::store {

class PostgresConnection final : public Session {
public:
    enum class Use { writing, reading };
    // `interrupted` ends the connecting and every statement later; it must outlive the connection. Errors: those of
    // PostgresDriver::open.
    static Result<std::unique_ptr<PostgresConnection>> open(const PostgresSettings& settings, Use use,
                                                            const StopSignal& interrupted);

    Result<> query(std::string_view sql, std::initializer_list<Value> parameters,
                   const std::function<void(const Row&)>& each) override;
    Result<std::int64_t> execute(std::string_view sql, std::initializer_list<Value> parameters) override;
    // In the dialect of store/schema.cpp.
    Result<> script(std::string_view sql) override;
    // Told by the commit.
    Result<> announce(Topic topic) override;
    bool is_shared() const override { return true; }

    // A transaction that begins with its next statement, in the same round trip. `how` outlives it:
    // "BEGIN ISOLATION LEVEL SERIALIZABLE". From now on it has the settings' `transaction_deadline`, its commit another
    // statement's.
    void begin(std::string_view how);
    // Announcements go out in the name of `sender` (store/postgres_announcement.h).
    Result<> commit(std::string_view sender);
    // What this transaction announces.
    std::vector<Topic> announced() const;
    void roll_back();
    // What the first statement that failed since `begin` met, the commit among them.
    const std::optional<PostgresFailure>& failure() const { return failure_; }
    // It is of no more use.
    bool lost() const { return pipe_.lost(); }
    PostgresPipe& pipe() { return pipe_; }

private:
    PostgresConnection(PostgresHandle handle, const PostgresSettings& settings, const StopSignal& interrupted)
        : pipe_(std::move(handle), settings.statement_deadline, interrupted),
          transaction_deadline_(settings.transaction_deadline) {
        PQsetNoticeReceiver(pipe_.get(), hear, this);
    }

    static void hear(void* self, const PGresult* notice);
    Result<> set_up(const PostgresSettings& settings, Use use);
    Result<> check_time();
    Result<PostgresResult> run(std::string_view sql, std::initializer_list<Value> parameters, std::string_view doing);
    Result<PostgresResult> last_of(Result<std::vector<PostgresResult>> results, std::string_view doing);
    std::unexpected<Error> note(PostgresFailure failure);
    Result<> announce_all(std::string_view sender);

    PostgresPipe pipe_;
    const std::chrono::milliseconds transaction_deadline_;
    std::string_view begin_;  // to be sent with the next statement
    bool begun_ = false;
    std::optional<PostgresFailure> failure_;
    unsigned announced_ = 0;  // one bit for each topic
    std::string warning_;     // what the server warned of last
};

}  // namespace muster::store
