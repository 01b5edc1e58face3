// Of the test programs: the tests, or, under the name of a daemon, that daemon.
#include <gtest/gtest.h>

#include <string_view>

#include "edge/certd/daemon.h"
#include "edge/identityd/daemon.h"
#include "edge/keyd/daemon.h"
#include "edge/tpmd/daemon.h"

int main(int argc, char** argv) {
    const std::string_view name = argv[0];
    const auto paths = muster::edge::Paths::from_environment();
    if (name == "aziot-keyd") return muster::edge::keyd::run_daemon(paths);
    if (name == "aziot-certd") return muster::edge::certd::run_daemon(paths);
    if (name == "aziot-tpmd") return muster::edge::tpmd::run_daemon(paths);
    if (name == "aziot-identityd") return muster::edge::identityd::run_daemon(paths);
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
