#include "edge/service/stored_name.h"

#include "base/bytes.h"
#include "pki/key.h"

namespace muster::edge {

std::string stored_name(std::string_view id) {
    std::string alphanumeric;
    for (const char c : id)
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) alphanumeric += c;
    // A file name ends at 255 bytes; the hash takes 64.
    return alphanumeric.substr(0, 128) + "-" + hex_encode(pki::sha256(as_bytes(id)));
}

}  // namespace muster::edge
