#include "pki/path.h"

#include <algorithm>

#include "base/text.h"
#include "pki/openssl.h"
#include "pki/path_rules.h"

namespace muster::pki {

namespace {

// Bounds on what one hostile chain can cost. An honest one needs a step and at most one verification per certificate.
constexpr std::size_t kMaxPresented = 16;
constexpr int kMaxVerifications = 24;
constexpr int kMaxSteps = 128;

// How far a refused path got: the farthest is reported, the first among equals.
enum class Reach { nothing, no_issuer, bad_signature, gave_up, complete };

enum class KeyIdMatch { same, unknown, differs };

KeyIdMatch match_key_ids(const Certificate& subject, const Certificate& issuer) {
    const ASN1_OCTET_STRING* wanted = X509_get0_authority_key_id(subject.get());
    const ASN1_OCTET_STRING* offered = X509_get0_subject_key_id(issuer.get());
    if (wanted == nullptr || offered == nullptr) return KeyIdMatch::unknown;
    return ASN1_OCTET_STRING_cmp(wanted, offered) == 0 ? KeyIdMatch::same : KeyIdMatch::differs;
}

bool name_fits(const Certificate& subject, const Certificate& issuer) {
    return X509_NAME_cmp(X509_get_issuer_name(subject.get()), X509_get_subject_name(issuer.get())) == 0;
}

bool same_certificate(const Certificate& a, const Certificate& b) {
    return a.get() == b.get() || a.sha256_fingerprint() == b.sha256_fingerprint();
}

// Those of `from` that bear the issuer's name, the likeliest first: key identifiers are a hint only, never a reason to
// refuse (RFC 5280 4.2.1.1), so that a look-alike is told by its signature.
CertificateChain ordered_candidates(const Certificate& subject, std::span<const Certificate> from) {
    CertificateChain ordered;
    for (const KeyIdMatch wanted : {KeyIdMatch::same, KeyIdMatch::unknown, KeyIdMatch::differs}) {
        for (const Certificate& candidate : from) {
            if (name_fits(subject, candidate) && match_key_ids(subject, candidate) == wanted) {
                ordered.push_back(candidate);
            }
        }
    }
    return ordered;
}

class PathSearch {
public:
    PathSearch(const CertificateChain& presented, const FindAnchors& anchors, const PathOptions& options)
        : presented_(presented), anchors_(anchors), options_(options) {}

    PathResult run() {
        if (presented_.empty()) return refused(PathFault::malformed, "no certificate was presented");
        if (presented_.size() > kMaxPresented) {
            return refused(
                PathFault::chain_too_long,
                fmt::format("{} certificates were presented; at most {} are taken", presented_.size(), kMaxPresented));
        }
        path_.push_back(presented_.front());
        if (extend()) remember_signatures();
        return std::move(result_);
    }

private:
    static PathResult refused(PathFault fault, std::string explanation) {
        PathResult result;
        result.fault = fault;
        result.explanation = std::move(explanation);
        return result;
    }

    // Looks for a sound path from the end of path_ onwards; true when result_ holds one.
    bool extend() {
        const Certificate subject = path_.back();
        const std::vector<Certificate> anchors = anchors_(subject);
        if (path_.size() == 1 && is_among(subject, anchors)) return judge();
        const CertificateChain trusted = ordered_candidates(subject, anchors);
        const CertificateChain others = ordered_candidates(subject, std::span(presented_).subspan(1));
        if (path_.size() >= options_.max_length && !(trusted.empty() && others.empty())) {
            note(
                Reach::gave_up, PathFault::chain_too_long, path_.size() - 1,
                fmt::format("the chain goes on above {}; at most {} certificates are taken, leaf and trusted authority "
                            "included",
                            describe_last(), options_.max_length));
            return false;
        }
        bool anchored = false;
        for (const Certificate& anchor : trusted) {
            if (!signed_by(subject, anchor, true)) continue;
            anchored = true;
            if (try_with(anchor, &PathSearch::judge)) return true;
        }
        // The anchor nearest to the leaf decides. Going on past one that signed this certificate would let a chain slip
        // by an authority that is trusted in order to be refused, once that authority's own certificate has expired.
        if (anchored) return false;
        for (const Certificate& issuer : others) {
            if (is_on_path(issuer) || !signed_by(subject, issuer, false)) continue;
            if (try_with(issuer, &PathSearch::extend)) return true;
        }
        note_no_issuer(subject);
        return false;
    }

    bool try_with(const Certificate& issuer, bool (PathSearch::*next)()) {
        path_.push_back(issuer);
        const bool found = (this->*next)();
        path_.pop_back();
        return found;
    }

    // path_ is complete, its signatures are good: do the rules hold?
    bool judge() {
        if (auto fault = first_fault(path_, options_.now, options_.purpose)) {
            note(Reach::complete, fault->kind, fault->at, std::move(fault->explanation));
            return false;
        }
        result_ = PathResult{};
        result_.path = path_;
        return true;
    }

    bool signed_by(const Certificate& subject, const Certificate& issuer, bool trusted) {
        if (!take(steps_left_)) return false;
        if (is_remembered(subject, issuer)) return true;
        if (const auto weakness = key_weakness(issuer)) {
            path_.push_back(issuer);
            note(Reach::complete, PathFault::weak_key, path_.size() - 1,
                 describe(path_, path_.size() - 1, trusted) + " " + *weakness);
            path_.pop_back();
            return false;
        }
        if (!take(verifications_left_)) return false;
        if (X509_verify(subject.get(), X509_get0_pubkey(issuer.get())) == 1) return true;
        note_bad_signature(subject, trusted);
        return false;
    }

    bool is_remembered(const Certificate& subject, const Certificate& issuer) const {
        return options_.verified != nullptr && subject.is_ca() &&
               options_.verified->contains(subject.sha256_fingerprint(), issuer.sha256_fingerprint());
    }

    // Only along a sound path: a stranger's certificates never get into the memory, however many are sent.
    void remember_signatures() const {
        if (options_.verified == nullptr) return;
        const CertificateChain& path = result_.path;
        for (std::size_t i = 1; i + 1 < path.size(); ++i) {
            const Sha256& subject = path[i].sha256_fingerprint();
            const Sha256& issuer = path[i + 1].sha256_fingerprint();
            if (path[i].is_ca() && !options_.verified->contains(subject, issuer)) {
                options_.verified->insert(subject, issuer);
            }
        }
    }

    bool take(int& budget) {
        if (budget-- > 0) return true;
        note(Reach::gave_up, PathFault::chain_too_long, path_.size() - 1,
             fmt::format("gave up above {}: too many certificates of the same names were presented or trusted",
                         describe_last()));
        return false;
    }

    static bool is_among(const Certificate& certificate, std::span<const Certificate> set) {
        return std::ranges::any_of(set, [&](const Certificate& other) { return same_certificate(certificate, other); });
    }

    // The same authority, in these bytes or in another certificate for its name and key: going through it again leads
    // in a circle.
    bool is_on_path(const Certificate& issuer) const {
        return std::ranges::any_of(path_, [&](const Certificate& other) {
            if (same_certificate(issuer, other)) return true;
            return X509_NAME_cmp(X509_get_subject_name(issuer.get()), X509_get_subject_name(other.get())) == 0 &&
                   EVP_PKEY_eq(X509_get0_pubkey(issuer.get()), X509_get0_pubkey(other.get())) == 1;
        });
    }

    std::string describe_last() const { return describe(path_, path_.size() - 1, false); }

    void note_bad_signature(const Certificate& subject, bool trusted) {
        note(Reach::bad_signature, PathFault::bad_signature, path_.size() - 1,
             fmt::format("{} names {} as its issuer, but the key of the {} authority of that name did not sign it",
                         describe_last(), printable(subject.issuer()), trusted ? "trusted" : "presented"));
    }

    void note_no_issuer(const Certificate& subject) {
        const bool top = subject.is_self_issued();
        note(Reach::no_issuer, PathFault::no_issuer, path_.size() - 1,
             top ? fmt::format("{} is self-signed and is not trusted", describe_last())
                 : fmt::format("the issuer of {}, {}, is neither presented nor trusted", describe_last(),
                               printable(subject.issuer())));
    }

    // Of two that are the same, the one further up: what led there has been shown to fit. A root that a stranger
    // brought along says nothing more than what is below it.
    void note(Reach reach, PathFault fault, std::size_t at, std::string explanation) {
        const bool further = path_.size() > result_.path.size() && !path_.back().is_self_issued();
        if (reach < reach_ || (reach == reach_ && !further)) return;
        reach_ = reach;
        result_.fault = fault;
        result_.path = path_;
        result_.at = at;
        result_.explanation = std::move(explanation);
    }

    const CertificateChain& presented_;
    const FindAnchors& anchors_;
    const PathOptions& options_;
    CertificateChain path_;
    PathResult result_;
    Reach reach_ = Reach::nothing;
    int verifications_left_ = kMaxVerifications;
    int steps_left_ = kMaxSteps;
};

}  // namespace

std::string_view to_string(PathFault fault) {
    switch (fault) {
        case PathFault::none: return "none";
        case PathFault::no_issuer: return "no_issuer";
        case PathFault::bad_signature: return "bad_signature";
        case PathFault::expired: return "expired";
        case PathFault::not_yet_valid: return "not_yet_valid";
        case PathFault::not_a_ca: return "not_a_ca";
        case PathFault::key_cert_sign_missing: return "key_cert_sign_missing";
        case PathFault::path_length_exceeded: return "path_length_exceeded";
        case PathFault::wrong_key_usage: return "wrong_key_usage";
        case PathFault::wrong_extended_key_usage: return "wrong_extended_key_usage";
        case PathFault::unknown_critical_extension: return "unknown_critical_extension";
        case PathFault::weak_key: return "weak_key";
        case PathFault::weak_signature: return "weak_signature";
        case PathFault::name_constraints: return "name_constraints";
        case PathFault::chain_too_long: return "chain_too_long";
        case PathFault::malformed: return "malformed";
    }
    return "unknown";
}

PathResult validate_client_path(const CertificateChain& presented, const FindAnchors& anchors,
                                const PathOptions& options) {
    const ErrorScope errors;
    return PathSearch(presented, anchors, options).run();
}

}  // namespace muster::pki
