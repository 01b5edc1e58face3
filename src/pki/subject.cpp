#include "pki/subject.h"

#include <array>

#include "pki/openssl.h"

namespace muster::pki {

namespace {

std::string type_text(const ASN1_OBJECT* type) {
    if (const int kind = OBJ_obj2nid(type); kind != NID_undef) return OBJ_nid2sn(kind);
    std::array<char, 128> dots{};
    OBJ_obj2txt(dots.data(), dots.size(), type, 1);
    return dots.data();
}

std::string value_text(const ASN1_STRING* value) {
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, value);
    if (size < 0) return {};
    std::string text(as_text({utf8, static_cast<std::size_t>(size)}));
    OPENSSL_free(utf8);
    return text;
}

Subject parts_of(const X509_NAME* name) {
    const ErrorScope errors;
    Subject parts;
    for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
        const auto* entry = X509_NAME_get_entry(name, i);
        parts.emplace_back(type_text(X509_NAME_ENTRY_get_object(entry)), value_text(X509_NAME_ENTRY_get_data(entry)));
    }
    return parts;
}

}  // namespace

Subject subject_of(const Certificate& certificate) {
    return parts_of(X509_get_subject_name(certificate.get()));
}

Subject subject_of(const Csr& request) {
    return parts_of(X509_REQ_get_subject_name(request.get()));
}

bool same_subject(const Certificate& certificate, const Csr& request) {
    return X509_NAME_cmp(X509_get_subject_name(certificate.get()), X509_REQ_get_subject_name(request.get())) == 0;
}

}  // namespace muster::pki
