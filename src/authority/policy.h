// What the authority goes by, from musterd's configuration.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "pki/key.h"

namespace muster::authority {

struct Policy {
    std::chrono::days certificate_life{90};  // of what it issues; cut to the issuing CA's own end
    std::optional<pki::KeySpec> key;  // the one kind of device key that is taken; absent: any that is strong enough
    // Where the revocation lists can be had, as certificates name it: "{crl_url}/{id}.crl". Empty: they name none.
    std::string crl_url;
    std::chrono::days crl_life{7};  // from thisUpdate to nextUpdate; made anew when half of it is gone
    // Whether one bootstrap certificate may enrol devices of other names: each name once, and never one that is known
    // already. Whoever holds that certificate may then claim any name that is still free.
    bool shared_bootstrap = false;
};

// The name of the one policy that certificates are issued by: what an enrollment's credentialPolicyName must say.
inline constexpr const char* policy_name = "default";

}  // namespace muster::authority
