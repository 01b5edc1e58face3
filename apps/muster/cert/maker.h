// One certificate with everything that belongs to it: key, request, certificate, full chain, PKCS#12.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "muster/cert/authority.h"
#include "muster/cert/file_batch.h"
#include "muster/cert/layout.h"
#include "pki/issue.h"

namespace muster::cli::cert {

// What happens to files that are there already.
enum class Existing {
    refuse,   // the run makes nothing at all
    replace,  // --force
    keep,     // --resume: only what is missing is made, from what is there
};

// What all certificates of one run share.
struct Plan {
    pki::Profile profile = pki::Profile::client;
    pki::KeySpec key;
    std::chrono::days lifetime{365};
    std::optional<int> path_length;
    const Authority* authority = nullptr;  // absent: self-signed
    bool pfx = false;
    const Secret* pfx_passphrase = nullptr;  // with `pfx`
    Existing existing = Existing::refuse;
    TimePoint now;
};

// One certificate of the run.
struct Subject {
    std::string prefix;  // of its files
    std::string common_name;
    std::vector<std::string> dns_names;
    std::vector<std::string> ip_addresses;
};

struct Made {
    pki::Certificate certificate;
    std::vector<std::filesystem::path> files;  // those written, the most wanted first
};

// What a device's clock may be slow by: certificates are valid from this long ago.
inline constexpr std::chrono::minutes clock_skew_allowance{5};

class Maker {
public:
    Maker(const Layout& layout, const Plan& plan) : layout_(layout), plan_(plan) {}

    // The files that a run for this subject may write.
    std::vector<std::filesystem::path> files_of(const std::string& prefix) const;
    // Whether nothing is left to do for it.
    bool is_complete(const std::string& prefix) const;
    // Stages the files; they are in place once the batch is committed.
    Result<Made> make(const Subject& subject, FileBatch& batch, Random& random) const;

private:
    struct Work;
    Result<pki::PrivateKey> key_for(const Subject& subject, Work& work) const;
    Result<std::optional<pki::Certificate>> kept_certificate(const Subject& subject) const;
    Result<pki::Certificate> certificate_for(const Subject& subject, const pki::PrivateKey& key, Work& work) const;
    Result<> make_request(const Subject& subject, const pki::PrivateKey& key, Work& work) const;
    Result<> make_pfx(const Subject& subject, const pki::PrivateKey& key, const pki::CertificateChain& chain,
                      Work& work) const;
    Result<pki::Certificate> issue(const Subject& subject, const pki::PrivateKey& key, Random& random) const;
    bool is_kept(const std::filesystem::path& path) const;

    const Layout& layout_;
    const Plan& plan_;
};

}  // namespace muster::cli::cert
