// A symmetric key in keyd: each request carries a shared access signature that keyd makes.
#pragma once

#include "edge/identityd/credential.h"

namespace muster::edge::identityd {

Task<Result<CredentialPtr>> load_credential_of(Neighbours neighbours, SharedKeySettings settings);
Task<Result<json::object>> describe_credential_of(Neighbours neighbours, SharedKeySettings settings);

}  // namespace muster::edge::identityd
