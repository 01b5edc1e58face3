// What hubs answer over their registry REST API, and what it means (facts/hub.md 3.3 to 3.9). No I/O.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "provisioning/outside.h"

namespace muster::links {

// Of a call that did not succeed, by the contract of provisioning::HubClient. The hub's own words are in it.
Error error_of_answer(int status, std::string_view body);

// Of POST /devices with one device to create. Nothing: it was created; Errc::already_exists: it is there.
Result<> read_create_answer(int status, std::string_view body);

// A device as GET /devices/{id} shows it. Errc::io when it is none.
Result<json::object> read_device(std::string_view body);
bool has_credential(const json::object& device, const hub::DeviceCredential& credential);
bool is_edge(const json::object& device);

// The sections of GET /twins/{id}, without the names that only the hub writes.
Result<provisioning::TwinCopy> read_twin(std::string_view body);

// {type, x509Thumbprint | symmetricKey}
json::object authentication(const hub::DeviceCredential& credential);
// The body of POST /devices that creates a device with its twin in one step.
json::array create_request(const provisioning::RemoteDevice& device);
// The body of PUT /twins/{id}: tags and desired properties are replaced.
json::object twin_request(const provisioning::TwinCopy& twin);

}  // namespace muster::links
