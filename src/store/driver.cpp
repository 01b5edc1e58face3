#include "store/driver.h"

#include <condition_variable>
#include <mutex>

namespace muster::store {

Result<> write_and_wait(Driver& driver, Driver::Work work) {
    std::mutex mutex;
    std::condition_variable ready;
    std::optional<Result<>> outcome;
    driver.write(std::move(work), [&](Result<> result) {
        const std::lock_guard lock(mutex);
        outcome = std::move(result);
        ready.notify_one();
    });
    std::unique_lock lock(mutex);
    ready.wait(lock, [&] { return outcome.has_value(); });
    return std::move(*outcome);
}

Result<> run_guarded(Driver::Work& work, Session& session) {
    try {
        return work(session);
    } catch (const std::exception& defect) {
        return fail(Errc::internal, "a transaction ended by an exception: {}", defect.what());
    }
}

}  // namespace muster::store
