#include "muster/cert/fleet.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "muster/cert/progress.h"

namespace muster::cli::cert {
namespace {

// So many share one sync to disk; so many are at most half done at a crash.
constexpr std::size_t batch_size = 128;

class FleetRun {
public:
    FleetRun(const Fleet& fleet, const Maker& maker, Existing existing)
        : fleet_(fleet), maker_(maker), existing_(existing) {}

    Result<FleetResult> run() {
        Progress progress(fleet_.count);
        {
            std::vector<std::jthread> workers;
            for (std::size_t i = 0; i < worker_count(); ++i) workers.emplace_back([this] { work(); });
            wait(progress);
        }
        progress.finish();
        if (failure_) return fail(std::move(*failure_));
        return std::move(result_);
    }

private:
    std::size_t batch_count() const { return (fleet_.count + batch_size - 1) / batch_size; }
    std::size_t worker_count() const {
        const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
        return std::min(cores, batch_count());
    }

    void wait(Progress& progress) {
        std::unique_lock lock(mutex_);
        while (!finished_.wait_for(lock, std::chrono::milliseconds(200), [this] { return idle_ == worker_count(); })) {
            progress.show(result_.made + result_.kept);
        }
    }

    void work() {
        for (std::size_t batch = next_++; batch < batch_count(); batch = next_++) {
            const std::size_t end = std::min(fleet_.count, (batch + 1) * batch_size);
            auto result = make_batch(batch * batch_size, end);
            const std::lock_guard lock(mutex_);
            if (result) {
                add(std::move(*result));
            } else if (!failure_) {
                failure_ = std::move(result).error();
            }
            if (failure_) break;
        }
        const std::lock_guard lock(mutex_);
        ++idle_;
        finished_.notify_one();
    }

    Result<FleetResult> make_batch(std::size_t from, std::size_t to) {
        FleetResult result;
        FileBatch files;
        for (std::size_t number = from; number < to; ++number) {
            const Subject subject = fleet_.subject(number);
            if (existing_ == Existing::keep && maker_.is_complete(subject.prefix)) {
                ++result.kept;
                continue;
            }
            MUSTER_TRY(result.last, maker_.make(subject, files, random_));
            ++result.made;
        }
        MUSTER_CHECK(files.commit());
        return result;
    }

    void add(FleetResult batch) {
        result_.made += batch.made;
        result_.kept += batch.kept;
        if (batch.last) result_.last = std::move(batch.last);
    }

    const Fleet& fleet_;
    const Maker& maker_;
    const Existing existing_;
    SystemRandom random_;
    std::atomic<std::size_t> next_ = 0;

    std::mutex mutex_;  // of what follows
    std::condition_variable finished_;
    std::size_t idle_ = 0;
    FleetResult result_;
    std::optional<Error> failure_;
};

std::string existing_hint(const Fleet& fleet) {
    const std::string force = "--force replaces it; the old key and certificate are lost then.";
    return fleet.count == 1 ? force : "--resume makes those that are missing. " + force;
}

}  // namespace

Result<> check_fleet(const Fleet& fleet, const Maker& maker, Existing existing) {
    for (std::size_t number = 0; number < fleet.count; ++number) {
        const Subject subject = fleet.subject(number);
        if (auto result = check_file_name(subject.prefix); !result) return result;
        if (auto result = pki::check_common_name(subject.common_name); !result) {
            return fail(std::move(result).error().with_hint("--cn NAME gives it a shorter one than its file's name."));
        }
        if (existing != Existing::refuse) continue;
        for (const auto& path : maker.files_of(subject.prefix)) {
            if (!std::filesystem::exists(path)) continue;
            return fail(
                Error(Errc::already_exists, fmt::format("{} is there already; nothing was written", path.string()))
                    .with_hint(existing_hint(fleet)));
        }
    }
    return {};
}

Result<FleetResult> make_fleet(const Fleet& fleet, const Maker& maker, Existing existing) {
    return FleetRun(fleet, maker, existing).run();
}

}  // namespace muster::cli::cert
