// A TPM of its own for a test: swtpm, a process that speaks TPM 2.0 over TCP, with tpm2-tools to look into it.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "base/bytes.h"

namespace muster::test {

class SoftwareTpm {
public:
    SoftwareTpm();
    ~SoftwareTpm();  // ends it and forgets its state
    SoftwareTpm(const SoftwareTpm&) = delete;
    SoftwareTpm& operator=(const SoftwareTpm&) = delete;

    void start();  // with the state that it had
    void stop();   // as a cut of the power
    // As tpm2-tss takes it.
    std::string tcti() const { return "swtpm:host=127.0.0.1,port=" + std::to_string(port_); }

    // A tool of tpm2-tools in the TPM's own directory: "tpm2_readpublic -c 0x81010001 -o ek.pub". What it printed; a
    // failure of the test when it does not end well.
    std::string tool(const std::string& command) const;
    // Whether it ends well.
    bool tool_works(const std::string& command) const;
    Bytes read(const std::string& name) const;
    void write(const std::string& name, ByteView bytes) const;

private:
    std::pair<int, std::string> run(const std::string& command) const;
    std::filesystem::path directory_;
    int port_ = 0;
    pid_t process_ = 0;
};

}  // namespace muster::test
