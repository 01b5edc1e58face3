#include "store/store.h"

#include "store/schema.h"

namespace muster::store {

Result<std::unique_ptr<Store>> Store::open(std::unique_ptr<Driver> driver) {
    MUSTER_CHECK(migrate(*driver));
    return std::unique_ptr<Store>(new Store(std::move(driver)));
}

Result<> Store::transact_now(std::function<Result<>(Tx&)> fn) {
    return driver_->write_now([&](Session& session) -> Result<> {
        Tx tx(session);
        return fn(tx);
    });
}

}  // namespace muster::store
