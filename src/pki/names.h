// Distinguished names, made. Inside the pki room.
#pragma once

#include "base/error.h"
#include "pki/csr.h"
#include "pki/openssl.h"

namespace muster::pki {

// RFC 5280 upper bounds are kept: a CN has 1 to 64 characters, and the refusal says so.
Result<X509NameOwner> make_name(const Subject& subject);

// DNS names and IP addresses as a subjectAltName. An IP address, a host name of letters, digits, '-', '_' and '.', or
// one with "*." in front; anything else is refused.
using GeneralNamesOwner = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;
Result<GeneralNamesOwner> make_alt_names(const std::vector<std::string>& dns_names,
                                         const std::vector<std::string>& ip_addresses);

}  // namespace muster::pki
