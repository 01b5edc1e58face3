// The name of a certificate that is to be issued: common_name, or the parts of `subject` (facts/device.md 1.4).
#include <openssl/err.h>
#include <openssl/x509.h>

#include <array>
#include <memory>

#include "base/owner.h"
#include "base/text.h"
#include "edge/config/readers.h"
#include "edge/config/values.h"

namespace muster::edge::readers {
namespace {

// As OpenSSL has their names, which heeds upper and lower case.
constexpr std::array<std::string_view, 18> known_parts{"C",
                                                       "ST",
                                                       "L",
                                                       "street",
                                                       "O",
                                                       "OU",
                                                       "CN",
                                                       "SN",
                                                       "GN",
                                                       "serialNumber",
                                                       "DC",
                                                       "UID",
                                                       "emailAddress",
                                                       "initials",
                                                       "title",
                                                       "generationQualifier",
                                                       "dnQualifier",
                                                       "pseudonym"};

// What X.509 allows of each part (RFC 5280, appendix A) OpenSSL knows, who will make the name in the end.
Complaint check_part(std::string_view part, std::string_view value) {
    if (value.empty()) return "is empty";
    if (value.find('\0') != std::string_view::npos) return "holds a zero byte";
    const std::unique_ptr<X509_NAME, Freer<X509_NAME_free>> name(X509_NAME_new());
    const auto* text = reinterpret_cast<const unsigned char*>(value.data());
    ERR_clear_error();
    if (X509_NAME_add_entry_by_txt(name.get(), std::string(part).c_str(), MBSTRING_UTF8, text,
                                   static_cast<int>(value.size()), -1, 0) == 1)
        return std::nullopt;
    const auto* reason = ERR_reason_error_string(ERR_peek_last_error());
    auto complaint = fmt::format("is \"{}\", which cannot stand in a certificate: {}", printable(value),
                                 reason != nullptr ? reason : "OpenSSL gave no reason");
    ERR_clear_error();
    return complaint;
}

// A country is its code.
std::string mend(std::string_view part) {
    return part == "C" ? "C = \"DE\", two letters" : "";
}

}  // namespace

SubjectName subject(const ConfigSection& section) {
    SubjectName name;
    name.common_name = section.string("common_name");
    if (name.common_name && name.common_name->empty()) section.problem("common_name", "is empty");
    const auto table = section.table("subject");
    if (!table) return name;
    if (name.common_name) section.problem("subject", "stands beside common_name: give one of the two");
    for (const auto& written : table->names()) {
        const auto part = std::ranges::find_if(known_parts, [&](auto k) { return equals_ignore_case(k, written); });
        if (part == known_parts.end()) {
            table->problem(written,
                           fmt::format("unknown part of a subject name (known: {})", fmt::join(known_parts, ", ")));
            continue;
        }
        auto value = table->string(written);
        if (!value) continue;
        if (const auto wrong = check_part(*part, *value)) table->problem(written, *wrong, mend(*part));
        name.rest.emplace_back(*part, std::move(*value));
    }
    return name;
}

}  // namespace muster::edge::readers
