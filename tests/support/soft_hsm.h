// SoftHSM 2 with its tokens in a directory of the test's own: a PKCS #11 library that we did not write. OpenSC's
// pkcs11-tool is the second opinion on what is in it.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace muster::testing {

class SoftHsm {
public:
    static constexpr const char* library = "/usr/lib/softhsm/libsofthsm2.so";

    static bool installed() {
        return std::filesystem::exists(library) && std::filesystem::exists("/usr/bin/pkcs11-tool");
    }

    // Processes started from now on see these tokens and no others.
    SoftHsm() {
        std::string pattern = "/tmp/muster-softhsm-XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr) std::abort();
        home_ = pattern;
        std::filesystem::create_directory(home_ / "tokens");
        std::ofstream(home_ / "softhsm2.conf") << "directories.tokendir = " << (home_ / "tokens").string()
                                               << "\nobjectstore.backend = file\nlog.level = ERROR\n";
        ::setenv("SOFTHSM2_CONF", configuration().c_str(), 1);
    }
    ~SoftHsm() {
        std::error_code ignored;
        std::filesystem::remove_all(home_, ignored);
    }
    SoftHsm(const SoftHsm&) = delete;
    SoftHsm& operator=(const SoftHsm&) = delete;

    std::string configuration() const { return (home_ / "softhsm2.conf").string(); }
    void make_token(const std::string& label, const std::string& pin) const {
        const auto output =
            run("softhsm2-util --init-token --free --label '" + label + "' --pin " + pin + " --so-pin " + pin);
        ASSERT_NE(output.find("has been initialized"), std::string::npos) << output;
    }
    void pull_out() const { std::filesystem::rename(home_ / "tokens", home_ / "away"); }
    void put_back() const { std::filesystem::rename(home_ / "away", home_ / "tokens"); }

    // OpenSC's view; `arguments` as its manual page has them.
    std::string tool(const std::string& arguments) const {
        return run(std::string("pkcs11-tool --module ") + library + " " + arguments);
    }

private:
    static std::string run(const std::string& command) {
        std::string output;
        FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
        std::array<char, 4096> buffer{};
        for (std::size_t got; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
            output.append(buffer.data(), got);
        ::pclose(pipe);
        return output;
    }
    std::filesystem::path home_;
};

// In a test's SetUp.
#define MUSTER_NEEDS_SOFT_HSM()                   \
    if (!::muster::testing::SoftHsm::installed()) \
    GTEST_SKIP() << "softhsm2 or opensc is not installed: keys in PKCS #11 tokens are NOT tested"

}  // namespace muster::testing
