// The access policies in force: read by every request, changed over the API, durable before they count.
#pragma once

#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "access/policies.h"
#include "base/lookout.h"
#include "base/task.h"

namespace muster::access {

class PolicyBook {
public:
    // Writes them where a start finds them; durable when it returns. Errc::conflict when somebody else has written them
    // since they were read. Runs on a thread of the book's own, as Load does.
    using Save = std::function<Result<>(const Policies&)>;
    // What somebody else has written since they were read or written here last; nothing when nobody has.
    using Load = std::function<Result<std::optional<Policies>>()>;
    // It may run twice: what somebody else wrote in between is edited anew.
    using Edit = std::function<Result<>(Policies&)>;

    // `load` where others write them, too.
    PolicyBook(Policies policies, Save save, Load load = {});
    ~PolicyBook();
    // Ends what is being changed, and takes no more. Before whoever awaits a change goes.
    void stop();

    // One state of all; it stays as it is for who holds it. Where others change them it may be behind.
    std::shared_ptr<const Policies> current() const;
    // The same, and whatever was answered of a change anywhere is in it (base/lookout.h): what requests are judged by.
    Task<Result<std::shared_ptr<const Policies>>> newest();
    // What `change` would say of the edit. Errc::conflict when no policy would be left that may change policies: nobody
    // could ever mend that over the API.
    Result<> check(const Edit& edit) const;
    // Changes follow one another. In force as soon as it returns, at whoever else writes them, too: so it takes
    // Lookout::settling there. Errc::conflict when others kept being quicker.
    Task<Result<>> change(Edit edit);
    // Takes in what others have written; in force as soon as it returns.
    Task<Result<>> refresh();

private:
    Result<std::shared_ptr<const Policies>> edited(const Edit& edit) const;
    Result<> apply(const Edit& edit);
    Result<> save_edited(const Edit& edit);
    Result<> take_in();
    Task<Result<>> take_in_on_writer();
    void show(std::shared_ptr<const Policies> policies);

    Save save_;
    Load load_;
    mutable std::mutex mutex_;  // of current_
    std::shared_ptr<const Policies> current_;
    boost::asio::thread_pool writer_{1};
    Lookout lookout_;
};

}  // namespace muster::access
