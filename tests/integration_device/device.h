// A device in a directory of its own, and the real programs run against it.
#pragma once

#include <gmock/gmock.h>
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "edge/common/paths.h"

namespace muster::edge {

struct Ran {
    int exit_code;  // 128 + signal when killed
    std::string out;
    std::string err;
};

class Device : public ::testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;

    // `extra` stands at the end of the file, below [provisioning.attestation].
    void write_config(const std::string& extra = "") const;
    Ran iotedge(const std::vector<std::string>& arguments) const;
    Ran run(const std::string& program, const std::vector<std::string>& arguments) const;
    pid_t start(const std::string& program, const std::vector<std::string>& arguments) const;

    // `aziotd run`, until its socket answers.
    void supervise();
    int stop_supervisor(int signal);
    bool eventually(const std::function<bool()>& holds, std::chrono::seconds patience = std::chrono::seconds(60)) const;
    std::string status() const { return iotedge({"system", "status"}).out; }
    bool all_running() const;
    // Of a service of this device, from /proc; 0 when there is none.
    pid_t pid_of(const std::string& service) const;

    std::filesystem::path root_;
    Paths paths_;
    pid_t supervisor_ = 0;
};

}  // namespace muster::edge
