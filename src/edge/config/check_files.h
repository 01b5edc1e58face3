// What must be true of a file before a service is told to read it. Internal to this room.
#pragma once

#include "edge/config/check_certificates.h"

namespace muster::edge {

enum class Secrecy { secret, open };
// Whether its service may read it; a problem with what mends it when not.
bool readable(const GivenFile& file, const Identity& reader, Secrecy secrecy, Notes& notes);
void warn_of_open_key(const GivenFile& file, const Identity& reader, Notes& notes);

struct Pair {
    std::optional<pki::CertificateChain> chain;
    std::optional<pki::PrivateKey> key;
};
// A certificate chain and its key, each read by its own service: dates, order, and whether they fit.
Pair check_pair_of_files(const CheckInput& in, const GivenFile& certificate, const GivenFile& key, Notes& notes);

// Certificates that are trusted: public files, every one in date.
void check_authorities(const GivenFile& file, const Identity& reader, TimePoint now, Notes& notes);

}  // namespace muster::edge
