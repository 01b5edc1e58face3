// What a complete path must fulfil (RFC 5280 section 6.1), signatures aside. Inside the pki room.
#pragma once

#include <optional>
#include <string>

#include "pki/path.h"

namespace muster::pki {

struct Fault {
    PathFault kind;
    std::size_t at;  // index into the path
    std::string explanation;
};

// The first rule that `path` (leaf first, anchor last) breaks, looking from the leaf up; nothing when it is sound.
// `now` may equal notBefore and any moment of the second notAfter: both ends belong to the validity (4.1.2.5).
std::optional<Fault> first_fault(const CertificateChain& path, TimePoint now, Purpose purpose);

// Why the key of `certificate` must not verify anything here (pki/key_strength.h), or nothing.
std::optional<std::string> key_weakness(const Certificate& certificate);

// "certificate CN=dev-1", "intermediate CN=Plant 3", "trusted authority CN=Root"; safe to print.
std::string describe(const CertificateChain& path, std::size_t at, bool last_is_anchor);
// The subject alone, or the serial where the subject is empty.
std::string printable_subject(const Certificate& certificate);

}  // namespace muster::pki
