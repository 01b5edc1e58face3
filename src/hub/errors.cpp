#include "hub/errors.h"

#include "base/text.h"

namespace muster::hub {

std::string_view error_name(int number) {
    switch (number) {
        case code::argument_invalid: return "ArgumentInvalid";
        case code::format_error: return "IotHubFormatError";
        case code::bulk_failure: return "BulkRegistryOperationFailure";
        case code::unauthorized: return "IotHubUnauthorized";
        case code::system_module: return "SystemModuleModifyUnauthorizedAccess";
        case code::device_disabled: return "DeviceDisabled";
        case code::device_not_found: return "DeviceNotFound";
        case code::module_not_found: return "ModuleNotFound";
        case code::device_already_exists: return "DeviceAlreadyExists";
        case code::module_already_exists: return "ModuleAlreadyExistsOnDevice";
        case code::precondition_failed: return "PreconditionFailed";
        case code::too_many_modules: return "TooManyModulesOnDevice";
        case code::service_unavailable: return "ServiceUnavailable";
        // Wrong methods and paths share a number with the provisioning service; the hub's name for them is general.
        default: return number < code::server_error ? "InvalidOperation" : "ServerError";
    }
}

int error_number(const Error& error) {
    if (error.number() != 0) return error.number();
    switch (error.code()) {
        case Errc::invalid_argument:
        case Errc::unsupported: return code::argument_invalid;
        case Errc::unauthorized:
        case Errc::forbidden: return code::unauthorized;
        case Errc::not_found: return code::device_not_found;
        case Errc::already_exists:
        case Errc::conflict: return code::device_already_exists;
        case Errc::precondition_failed: return code::precondition_failed;
        case Errc::throttled:
        case Errc::timeout:
        case Errc::unavailable: return code::service_unavailable;
        default: return code::server_error;
    }
}

Error device_not_found(std::string_view device_id) {
    return Error(Errc::not_found, fmt::format("device '{}' is not registered", printable(device_id)))
        .with_number(code::device_not_found);
}

Error module_not_found(std::string_view device_id, std::string_view module_id) {
    return Error(Errc::not_found, fmt::format("module '{}' is not registered on device '{}'", printable(module_id),
                                              printable(device_id)))
        .with_number(code::module_not_found);
}

}  // namespace muster::hub
