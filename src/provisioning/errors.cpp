#include "provisioning/errors.h"

namespace muster::provisioning {

int error_number(const Error& error) {
    if (error.number() != 0) return error.number();
    switch (error.code()) {
        case Errc::invalid_argument: return code::invalid_body;
        case Errc::unsupported: return code::not_in_this_version;
        case Errc::unauthorized: return code::unauthorized;
        case Errc::forbidden: return code::forbidden;
        case Errc::not_found: return code::not_found;
        case Errc::already_exists:
        case Errc::conflict: return code::conflict;
        case Errc::precondition_failed: return code::precondition_failed;
        case Errc::too_large: return code::too_large;
        case Errc::throttled: return code::throttled;
        case Errc::timeout:
        case Errc::unavailable: return code::unavailable;
        case Errc::io:
        case Errc::internal: return code::internal;
    }
    return code::internal;
}

Error bad_body(std::string message) {
    return Error(Errc::invalid_argument, std::move(message)).with_number(code::invalid_body);
}

Error not_in_this_version(std::string message) {
    return Error(Errc::unsupported, std::move(message)).with_number(code::not_in_this_version);
}

Error unauthorized(std::string message) {
    return Error(Errc::unauthorized, std::move(message)).with_number(code::unauthorized);
}

}  // namespace muster::provisioning
