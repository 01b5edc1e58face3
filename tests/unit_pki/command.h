// The `openssl` command as a second opinion.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace muster::test {

struct Outcome {
    int exit_code;
    std::string output;  // standard output and error together
};

// Runs a program (found in PATH, no shell) and waits for it.
Outcome run(const std::vector<std::string>& arguments);

// A directory of its own that goes with the object.
class TemporaryDirectory {
public:
    TemporaryDirectory();
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

}  // namespace muster::test
