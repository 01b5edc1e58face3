// Enrollments written by the service's bulk API, several calls at a time.
#pragma once

#include <boost/asio/io_context.hpp>

#include <functional>
#include <map>

#include "base/task.h"
#include "muster/bulk/import_progress.h"
#include "muster/bulk/reader.h"
#include "muster/client.h"

namespace muster::cli {

struct ImporterOptions {
    bool replace = false;         // those that are there already, too
    std::size_t concurrency = 8;  // calls at a time
    TimePoint now;                // of the command's start
    // How long a service that is busy or away is waited for.
    std::chrono::seconds patience{300};
};

class Importer {
public:
    // `skip`: records that a run before has done with. `seen` is called as records are done with, in their order.
    using Seen = std::function<Result<>(const ImportCounts&, const std::vector<ImportFailure>&)>;
    Importer(const Target& target, BulkReader& reader, ImporterOptions options, std::size_t skip, Seen seen)
        : target_(target), reader_(reader), options_(options), skip_(skip), seen_(std::move(seen)) {}

    // To the end of the file, or the first error that no record is to blame for.
    Result<> run();

private:
    using Monotonic = std::chrono::steady_clock;
    struct Batch {
        std::size_t number = 0;
        bool group = false;
        std::vector<BulkRecord> records;
    };
    struct Outcome {
        ImportCounts counts;
        std::vector<ImportFailure> failures;
    };
    // What the service says of one record; code 0: done.
    struct Answer {
        std::int64_t code = 0;
        std::string message;
    };

    Task<> worker(std::shared_ptr<net::HttpClient> http);
    Task<Result<>> work(net::HttpClient& http);
    Result<std::optional<Batch>> next_batch();
    Result<std::optional<BulkRecord>> next_record();
    void note_duplicate(BulkRecord& record);
    Task<Result<Outcome>> write(net::HttpClient& http, const Batch& batch);
    // The answers to those records, in their order.
    Task<Result<std::vector<Answer>>> bulk(net::HttpClient& http, bool group, const std::string& mode,
                                           std::vector<const BulkRecord*> records);
    Task<Result<bool>> group_exists(net::HttpClient& http, const std::string& id);
    Task<Result<net::HttpResponse>> send(net::HttpClient& http, const Call& call);
    Task<> rest(std::chrono::milliseconds time);
    Result<> done(std::size_t number, Outcome outcome);
    TimePoint now() const;

    const Target& target_;
    BulkReader& reader_;
    ImporterOptions options_;
    std::size_t skip_;
    Seen seen_;
    boost::asio::io_context loop_{1};
    Monotonic::time_point began_ = Monotonic::now();
    std::size_t next_number_ = 0;
    std::size_t next_seen_ = 0;
    std::map<std::size_t, Outcome> waiting_;      // done before those in front of them
    std::map<std::uint64_t, std::size_t> lines_;  // of the ids so far, by their hashes
    std::optional<BulkRecord> left_;              // read, and not for the batch before
    std::optional<Error> error_;
};

}  // namespace muster::cli
