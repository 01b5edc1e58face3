// Keys: there, out of others' sight, and those of their certificates.
#include <sys/stat.h>

#include "edge/check/device.h"
#include "edge/config/access.h"

namespace muster::edge::checks {
namespace {

// The ids of preloaded key pairs; a symmetric key of the identity is none, nor the one that IoT Edge 1.1 encrypted
// with.
std::vector<std::string> pairs_of(Device& device) {
    std::vector<std::string> ids;
    const auto add = [&](const std::string& id) {
        if (id == "iotedge_master_encryption_id") return;
        const auto& settings = device.identityd();
        const auto* shared = settings ? std::get_if<identityd::SharedKeySettings>(&settings->credential) : nullptr;
        if (shared == nullptr || shared->key_id != id) ids.push_back(id);
    };
    for (const auto& [id, path] : device.keyd()->preloaded) add(id);
    for (const auto& [id, uri] : device.keyd()->tokens.preloaded) add(id);
    return ids;
}

Outcome judge_strength(const std::string& id, const pki::KeySpec& spec) {
    if (spec.algorithm == pki::KeyAlgorithm::rsa && spec.bits < 2048)
        return Outcome::warning(
            fmt::format("the key \"{}\" is RSA with {} bits; 2048 are the least that services take", id, spec.bits));
    if (spec.algorithm == pki::KeyAlgorithm::ec && spec.bits != 256 && spec.bits != 384)
        return Outcome::warning(fmt::format(
            "the key \"{}\" is on a curve of {} bits; P-256 and P-384 are what services take", id, spec.bits));
    return Outcome::ok();
}

Outcome pairs_read(Device& device) {
    if (!device.keyd()) return needs("keyd's configuration");
    if (auto missing = misses(device, Service::keyd)) return *std::move(missing);
    auto all = Outcome::ok();
    for (const auto& id : pairs_of(device)) {
        const auto& key = device.public_half(id);
        all.add(key ? judge_strength(id, key->spec())
                    : Outcome::failed(key.error().wrap(fmt::format("the key pair \"{}\" cannot be loaded", id))));
    }
    return all;
}

Outcome pairs_match(Device& device) {
    if (!device.keyd()) return needs("keyd's configuration");
    if (!device.certd()) return needs("certd's configuration");
    if (auto missing = misses(device, Service::keyd)) return *std::move(missing);
    auto all = Outcome::ok();
    for (const auto& id : pairs_of(device)) {
        if (!device.certd()->preloaded.contains(id)) continue;
        const auto chain = device.certificate(id);
        const auto& key = device.public_half(id);
        if (!chain || !key) {
            all.add(Outcome::skipped(fmt::format("the certificate or key \"{}\" cannot be read", id)));
            continue;
        }
        const auto certified = chain->front().public_key();
        if (!certified || !(*certified == *key))
            all.add(Outcome::error(
                fmt::format("the private key \"{}\" does not belong to the certificate \"{}\" ({})", id, id,
                            chain->front().subject()),
                "correct identity_cert and identity_pk, or cert and pk, then run: iotedge config apply"));
    }
    return all;
}

Outcome judge_file(const std::string& id, const std::filesystem::path& path, const Identity& reader) {
    auto outcome = Outcome::ok();
    for (const auto& fault : read_faults(path, reader))
        outcome.add(Outcome::error(
            fmt::format("the key \"{}\": {}", id, fault.explanation),
            fmt::format("chown {0}:{1} {2} && chmod 0600 {2}", reader.user, reader.group, path.string())));
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0 && (status.st_mode & 077) != 0)
        outcome.add(Outcome::warning(
            fmt::format("the key \"{}\" in {} can be read or written by others (mode {:04o})", id, path.string(),
                        status.st_mode & 07777),
            fmt::format("chown {0}:{1} {2} && chmod 0600 {2}", reader.user, reader.group, path.string())));
    return outcome;
}

Outcome file_permissions(Device& device) {
    const auto& settings = device.keyd();
    if (!settings) return needs("keyd's configuration");
    const auto user = service_user(device.paths, user_name(Service::keyd));
    const auto reader = user ? identity_of(device.paths, *user) : fail(user.error());
    if (!reader) return Outcome::failed(reader.error());
    auto all = Outcome::ok();
    for (const auto& [id, path] : settings->preloaded) all.add(judge_file(id, path, *reader));
    std::error_code error;
    for (const auto& file : std::filesystem::directory_iterator(settings->home / "keys", error))
        all.add(judge_file(file.path().stem().string(), file.path(), *reader));
    return all;
}

}  // namespace

std::vector<Check> key_checks() {
    return {
        {"key-pairs-read", "read all preloaded key pairs from the Keys Service", pairs_read},
        {"certs-match-private-keys", "ensure all preloaded certificates match preloaded private keys with the same ID",
         pairs_match},
        {"key-file-permissions", "private keys are readable by the Keys Service and by nobody else", file_permissions},
    };
}

}  // namespace muster::edge::checks
