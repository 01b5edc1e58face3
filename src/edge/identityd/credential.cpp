#include "edge/identityd/credential.h"

#include "edge/identityd/shared_key_credential.h"
#include "edge/identityd/tpm_credential.h"
#include "edge/identityd/x509_credential.h"

namespace muster::edge::identityd {

Task<Result<CredentialPtr>> load_credential(Neighbours neighbours, CredentialSettings settings) {
    return std::visit([&](auto& which) { return load_credential_of(std::move(neighbours), std::move(which)); },
                      settings);
}

Task<Result<json::object>> describe_credential(Neighbours neighbours, CredentialSettings settings) {
    return std::visit([&](auto& which) { return describe_credential_of(std::move(neighbours), std::move(which)); },
                      settings);
}

}  // namespace muster::edge::identityd
