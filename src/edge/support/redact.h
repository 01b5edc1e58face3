// Takes secrets out of what leaves a device in a support bundle.
//
// Two ways, since either alone misses some. The configuration says which values are secret: those are learnt, and taken
// out wherever they turn up, also in base64, percent-encoded or JSON-escaped. And what looks like a secret goes,
// whether it was learnt or not: private keys in PEM, signatures and keys of tokens and connection strings, passwords in
// URLs, PINs in pkcs11: URIs, Authorization headers.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/error.h"

namespace muster::edge::support {

inline constexpr std::string_view removed = "[removed]";

class Redactor {
public:
    // Learns a secret; those of less than four characters are too common to look for.
    void learn(std::string_view secret);
    // Learns what a configuration's TOML holds of secrets, by the names of its keys.
    void learn_from_configuration(std::string_view toml);

    // The text without secrets.
    std::string clean(std::string_view text) const;
    // The same for a configuration: besides, values of keys whose name says that they are secret. What is not TOML
    // comes back as one line that says so, since nobody knows what is in it.
    std::string clean_configuration(std::string_view toml) const;

private:
    std::set<std::string> secrets_;
};

}  // namespace muster::edge::support
