#include "hub/revocation.h"

#include "hub/assignment.h"
#include "hub/device_credentials.h"
#include "support/service_fixture.h"

namespace muster::hub {
namespace {

class RevocationTest : public test::ServiceFixture {
protected:
    void write(const std::function<Result<>(store::Tx&)>& work) {
        const auto done = store_->transact_now(work);
        ASSERT_TRUE(done) << done.error().chain();
    }
    void assign(const std::string& thumbprint) {
        write([&](store::Tx& tx) {
            return assign_device(tx, {.device_id = "d1", .credential = {.thumbprint = thumbprint}}, clock_.now(),
                                 random_);
        });
    }
    bool is_known_by(const std::string& thumbprint) {
        DeviceCredentials credentials{.leaf_sha256 = thumbprint};
        return run(authenticate_device(*store_, "d1", std::move(credentials), {"hub.example"}, clock_.now()))
            .has_value();
    }
    void drop(const std::string& device, const std::string& thumbprint) {
        write([&](store::Tx& tx) { return drop_thumbprint(tx, device, thumbprint, random_); });
    }
};

TEST_F(RevocationTest, ADeviceIsNotKnownByWhatWasTakenBackUntilItComesWithAnother) {
    assign("AA");
    ASSERT_TRUE(is_known_by("AA"));
    drop("d1", "BB");
    drop("d2", "AA");
    EXPECT_TRUE(is_known_by("AA"));
    drop("d1", "AA");
    EXPECT_FALSE(is_known_by("AA"));
    EXPECT_FALSE(is_known_by(""));
    assign("CC");
    EXPECT_TRUE(is_known_by("CC"));
}

}  // namespace
}  // namespace muster::hub
