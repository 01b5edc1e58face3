#include "pki/crl.h"

#include <malloc.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <compare>
#include <utility>

#include "base/text.h"
#include "pki/openssl.h"

namespace muster::pki {

namespace {

constexpr std::size_t kMaxDer = 16 * 1024 * 1024;
constexpr std::string_view kBegin = "-----BEGIN X509 CRL-----";
constexpr std::string_view kEnd = "-----END X509 CRL-----";

using CrlOwner = std::unique_ptr<X509_CRL, Freer<X509_CRL_free>>;
using NameOwner = std::unique_ptr<X509_NAME, Freer<X509_NAME_free>>;
using IntegerOwner = std::unique_ptr<ASN1_INTEGER, Freer<ASN1_INTEGER_free>>;

struct Word {
    RevocationReason reason;
    std::string_view word;
};
constexpr std::array<Word, 9> kWords = {{
    {RevocationReason::unspecified, "unspecified"},
    {RevocationReason::key_compromise, "keyCompromise"},
    {RevocationReason::ca_compromise, "cACompromise"},
    {RevocationReason::affiliation_changed, "affiliationChanged"},
    {RevocationReason::superseded, "superseded"},
    {RevocationReason::cessation_of_operation, "cessationOfOperation"},
    {RevocationReason::certificate_hold, "certificateHold"},
    {RevocationReason::privilege_withdrawn, "privilegeWithdrawn"},
    {RevocationReason::aa_compromise, "aACompromise"},
}};

std::optional<TimePoint> time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
    const std::chrono::year_month_day day{std::chrono::year(parts.tm_year + 1900),
                                          std::chrono::month(static_cast<unsigned>(parts.tm_mon + 1)),
                                          std::chrono::day(static_cast<unsigned>(parts.tm_mday))};
    if (!day.ok()) return std::nullopt;
    return TimePoint(std::chrono::sys_days(day) + std::chrono::hours(parts.tm_hour) +
                     std::chrono::minutes(parts.tm_min) + std::chrono::seconds(parts.tm_sec));
}

// A serial number as a byte for its sign and those of its magnitude: what entries are ordered by.
Bytes serial_key(bool negative, ByteView magnitude) {
    Bytes key{static_cast<std::uint8_t>(negative ? 1 : 0)};
    key.insert(key.end(), magnitude.begin(), magnitude.end());
    return key;
}

Bytes serial_key(const ASN1_INTEGER* serial) {
    return serial_key((ASN1_STRING_type(serial) & V_ASN1_NEG) != 0,
                      {ASN1_STRING_get0_data(serial), static_cast<std::size_t>(ASN1_STRING_length(serial))});
}

// As Certificate::serial_hex writes it; nothing for what is none.
std::optional<Bytes> serial_key(std::string_view hex) {
    const bool negative = hex.starts_with('-');
    const auto magnitude = hex_decode(hex.substr(negative ? 1 : 0));
    if (!magnitude) return std::nullopt;
    return serial_key(negative, *magnitude);
}

RevocationReason reason_of(const X509_REVOKED* entry) {
    const std::unique_ptr<ASN1_ENUMERATED, Freer<ASN1_ENUMERATED_free>> value(
        static_cast<ASN1_ENUMERATED*>(X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, nullptr, nullptr)));
    if (!value) return RevocationReason::unspecified;
    const long number = ASN1_ENUMERATED_get(value.get());
    for (const auto& [reason, word] : kWords)
        if (static_cast<long>(reason) == number) return reason;
    return RevocationReason::unspecified;
}

// A list restricted to a kind of certificates is complete for that kind; one restricted to reasons, or made of others'
// certificates, is not.
Result<> check_scope(const X509_CRL* crl) {
    int critical = -1;
    const std::unique_ptr<ISSUING_DIST_POINT, Freer<ISSUING_DIST_POINT_free>> scope(static_cast<ISSUING_DIST_POINT*>(
        X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, &critical, nullptr)));
    if (!scope) {
        if (critical == -1) return {};
        return fail(Errc::invalid_argument, "the list's issuing distribution point cannot be read");
    }
    if (scope->indirectCRL > 0) return fail(Errc::unsupported, "an indirect list (of other issuers) is not supported");
    if (scope->onlyattr > 0 || scope->onlysomereasons != nullptr)
        return fail(Errc::unsupported, "a list for some reasons or for attribute certificates alone is not supported");
    return {};
}

Result<> check_extensions(const X509_CRL* crl) {
    if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
        return fail(Errc::unsupported, "a delta list is not supported: give the complete one");
    const int count = X509_CRL_get_ext_count(crl);
    for (int i = 0; i < count; ++i) {
        X509_EXTENSION* extension = X509_CRL_get_ext(crl, i);
        const int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (X509_EXTENSION_get_critical(extension) != 0 && nid != NID_issuing_distribution_point)
            return fail(Errc::unsupported, "the list has a critical extension that is not known here");
    }
    return check_scope(crl);
}

// One line of a list, small: lists have hundreds of thousands of them. The serial's key lies with all others.
struct Entry {
    std::uint32_t key_at;
    std::uint16_t key_size;
    RevocationReason reason;
    std::int64_t seconds;  // of its time, since 1970
};

// Only certificateIssuer may be critical in an entry, and that makes the list an indirect one.
Result<> add_entry(const X509_REVOKED* revoked, Bytes& keys, std::vector<Entry>& entries) {
    const int count = X509_REVOKED_get_ext_count(revoked);
    for (int i = 0; i < count; ++i)
        if (X509_EXTENSION_get_critical(X509_REVOKED_get_ext(revoked, i)) != 0)
            return fail(Errc::unsupported, "an entry of the list has a critical extension that is not known here");
    const auto time = time_of(X509_REVOKED_get0_revocationDate(revoked));
    if (!time) return fail(Errc::invalid_argument, "an entry of the list has a date that cannot be read");
    const auto key = serial_key(X509_REVOKED_get0_serialNumber(revoked));
    if (key.size() > UINT16_MAX) return fail(Errc::invalid_argument, "an entry of the list has an endless serial");
    entries.push_back({static_cast<std::uint32_t>(keys.size()), static_cast<std::uint16_t>(key.size()),
                       reason_of(revoked), std::chrono::floor<std::chrono::seconds>(*time).time_since_epoch().count()});
    keys.insert(keys.end(), key.begin(), key.end());
    return {};
}

// OpenSSL's tree of a list. That of a large one takes a hundred megabytes for a moment, which the allocator would keep.
class Tree {
public:
    Tree(CrlOwner crl, std::size_t bytes) : crl_(std::move(crl)), large_(bytes > kLarge) {}
    Tree(Tree&& other) noexcept : crl_(std::move(other.crl_)), large_(std::exchange(other.large_, false)) {}
    Tree& operator=(Tree&&) = delete;
    ~Tree() {
        crl_.reset();
        if (large_) static_cast<void>(::malloc_trim(0));
    }
    X509_CRL* get() const { return crl_.get(); }

private:
    static constexpr std::size_t kLarge = 1024 * 1024;
    CrlOwner crl_;
    bool large_;
};

Result<Tree> parse(ByteView der) {
    const ErrorScope errors;
    const unsigned char* next = der.data();
    CrlOwner crl(d2i_X509_CRL(nullptr, &next, static_cast<long>(der.size())));
    if (!crl) return fail(Errc::invalid_argument, "not a revocation list: {}", ErrorScope::reason());
    if (next != der.data() + der.size()) return fail(Errc::invalid_argument, "bytes follow the revocation list");
    return Tree(std::move(crl), der.size());
}

}  // namespace

std::string_view to_string(RevocationReason reason) {
    for (const auto& [known, word] : kWords)
        if (known == reason) return word;
    return "unspecified";
}

Result<RevocationReason> parse_revocation_reason(std::string_view text) {
    std::vector<std::string> words;
    for (const auto& [reason, word] : kWords) {
        if (equals_ignore_case(word, text)) return reason;
        words.emplace_back(word);
    }
    return fail(Errc::invalid_argument, "'{}' is no reason for a revocation: it is one of {}", printable(text),
                join(words, ", "));
}

// What is looked up, and no more: OpenSSL's tree of a list takes twenty times the room of its bytes.
struct RevocationList::Parts {
    Bytes der;
    NameOwner issuer;
    TimePoint this_update;
    std::optional<TimePoint> next_update;
    Bytes keys;
    std::vector<Entry> entries;  // by their keys; of several with one key the last one counts

    ByteView key_of(const Entry& entry) const { return ByteView(keys).subspan(entry.key_at, entry.key_size); }
    void sort() {
        std::ranges::sort(entries, [this](const Entry& a, const Entry& b) {
            const auto key = key_of(a);
            const auto other = key_of(b);
            if (!std::ranges::equal(key, other)) return std::ranges::lexicographical_compare(key, other);
            return a.key_at > b.key_at;
        });
        const auto same = [this](const Entry& a, const Entry& b) { return std::ranges::equal(key_of(a), key_of(b)); };
        const auto doubles = std::ranges::unique(entries, same);
        entries.erase(doubles.begin(), doubles.end());
        entries.shrink_to_fit();
        keys.shrink_to_fit();
    }
};

Result<RevocationList> RevocationList::from_der(ByteView der) {
    if (der.size() > kMaxDer)
        return fail(Errc::too_large, "the revocation list has {} bytes; at most {} are read", der.size(), kMaxDer);
    MUSTER_TRY(const auto crl, parse(der));
    MUSTER_CHECK(check_extensions(crl.get()));
    auto parts = std::make_shared<Parts>();
    const auto this_update = time_of(X509_CRL_get0_lastUpdate(crl.get()));
    const ASN1_TIME* next_update = X509_CRL_get0_nextUpdate(crl.get());
    if (!this_update) return fail(Errc::invalid_argument, "the list's thisUpdate cannot be read");
    parts->this_update = *this_update;
    if (next_update != nullptr) {
        parts->next_update = time_of(next_update);
        if (!parts->next_update) return fail(Errc::invalid_argument, "the list's nextUpdate cannot be read");
    }
    const STACK_OF(X509_REVOKED)* revoked = X509_CRL_get_REVOKED(crl.get());
    for (int i = 0; i < sk_X509_REVOKED_num(revoked); ++i)
        MUSTER_CHECK(add_entry(sk_X509_REVOKED_value(revoked, i), parts->keys, parts->entries));
    parts->sort();
    parts->issuer.reset(X509_NAME_dup(X509_CRL_get_issuer(crl.get())));
    if (!parts->issuer) return fail(Errc::internal, "cannot keep the list's issuer");
    parts->der.assign(der.begin(), der.end());
    return RevocationList(std::move(parts));
}

Result<RevocationList> RevocationList::from_any(std::string_view text) {
    if (const auto begin = text.find(kBegin); begin != std::string_view::npos) {
        const auto inside = text.substr(begin + kBegin.size());
        const auto end = inside.find(kEnd);
        if (end == std::string_view::npos) return fail(Errc::invalid_argument, "{} has no matching {}", kBegin, kEnd);
        const auto der = base64_decode(inside.substr(0, end), true);
        if (!der) return fail(Errc::invalid_argument, "the PEM block of the revocation list is not base64");
        return from_der(*der);
    }
    if (!text.empty() && text.front() == '\x30') {
        if (auto list = from_der(as_bytes(text)); list || list.error().code() != Errc::invalid_argument) return list;
    }
    const auto decoded = base64_decode(trim(text), true);
    if (!decoded)
        return fail(Errc::invalid_argument, "not a revocation list: neither PEM, nor DER, nor base64 of either");
    if (as_text(*decoded).contains(kBegin)) return from_any(as_text(*decoded));
    return from_der(*decoded);
}

const Bytes& RevocationList::der() const {
    return parts_->der;
}

std::string RevocationList::issuer() const {
    return name_text(parts_->issuer.get());
}

Bytes RevocationList::issuer_der() const {
    return encode_der(parts_->issuer.get(), i2d_X509_NAME);
}

TimePoint RevocationList::this_update() const {
    return parts_->this_update;
}

std::optional<TimePoint> RevocationList::next_update() const {
    return parts_->next_update;
}

std::size_t RevocationList::size() const {
    return parts_->entries.size();
}

std::optional<Revocation> RevocationList::find(std::string_view serial_hex) const {
    const auto wanted = serial_key(serial_hex);
    if (!wanted) return std::nullopt;
    const auto& entries = parts_->entries;
    const auto entry = std::ranges::lower_bound(
        entries, ByteView(*wanted), [](ByteView a, ByteView b) { return std::ranges::lexicographical_compare(a, b); },
        [this](const Entry& each) { return parts_->key_of(each); });
    if (entry == entries.end() || !std::ranges::equal(parts_->key_of(*entry), *wanted)) return std::nullopt;
    return Revocation{std::string(serial_hex), TimePoint(std::chrono::seconds(entry->seconds)), entry->reason};
}

Result<> RevocationList::check_signed_by(const Certificate& issuer) const {
    const ErrorScope errors;
    const auto name = printable(issuer.subject());
    if (X509_NAME_cmp(parts_->issuer.get(), X509_get_subject_name(issuer.get())) != 0)
        return fail(Errc::invalid_argument, "the revocation list was issued by '{}', not by '{}'",
                    printable(this->issuer()), name);
    // UINT32_MAX when the certificate has no keyUsage.
    if ((X509_get_key_usage(issuer.get()) & KU_CRL_SIGN) == 0)
        return fail(Errc::invalid_argument, "the key usage of '{}' does not allow it to sign revocation lists", name);
    EVP_PKEY* key = X509_get0_pubkey(issuer.get());
    MUSTER_TRY(const auto crl, parse(parts_->der));
    if (key == nullptr || X509_CRL_verify(crl.get(), key) != 1)
        return fail(Errc::invalid_argument, "the revocation list is not signed with the key of '{}'", name);
    return {};
}

namespace {

ASN1_TIME* set_time(ASN1_TIME* time, TimePoint to) {
    return ASN1_TIME_set(
        time, static_cast<std::time_t>(std::chrono::floor<std::chrono::seconds>(to).time_since_epoch().count()));
}

using TimeOwner = std::unique_ptr<ASN1_TIME, Freer<ASN1_TIME_free>>;

Result<> cannot_make() {
    return fail(Errc::internal, "cannot make the revocation list: {}", ErrorScope::reason());
}

Result<> add_revocation(X509_CRL* crl, const Revocation& revocation) {
    std::unique_ptr<X509_REVOKED, Freer<X509_REVOKED_free>> entry(X509_REVOKED_new());
    const auto serial = hex_decode(revocation.serial);
    const TimeOwner time(ASN1_TIME_new());
    if (!entry || !serial || !time || set_time(time.get(), revocation.time) == nullptr) return cannot_make();
    const std::unique_ptr<BIGNUM, Freer<BN_free>> number(
        BN_bin2bn(serial->data(), static_cast<int>(serial->size()), nullptr));
    const IntegerOwner integer(number ? BN_to_ASN1_INTEGER(number.get(), nullptr) : nullptr);
    if (!integer || X509_REVOKED_set_serialNumber(entry.get(), integer.get()) != 1 ||
        X509_REVOKED_set_revocationDate(entry.get(), time.get()) != 1)
        return cannot_make();
    // The reason "unspecified" is said by leaving the extension out (RFC 5280 5.3.1).
    if (revocation.reason != RevocationReason::unspecified) {
        const std::unique_ptr<ASN1_ENUMERATED, Freer<ASN1_ENUMERATED_free>> reason(ASN1_ENUMERATED_new());
        if (!reason || ASN1_ENUMERATED_set(reason.get(), static_cast<long>(revocation.reason)) != 1 ||
            X509_REVOKED_add1_ext_i2d(entry.get(), NID_crl_reason, reason.get(), 0, X509V3_ADD_DEFAULT) != 1)
            return cannot_make();
    }
    if (X509_CRL_add0_revoked(crl, entry.get()) != 1) return cannot_make();
    static_cast<void>(entry.release());
    return {};
}

Result<> add_crl_extensions(X509_CRL* crl, std::uint64_t number, const Certificate& issuer) {
    const IntegerOwner integer(ASN1_INTEGER_new());
    if (!integer || ASN1_INTEGER_set_uint64(integer.get(), number) != 1 ||
        X509_CRL_add1_ext_i2d(crl, NID_crl_number, integer.get(), 0, X509V3_ADD_DEFAULT) != 1)
        return cannot_make();
    const ASN1_OCTET_STRING* key_id = X509_get0_subject_key_id(issuer.get());
    if (key_id == nullptr) return {};
    const std::unique_ptr<AUTHORITY_KEYID, Freer<AUTHORITY_KEYID_free>> authority(AUTHORITY_KEYID_new());
    if (!authority) return cannot_make();
    authority->keyid = ASN1_OCTET_STRING_dup(key_id);
    if (X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, authority.get(), 0, X509V3_ADD_DEFAULT) != 1)
        return cannot_make();
    return {};
}

}  // namespace

Result<Bytes> make_crl(const CrlContent& content, const Issuer& issuer) {
    const ErrorScope errors;
    const CrlOwner crl(X509_CRL_new());
    const TimeOwner from(ASN1_TIME_new());
    const TimeOwner until(ASN1_TIME_new());
    if (!crl || !from || !until || set_time(from.get(), content.this_update) == nullptr ||
        set_time(until.get(), content.next_update) == nullptr ||
        X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) != 1 ||
        X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(issuer.certificate.get())) != 1 ||
        X509_CRL_set1_lastUpdate(crl.get(), from.get()) != 1 || X509_CRL_set1_nextUpdate(crl.get(), until.get()) != 1)
        return fail(Errc::internal, "cannot make the revocation list: {}", ErrorScope::reason());
    for (const auto& entry : content.entries) MUSTER_CHECK(add_revocation(crl.get(), entry));
    MUSTER_CHECK(add_crl_extensions(crl.get(), content.number, issuer.certificate));
    X509_CRL_sort(crl.get());
    EVP_PKEY* key = issuer.key.get();
    const bool large_ec = EVP_PKEY_is_a(key, "EC") == 1 && EVP_PKEY_get_bits(key) > 256;
    if (X509_CRL_sign(crl.get(), key, large_ec ? EVP_sha384() : EVP_sha256()) <= 0)
        return fail(Errc::internal, "cannot sign the revocation list: {}", ErrorScope::reason());
    auto der = encode_der(crl.get(), i2d_X509_CRL);
    if (der.empty()) return fail(Errc::internal, "cannot encode the revocation list");
    return der;
}

}  // namespace muster::pki
