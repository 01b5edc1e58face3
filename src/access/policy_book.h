// The access policies in force: read by every request, changed over the API, durable before they count.
#pragma once

#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <memory>
#include <mutex>

#include "access/policies.h"
#include "base/task.h"

namespace muster::access {

class PolicyBook {
public:
    // Writes them where a start finds them; durable when it returns. Runs on a thread of the book's own.
    using Save = std::function<Result<>(const Policies&)>;
    using Edit = std::function<Result<>(Policies&)>;

    PolicyBook(Policies policies, Save save);
    ~PolicyBook();
    // Ends what is being changed, and takes no more. Before whoever awaits a change goes.
    void stop();

    // One state of all; it stays as it is for who holds it.
    std::shared_ptr<const Policies> current() const;
    // What `change` would say of the edit. Errc::conflict when no policy would be left that may change policies: nobody
    // could ever mend that over the API.
    Result<> check(const Edit& edit) const;
    // Changes follow one another. In force as soon as it returns.
    Task<Result<>> change(Edit edit);

private:
    Result<std::shared_ptr<const Policies>> edited(const Edit& edit) const;
    Result<> apply(const Edit& edit);

    Save save_;
    mutable std::mutex mutex_;  // of current_
    std::shared_ptr<const Policies> current_;
    boost::asio::thread_pool writer_{1};
};

}  // namespace muster::access
