// Enrollments as lines of a table: one column for each member that a line can hold.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace muster::cli {

// The columns of a file, read from its first line. Cells are texts as `muster enrollment create` takes them:
//   registrationId | enrollmentGroupId      which of the two says what the file holds
//   attestation                             x509, symmetricKey, tpm; may be left out where another column says it
//   certificate, secondaryCertificate       base64 or PEM, or @FILE (a path beside the table)
//   caName, secondaryCaName                 of groups
//   primaryKey, secondaryKey                base64; the service makes those that are empty
//   endorsementKey, storageRootKey          base64
//   deviceId, iotEdge, provisioningStatus, allocationPolicy, iotHubs (separated by spaces), reprovisionPolicy
//   tags, desired, optionalDeviceInformation, customAllocationDefinition      JSON objects
class CsvColumns {
public:
    // Names are compared without case. An unknown one, or one that is there twice, is an error that names it.
    static Result<CsvColumns> from_header(const std::vector<std::string>& header);
    // Those that an export writes.
    static CsvColumns all(bool groups);

    bool of_groups() const { return groups_; }
    const std::vector<std::string>& names() const { return names_; }
    // The API's body. Errors name the column. `beside`: the directory that @FILE is relative to.
    Result<json::object> to_enrollment(const std::vector<std::string>& cells,
                                       const std::filesystem::path& beside) const;
    // The way back. Errc::unsupported, naming the member, when a line cannot hold all of it.
    Result<std::vector<std::string>> to_cells(const json::object& enrollment) const;

private:
    std::vector<std::string> names_;  // in the spelling of the list above
    bool groups_ = false;
};

}  // namespace muster::cli
