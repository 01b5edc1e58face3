// What the pki room's own files share about OpenSSL: owners of its objects. Not for other
// rooms.
#pragma once

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/openssl_errors.h"
#include "base/owner.h"

namespace muster::pki {

using X509Owner = std::unique_ptr<X509, Freer<X509_free>>;
using X509NameOwner = std::unique_ptr<X509_NAME, Freer<X509_NAME_free>>;
using X509ExtensionOwner = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;
using BioOwner = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using Pkcs12Owner = std::unique_ptr<PKCS12, Freer<PKCS12_free>>;

using ErrorScope = OpenSslErrorScope;

inline BioOwner reader_of(ByteView bytes) {
    return BioOwner(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

inline ByteView written_to(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return size <= 0 ? ByteView() : as_bytes({data, static_cast<std::size_t>(size)});
}

// The DER of an object by its i2d function; empty when it cannot be encoded.
template <class T, class Encode>
Bytes encode_der(T* object, Encode encode) {
    const int size = encode(object, nullptr);
    if (size <= 0) return {};
    Bytes out(static_cast<std::size_t>(size));
    unsigned char* end = out.data();
    encode(object, &end);
    return out;
}

// The most specific (last) CN as UTF-8; empty when there is none or when it holds a NUL.
std::string common_name_of(const X509_NAME* name);
// RFC 2253, ASCII alone (other bytes as \XX), safe to print on one line.
std::string name_text(const X509_NAME* name);

}  // namespace muster::pki
