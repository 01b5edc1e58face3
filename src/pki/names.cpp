#include "pki/names.h"

#include <algorithm>

#include "base/text.h"
#include "pki/issue.h"

namespace muster::pki {

namespace {

constexpr std::size_t kMaxCommonName = 64;  // RFC 5280 appendix A.1, ub-common-name
constexpr std::size_t kMaxDnsName = 253;

std::size_t characters(std::string_view utf8) {
    return static_cast<std::size_t>(
        std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

bool is_dns_name(std::string_view name) {
    if (name.starts_with("*.")) name.remove_prefix(2);
    if (name.empty() || name.size() > kMaxDnsName || name.front() == '.') return false;
    return std::ranges::all_of(name, [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    });
}

Result<> add_name(GENERAL_NAMES* names, int type, ASN1_STRING* value) {
    GENERAL_NAME* name = GENERAL_NAME_new();
    if (value == nullptr || name == nullptr || sk_GENERAL_NAME_push(names, name) <= 0) {
        ASN1_STRING_free(value);
        GENERAL_NAME_free(name);
        return fail(Errc::internal, "out of memory");
    }
    GENERAL_NAME_set0_value(name, type, value);
    return {};
}

}  // namespace

Result<> check_common_name(std::string_view name) {
    if (name.empty()) return fail(Errc::invalid_argument, "the common name (CN) is empty");
    if (const std::size_t count = characters(name); count > kMaxCommonName) {
        return fail(Errc::invalid_argument,
                    "the common name \"{}\" has {} characters; X.509 allows a CN at most {} (RFC 5280 ub-common-name)",
                    printable(name), count, kMaxCommonName);
    }
    return {};
}

Result<X509NameOwner> make_name(const Subject& subject) {
    const ErrorScope errors;
    X509NameOwner name(X509_NAME_new());
    for (const auto& [field, value] : subject) {
        if (field == "CN") MUSTER_CHECK(check_common_name(value));
        const auto* bytes = reinterpret_cast<const unsigned char*>(value.data());
        if (value.find('\0') != std::string::npos ||
            X509_NAME_add_entry_by_txt(name.get(), field.c_str(), MBSTRING_UTF8, bytes, static_cast<int>(value.size()),
                                       -1, 0) != 1) {
            return fail(Errc::invalid_argument, "\"{}={}\" cannot stand in a certificate's subject: {}",
                        printable(field), printable(value), ErrorScope::reason());
        }
    }
    return name;
}

Result<GeneralNamesOwner> make_alt_names(const std::vector<std::string>& dns_names,
                                         const std::vector<std::string>& ip_addresses) {
    const ErrorScope errors;
    GeneralNamesOwner names(GENERAL_NAMES_new());
    for (const std::string& dns : dns_names) {
        if (!is_dns_name(dns)) {
            return fail(Errc::invalid_argument,
                        "\"{}\" is not a DNS name (letters, digits, '-', '_', '.'; write other alphabets as xn--…)",
                        printable(dns));
        }
        ASN1_IA5STRING* text = ASN1_IA5STRING_new();
        if (text != nullptr) ASN1_STRING_set(text, dns.data(), static_cast<int>(dns.size()));
        MUSTER_CHECK(add_name(names.get(), GEN_DNS, text));
    }
    for (const std::string& ip : ip_addresses) {
        ASN1_OCTET_STRING* address = a2i_IPADDRESS(ip.c_str());
        if (address == nullptr) return fail(Errc::invalid_argument, "\"{}\" is not an IP address", printable(ip));
        MUSTER_CHECK(add_name(names.get(), GEN_IPADD, address));
    }
    return names;
}

}  // namespace muster::pki
