#include "edge/config/check_files.h"

#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"

namespace muster::edge {
namespace {

bool is_private_home(const std::filesystem::path& directory) {
    const auto text = directory.string();
    return text == "/root" || text.starts_with("/root/") || text.starts_with("/home/") || text == "/tmp";
}

std::string install_command(const GivenFile& file, const Identity& reader, Secrecy secrecy) {
    const bool secret = secrecy == Secrecy::secret;
    const auto target = fmt::format("/var/aziot/{}/{}", secret ? "secrets" : "certs", file.path.filename().string());
    return fmt::format("install -D -o {} -g {} -m {} {} {} and set {} = \"file://{}\"", reader.user, reader.group,
                       secret ? "0600" : "0644", file.path.string(), target, file.key.substr(file.key.rfind('.') + 1),
                       target);
}

std::string mend(const AccessFault& fault, const GivenFile& file, const Identity& reader, Secrecy secrecy) {
    const bool secret = secrecy == Secrecy::secret;
    switch (fault.kind) {
        case AccessFault::Kind::missing:
            return fmt::format("install -D -o {} -g {} -m {} YOUR_FILE {}", reader.user, reader.group,
                               secret ? "0600" : "0644", file.path.string());
        case AccessFault::Kind::not_readable:
            return fmt::format("chown {}:{} {} && chmod {} {}", reader.user, reader.group, file.path.string(),
                               secret ? "0600" : "0644", file.path.string());
        case AccessFault::Kind::not_searchable:
            if (is_private_home(fault.at)) return install_command(file, reader, secrecy);
            if (secret && fault.at == file.path.parent_path())
                return fmt::format("chown {}:{} {}", reader.user, reader.group, fault.at.string());
            return fmt::format("chmod o+x {}", fault.at.string());
        case AccessFault::Kind::not_a_file: return {};
        case AccessFault::Kind::other: return "look for a refusal of SELinux or AppArmor: journalctl -k --grep=denied";
    }
    return {};
}

}  // namespace

bool readable(const GivenFile& file, const Identity& reader, Secrecy secrecy, Notes& notes) {
    const auto faults = read_faults(file.path, reader);
    for (const auto& fault : faults) notes.problem(file, fault.explanation, mend(fault, file, reader, secrecy));
    return faults.empty();
}

void warn_of_open_key(const GivenFile& file, const Identity& reader, Notes& notes) {
    struct stat status{};
    if (::stat(file.path.c_str(), &status) != 0 || (status.st_mode & 077) == 0) return;
    notes.warning(file,
                  fmt::format("the private key in {} can be read by others (mode {:04o})", file.path.string(),
                              status.st_mode & 07777),
                  fmt::format("chown {}:{} {} && chmod 0600 {}", reader.user, reader.group, file.path.string(),
                              file.path.string()));
}

Pair check_pair_of_files(const CheckInput& in, const GivenFile& certificate, const GivenFile& key, Notes& notes) {
    Pair pair;
    if (readable(certificate, in.certd, Secrecy::open, notes)) pair.chain = read_certificates(certificate, notes);
    // One in a token is asked for elsewhere (check_tokens).
    if (!key.in_token() && readable(key, in.keyd, Secrecy::secret, notes)) {
        warn_of_open_key(key, in.keyd, notes);
        pair.key = read_private_key(key, notes);
    }
    if (pair.chain) {
        check_dates(*pair.chain, certificate, in.now, notes);
        check_chain_order(*pair.chain, certificate, notes);
    }
    if (pair.chain && pair.key) check_pair(*pair.chain, certificate, *pair.key, key, notes);
    return pair;
}

void check_authorities(const GivenFile& file, const Identity& reader, TimePoint now, Notes& notes) {
    if (!readable(file, reader, Secrecy::open, notes)) return;
    const auto chain = read_certificates(file, notes);
    if (!chain) return;
    check_dates(*chain, file, now, notes);
    for (const auto& certificate : *chain)
        if (!certificate.is_ca())
            notes.warning(file, fmt::format("{} is no authority (CA:TRUE): what it would have signed is not trusted",
                                            certificate.subject()));
}

}  // namespace muster::edge
