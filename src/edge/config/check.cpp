#include "edge/config/check.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <future>
#include <set>
#include <thread>

#include "base/bytes.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "edge/config/check_files.h"
#include "edge/config/check_issuance.h"
#include "edge/config/check_tokens.h"
#include "edge/config/values.h"
#include "net/proxy.h"

namespace muster::edge {
namespace {

// Enough for an individual enrollment, and for a group that enrolled the very issuer; else an omission.
void warn_of_bare_leaf(const pki::CertificateChain& chain, const GivenFile& file, Notes& notes) {
    const auto& leaf = chain.front();
    if (chain.size() > 1 || leaf.is_self_issued()) return;
    notes.warning(file,
                  fmt::format("{} holds {} alone, without its issuer {}: an enrollment group of an authority above "
                              "that one cannot recognise it",
                              file.path.string(), leaf.subject(), leaf.issuer()),
                  "append the intermediate certificates to the file, each issuer after what it signed");
}

void check_device_identity(const CheckInput& in, Notes& notes) {
    const auto& provisioning = in.config.provisioning;
    if (!provisioning.identity_certificate || !provisioning.identity_key) return;
    const auto pair = check_pair_of_files(in, *provisioning.identity_certificate, *provisioning.identity_key, notes);
    if (!pair.chain) return;
    const auto& leaf = pair.chain->front();
    check_client(leaf, *provisioning.identity_certificate, notes);
    // A hub that knows the certificate by its thumbprint asks neither for a name nor for a chain, and takes what
    // `openssl req -x509` makes, which is an authority of its own.
    if (provisioning.source != Provisioning::Source::dps) return;
    warn_of_bare_leaf(*pair.chain, *provisioning.identity_certificate, notes);
    check_identity(leaf, *provisioning.identity_certificate, provisioning.registration_id, notes);
}

void check_edge_ca(const CheckInput& in, Notes& notes) {
    const auto& ca = in.config.edge_ca;
    if (!ca.certificate || !ca.key) return;
    const auto pair = check_pair_of_files(in, *ca.certificate, *ca.key, notes);
    if (pair.chain && !pair.chain->front().is_ca())
        notes.problem(*ca.certificate, fmt::format("{} is no authority (CA:TRUE): it cannot sign for modules",
                                                   pair.chain->front().subject()));
}

void check_preloaded(const CheckInput& in, Notes& notes) {
    std::set<std::string> known{"device-id", "local-ca", "aziot-edged-ca", "aziot-edged-trust-bundle",
                                "trust-bundle-user"};
    for (const auto& [id, entry] : in.config.preloaded_certs) known.insert(id);
    for (const auto& [id, entry] : in.config.preloaded_certs) {
        if (entry.file) {
            if (readable(*entry.file, in.certd, Secrecy::open, notes)) (void)read_certificates(*entry.file, notes);
            continue;
        }
        for (const auto& member : entry.ids)
            if (!known.contains(member))
                notes.warning(
                    "preloaded_certs." + id, 0,
                    fmt::format("names \"{}\", which is no certificate of this file and will be left out", member));
    }
    for (const auto& [id, key] : in.config.preloaded_keys)
        if (!key.in_token() && readable(key, in.keyd, Secrecy::secret, notes)) warn_of_open_key(key, in.keyd, notes);
    for (const auto& [host, file] : in.config.moby.content_trust) check_authorities(file, in.certd, in.now, notes);
}

void check_payload(const CheckInput& in, Notes& notes) {
    const auto& payload = in.config.provisioning.payload;
    if (!payload || !readable(*payload, in.identityd, Secrecy::open, notes)) return;
    const auto text = read_file(payload->path, 256 * 1024);
    if (!text) return notes.problem(*payload, text.error().chain());
    if (const auto json = parse_json(*text); !json)
        notes.problem(*payload, fmt::format("{} is not JSON: {}", payload->path.string(), json.error().chain()));
}

// The bytes of a symmetric key, as IoT Hub and DPS take them.
constexpr std::size_t least_key_bytes = 16;
constexpr std::size_t most_key_bytes = 64;

bool usual_key_size(std::size_t size) {
    return size >= least_key_bytes && size <= most_key_bytes;
}

// A frequent mistake: the key as the service shows it, where keyd takes the bytes as they are.
bool looks_like_base64(std::string_view content) {
    const auto decoded = base64_decode(trim(content));
    return decoded && decoded->size() >= least_key_bytes;
}

void check_key_file(const CheckInput& in, const GivenFile& file, Notes& notes) {
    if (!readable(file, in.keyd, Secrecy::secret, notes)) return;
    warn_of_open_key(file, in.keyd, notes);
    auto content = read_file(file.path, 4096);
    if (!content) return notes.problem(file, content.error().chain());
    const Secret key{std::string_view(*content)};
    wipe(content->data(), content->size());
    if (key.empty()) return notes.problem(file, fmt::format("{} is empty", file.path.string()));
    if (looks_like_base64(key.text()))
        return notes.problem(
            file, fmt::format("{} holds base64 text; the key's bytes themselves are needed", file.path.string()),
            fmt::format("base64 -d < {0} > {0}.bin && install -o {1} -g {2} -m 0600 {0}.bin {0} && rm "
                        "{0}.bin",
                        file.path.string(), in.keyd.user, in.keyd.group));
    if (!usual_key_size(key.size()))
        notes.warning(file, fmt::format("{} holds {} bytes; a service's keys have {} to {}", file.path.string(),
                                        key.size(), least_key_bytes, most_key_bytes));
}

// It is copied by `iotedge config apply` itself, as root.
void check_master_key(const CheckInput& in, Notes& notes) {
    const auto& key = in.config.master_key;
    if (!key) return;
    auto content = read_file(key->path, 4096);
    if (!content)
        return notes.problem(*key, content.error().chain(),
                             "if it was taken over before and is gone since, name the copy instead: "
                             "iotedge_master_encryption_id = "
                             "\"file:///var/secrets/aziot/keyd/imported-master-encryption-key\" in [preloaded_keys]");
    if (content->size() != encryption_key_bytes)
        notes.problem(*key, fmt::format("{} has {} bytes; an encryption key has {}", key->path.string(),
                                        content->size(), encryption_key_bytes));
    wipe(content->data(), content->size());
}

void check_shared_key(const CheckInput& in, Notes& notes) {
    const auto& key = in.config.provisioning.shared_key;
    if (!key) return;
    if (key->file && key->file->in_token()) return;  // asked for elsewhere (check_tokens)
    if (key->file) return check_key_file(in, *key->file, notes);
    if (key->value && !usual_key_size(key->value->size()))
        notes.warning(key->key, key->line,
                      fmt::format("the key has {} bytes; a service's keys have {} to {}: is all of it here?",
                                  key->value->size(), least_key_bytes, most_key_bytes));
}

// The device file of "device" and "device:/dev/tpm0"; nothing for another way to a TPM.
std::optional<GivenFile> tpm_device(const CheckInput& in) {
    const auto& tcti = in.config.tpm.tcti;
    const std::string_view way = tcti ? std::string_view(tcti->value) : "device";
    const auto line = tcti ? tcti->line : 0;
    if (way == "device" || way == "device:") return GivenFile{"", "/dev/tpmrm0", "tpm.tcti", line};
    if (way.starts_with("device:"))
        return GivenFile{"", way.substr(std::string_view("device:").size()), "tpm.tcti", line};
    return std::nullopt;
}

void check_tpm(const CheckInput& in, Notes& notes) {
    if (in.config.provisioning.method != Provisioning::Method::tpm) return;
    const auto device = tpm_device(in);
    if (!device) return;
    const auto faults = device_faults(device->path, in.tpmd);
    if (faults.empty()) return;
    if (faults.front().kind == AccessFault::Kind::not_a_file)
        return notes.problem(*device, faults.front().explanation, "tpm.tcti = \"device\" is the kernel's TPM");
    if (faults.front().kind == AccessFault::Kind::missing)
        return notes.problem(*device,
                             fmt::format("{} does not exist: this machine shows no TPM 2.0", device->path.string()),
                             "turn the TPM on in the firmware's settings, or say in tpm.tcti where it is");
    notes.problem(*device, faults.front().explanation, fmt::format("usermod -aG tss {}", in.tpmd.user));
}

void check_host(const CheckInput& in, const Given& given, const Endpoint& endpoint, Notes& notes) {
    const auto found = in.resolve(endpoint.host, endpoint.port);
    if (found == Lookup::no_such_name)
        notes.problem(given.key, given.line,
                      fmt::format("the name \"{}\" is not known to the name service", endpoint.host),
                      fmt::format("getent hosts {}", endpoint.host));
    if (found == Lookup::cannot_tell)
        notes.warning(
            given.key, given.line,
            fmt::format("the name \"{}\" could not be looked up: the name service does not answer", endpoint.host),
            fmt::format("getent hosts {}", endpoint.host));
}

// Through a proxy, the proxy looks the name up.
bool behind_proxy(const CheckInput& in, const std::string& host) {
    auto rules = net::ProxyRules::from_environment();
    if (in.config.proxy) rules = {in.config.proxy->url.value, in.config.proxy->no_proxy};
    return rules.on_the_way_to(host).has_value();
}

void check_called_host(const CheckInput& in, const Given& given, Notes& notes) {
    const auto text = std::string_view(given.value);
    const auto endpoint = text.starts_with("https://") ? parse_endpoint(text) : parse_host_and_port(text);
    if (endpoint && !behind_proxy(in, endpoint->host)) check_host(in, given, *endpoint, notes);
}

// Whom the device calls: DPS, or its hub, or the parent in the hub's stead.
void check_called(const CheckInput& in, Notes& notes) {
    const auto& provisioning = in.config.provisioning;
    if (provisioning.source == Provisioning::Source::dps) check_called_host(in, provisioning.global_endpoint, notes);
    if (provisioning.source == Provisioning::Source::manual)
        check_called_host(in, in.config.parent_hostname.value_or(provisioning.iothub_hostname), notes);
}

// An EST server that is not known is no reason to stop: there may be a certificate that lasts a while yet.
void check_est_server(const CheckInput& in, const Given& url, Notes& notes) {
    const auto path = url.value.find('/', std::string_view("https://").size());
    const auto endpoint = parse_endpoint(std::string_view(url.value).substr(0, path));
    if (!endpoint || behind_proxy(in, endpoint->host) || in.resolve(endpoint->host, endpoint->port) == Lookup::found)
        return;
    notes.warning(url.key, url.line, fmt::format("the name \"{}\" could not be looked up", endpoint->host),
                  fmt::format("getent hosts {}", endpoint->host));
}

void check_est_servers(const CheckInput& in, Notes& notes) {
    const auto& config = in.config;
    if (config.est)
        for (const auto& [id, url] : config.est->urls) check_est_server(in, url, notes);
    if (const auto& identity = config.provisioning.identity_issue; identity && identity->url)
        check_est_server(in, *identity->url, notes);
    if (config.edge_ca.issue.url) check_est_server(in, *config.edge_ca.issue.url, notes);
    if (config.local_ca && config.local_ca->issue && config.local_ca->issue->url)
        check_est_server(in, *config.local_ca->issue->url, notes);
}

void check_proxy(const CheckInput& in, Notes& notes) {
    const auto& proxy = in.config.proxy;
    if (!proxy) return;
    auto where = std::string_view(proxy->url.value);
    where.remove_prefix(std::min(where.size(), std::string_view("http://").size()));
    if (where.ends_with('/')) where.remove_suffix(1);
    const auto endpoint = parse_host_and_port(where.substr(where.rfind('@') + 1));
    if (endpoint) check_host(in, proxy->url, *endpoint, notes);
    if (!proxy->authorities) return;
    check_authorities(*proxy->authorities, in.identityd, in.now, notes);
    // Once is enough for what is not there.
    if (std::filesystem::exists(proxy->authorities->path))
        (void)readable(*proxy->authorities, in.certd, Secrecy::open, notes);
}

void check_own_hostname(const CheckInput& in, Notes& notes) {
    if (in.config.hostname) return;
    if (const auto wrong = check_hostname(in.os_hostname))
        notes.problem("hostname", 0,
                      fmt::format("is not set, and the operating system's \"{}\" cannot stand in for it: it {}",
                                  printable(in.os_hostname), *wrong),
                      "set hostname = \"my-device\" at the top of the file");
}

std::map<std::string, std::string> read_additional_info(const CheckInput& in, Findings& findings, Notes& notes) {
    std::map<std::string, std::string> out;
    const auto& file = in.config.additional_info;
    if (!file) return out;
    if (!std::filesystem::is_regular_file(file->path)) {
        notes.problem(*file, fmt::format("{} does not exist", file->path.string()));
        return out;
    }
    auto info = Config::load(file->path.string());
    if (!info) {
        notes.problem(*file, info.error().chain(), info.error().hint());
        return out;
    }
    const auto root = info->root();
    for (const auto& name : root.names())
        if (auto value = root.string(name)) out[name] = std::move(*value);
    for (auto& problem : info->problems()) findings.problems.push_back(std::move(problem));
    return out;
}

Lookup judge(int error) {
    switch (error) {
        case 0: return Lookup::found;
        case EAI_NONAME:
#ifdef EAI_NODATA
        case EAI_NODATA:
#endif
            return Lookup::no_such_name;
        default: return Lookup::cannot_tell;
    }
}

}  // namespace

Lookup resolve_host(const std::string& host, const std::string& port) {
    auto answer = std::make_shared<std::promise<Lookup>>();
    auto future = answer->get_future();
    // getaddrinfo has no time limit of its own; a lookup that hangs is left behind.
    std::thread([answer, host, port] {
        struct addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        struct addrinfo* found = nullptr;
        const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
        if (found != nullptr) ::freeaddrinfo(found);
        answer->set_value(judge(error));
    }).detach();
    if (future.wait_for(std::chrono::seconds(5)) != std::future_status::ready) return Lookup::cannot_tell;
    return future.get();
}

std::map<std::string, std::string> check(const CheckInput& input, Findings& findings) {
    Notes notes(findings, input.source);
    check_own_hostname(input, notes);
    // Forks: before the resolver has its threads.
    check_tokens(input, notes);
    check_called(input, notes);
    check_est_servers(input, notes);
    check_proxy(input, notes);
    check_device_identity(input, notes);
    check_shared_key(input, notes);
    check_master_key(input, notes);
    check_tpm(input, notes);
    check_edge_ca(input, notes);
    check_issuance(input, notes);
    check_payload(input, notes);
    const auto& config = input.config;
    if (config.provisioning.authorities)
        check_authorities(*config.provisioning.authorities, input.identityd, input.now, notes);
    if (config.trust_bundle) check_authorities(*config.trust_bundle, input.certd, input.now, notes);
    check_preloaded(input, notes);
    return read_additional_info(input, findings, notes);
}

}  // namespace muster::edge
