// Operation ids: unguessable, bound to scope, registration id and credential, and valid on every node that has the key.
//
// "4.{16 hex}.{guid}": the hex digits are a MAC over the guid and what the id is bound to, so nothing is stored for
// them: the state that an operation id gives access to is the registration's record.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/random.h"

namespace muster::provisioning {

struct OperationBinding {
    std::string_view scope;
    std::string_view registration_id;  // compared without case
    std::string_view credential;       // fingerprint of the leaf
};

std::string make_operation_id(ByteView key, const OperationBinding& binding, Random& random);
bool is_operation_id(ByteView key, const OperationBinding& binding, std::string_view operation_id);

}  // namespace muster::provisioning
