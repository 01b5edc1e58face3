// Tells when the files of the server's certificate change, by whatever way: written in place, renamed over, or a
// symbolic link in their directory turned to other files. Sleeps until then.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "base/error.h"

namespace muster::musterd {

class CertificateWatch {
public:
    // Watches the directories that hold the files, and those that their links lead to.
    static Result<std::unique_ptr<CertificateWatch>> create(const std::vector<std::filesystem::path>& files);
    ~CertificateWatch();
    CertificateWatch(const CertificateWatch&) = delete;
    CertificateWatch& operator=(const CertificateWatch&) = delete;

    // Readable when something has changed in one of the directories.
    int fd() const { return fd_; }
    // Takes what has been told; true when one of the files is another than before.
    bool changed();

private:
    struct File {
        std::filesystem::path path;
        std::string identity;  // device, inode, size and time of what the path leads to now
    };
    explicit CertificateWatch(int fd) : fd_(fd) {}
    Result<> watch(const std::filesystem::path& file);

    int fd_;
    std::vector<File> files_;
};

}  // namespace muster::musterd
