#include "edge/config/check_issuance.h"

#include "base/text.h"
#include "edge/config/check_files.h"
#include "edge/config/values.h"

namespace muster::edge {
namespace {

using Method = IssueOptions::Method;

// A certificate that is to be issued, under its id.
struct Issued {
    std::string_view id;
    const IssueOptions* options;
};

std::vector<Issued> all_issued(const SuperConfig& config) {
    std::vector<Issued> all;
    if (config.provisioning.identity_issue) all.push_back({"device-id", &*config.provisioning.identity_issue});
    if (!config.edge_ca.certificate) all.push_back({"aziot-edged-ca", &config.edge_ca.issue});
    if (config.local_ca && config.local_ca->issue) all.push_back({"local-ca", &*config.local_ca->issue});
    return all;
}

const Given* url_of(const SuperConfig& config, const Issued& issued) {
    if (issued.options->url) return &*issued.options->url;
    if (!config.est) return nullptr;
    for (const auto name : {issued.id, std::string_view("default")})
        if (const auto at = config.est->urls.find(std::string(name)); at != config.est->urls.end()) return &at->second;
    return nullptr;
}

void check_est(const CheckInput& in, const Issued& issued, Notes& notes) {
    const auto& options = *issued.options;
    if (url_of(in.config, issued) == nullptr)
        notes.problem(options.key, options.line,
                      "nothing says where the EST server is: no url here, no default in [cert_issuance.est.urls]",
                      "url = \"https://est.example.com/.well-known/est\"");
    if (!options.auth.any() && !(in.config.est && in.config.est->auth.any()))
        notes.problem(options.key, options.line,
                      "nothing says how to sign in at the EST server: no username, identity_cert or "
                      "bootstrap_identity_cert here, none in [cert_issuance.est.auth]",
                      "username = \"my-device\" and password = \"...\"");
    if (options.expiry_days)
        notes.warning(options.key + ".expiry_days", options.line,
                      "is not used: the EST server decides how long its certificates live");
}

void check_issuer(const CheckInput& in, const Issued& issued, Notes& notes) {
    if (issued.options->method == Method::est) return check_est(in, issued, notes);
    if (issued.options->method == Method::local_ca && !in.config.local_ca)
        notes.problem(
            issued.options->key, issued.options->line,
            "method = \"local_ca\" needs the device's own authority, and there is no [cert_issuance.local_ca]",
            "[cert_issuance.local_ca] with cert and pk, or with method = \"self_signed\"");
}

// keyd leaves a preloaded key where it is.
void check_key_stays(const CheckInput& in, const Issued& issued, Notes& notes) {
    const auto own = in.config.preloaded_keys.find(std::string(issued.id));
    const auto& renew = issued.options->auto_renew;
    if (own == in.config.preloaded_keys.end() || !renew || !renew->rotate_key) return;
    notes.problem(
        own->second,
        fmt::format("is the key of a certificate that is renewed with a new key ({}), and none could take its "
                    "place",
                    issued.options->key),
        "auto_renew = { rotate_key = false, threshold = \"80%\", retry = \"4%\" } beside the method");
}

void check_signing_in(const CheckInput& in, const EstAuth& auth, Notes& notes) {
    if (auth.certificate && auth.key) (void)check_pair_of_files(in, *auth.certificate, *auth.key, notes);
    if (auth.bootstrap_certificate && auth.bootstrap_key)
        (void)check_pair_of_files(in, *auth.bootstrap_certificate, *auth.bootstrap_key, notes);
}

void check_local_ca(const CheckInput& in, Notes& notes) {
    const auto& ca = in.config.local_ca;
    if (!ca || !ca->certificate || !ca->key) return;
    const auto pair = check_pair_of_files(in, *ca->certificate, *ca->key, notes);
    if (pair.chain && !pair.chain->front().is_ca())
        notes.problem(*ca->certificate,
                      fmt::format("{} is no authority (CA:TRUE): it cannot issue", pair.chain->front().subject()));
}

std::optional<std::string> common_name(const IssueOptions& options) {
    for (const auto& [type, value] : options.subject)
        if (type == "CN") return value;
    return options.common_name;
}

// An id may be longer than a name in a certificate (RFC 5280: ub-common-name).
void check_length_of_name(const CheckInput& in, Notes& notes) {
    const auto& provisioning = in.config.provisioning;
    if (!provisioning.identity_issue) return;
    const auto& options = *provisioning.identity_issue;
    const bool manual = provisioning.source == Provisioning::Source::manual;
    const auto name = common_name(options).value_or(manual ? provisioning.device_id.value : std::string());
    if (name.size() > 64)
        notes.problem(options.key, options.line,
                      fmt::format("the common name \"{}\" has {} characters; at most 64 are possible", printable(name),
                                  name.size()),
                      "give the device a shorter name");
}

// The name in the certificate is the registration id: DPS compares the two.
void check_identity_name(const CheckInput& in, Notes& notes) {
    const auto& provisioning = in.config.provisioning;
    if (!provisioning.identity_issue || provisioning.source != Provisioning::Source::dps) return;
    const auto& options = *provisioning.identity_issue;
    const auto name = common_name(options);
    if (!name && !provisioning.registration_id)
        return notes.problem(options.key, options.line,
                             "nothing names the device: no common_name here, no registration_id beside it",
                             "common_name = \"my-device\"");
    if (!name) return;
    if (const auto wrong = check_registration_id(*name))
        notes.problem(
            options.key, options.line,
            fmt::format("the common name \"{}\" cannot be a registration id: it {}", printable(*name), *wrong));
    else if (provisioning.registration_id && !equals_ignore_case(*name, provisioning.registration_id->value))
        notes.problem(options.key, options.line,
                      fmt::format("the common name is \"{}\", but registration_id is \"{}\"; the two must be equal",
                                  *name, provisioning.registration_id->value),
                      fmt::format("common_name = \"{}\"", provisioning.registration_id->value));
}

}  // namespace

void check_issuance(const CheckInput& in, Notes& notes) {
    for (const auto& issued : all_issued(in.config)) {
        check_issuer(in, issued, notes);
        check_key_stays(in, issued, notes);
        check_signing_in(in, issued.options->auth, notes);
    }
    if (in.config.est) {
        check_signing_in(in, in.config.est->auth, notes);
        for (const auto& file : in.config.est->trusted_certs) check_authorities(file, in.certd, in.now, notes);
    }
    check_local_ca(in, notes);
    check_length_of_name(in, notes);
    check_identity_name(in, notes);
}

}  // namespace muster::edge
