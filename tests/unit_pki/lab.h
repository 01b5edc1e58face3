// A laboratory of certificates: makes whole hierarchies from one line of text, with the pki room itself, and spoils
// them where a case needs what `issue` refuses to make.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "pki/issue.h"

namespace muster::pki::lab {

// The moment at which every case is judged.
TimePoint now();  // 2026-06-01T12:00:00Z

struct Made {
    Certificate certificate;
    std::shared_ptr<PrivateKey> key;
};
using Hierarchy = std::map<std::string, Made, std::less<>>;

// "root | plant<root ca pathlen=0 | dev<plant until=-1d": certificates parted by " | ", each an id, its issuer after
// '<' (self-signed without one) and words that say what is special:
//
//   ca, client, server         the profile; self-signed ones are root_ca, issued ones client, unless said otherwise
//   cn=NAME                    subject (default: the id); '_' stands for a space
//   from=-30d until=+365d      validity around now(), in d(ays), h(ours) or s(econds)
//   key=ec:p384                any KeySpec, and rsa:1024, rsa:16384 (public half alone), ec:p192, ec:k256, ed25519
//   key-of=ID                  the key of another certificate (cross-signing, renewal)
//   pathlen=N nobc noku ku=... eku=... nc=... dns=NAME ip=ADDRESS critical sha1    as in IssueRequest; '_' is a space
//   ext=NAME:VALUE             one more extension in OpenSSL's words, replacing one of that kind; needs '|' as '/'
//   drop=NAME                  without this extension
//   v1                         version 1: no extensions at all
//   double=NAME                this extension twice
//   broken                     one bit of the signature flipped
//
// Keys depend on the id and kind alone and are kept, so that a hundred cases cost a few key generations.
Hierarchy make(std::string_view text);

// The certificates named in `ids` ("dev plant"), in this order.
CertificateChain pick(const Hierarchy& made, std::string_view ids);

}  // namespace muster::pki::lab
