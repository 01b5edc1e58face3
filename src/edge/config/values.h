// The forms that single values must have; each function says what is wrong, or nothing.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace muster::edge {

// What is wrong with the text, as the end of a sentence; nothing when it is right.
using Complaint = std::optional<std::string>;

// facts/dps.md 1.2: letters, digits and - . _ :, at most 128, the last a letter, a digit or a dash.
Complaint check_registration_id(std::string_view text);
Complaint check_id_scope(std::string_view text);
// RFC 1123 section 2.1.
Complaint check_hostname(std::string_view text);
// The same or an address, with an optional ":port".
Complaint check_host_and_port(std::string_view text);
// As IoT Hub names devices: at most 128 of the ASCII letters, digits and - : . + % _ # * ? ! ( ) , = @ ; $ '
Complaint check_device_id(std::string_view text);
// "80%", "30min", "7day": of a certificate's lifetime, or before its end.
Complaint check_renewal_policy(std::string_view text);
// "HH:MM"
Complaint check_time_of_day(std::string_view text);
// Is it one of the words that the template and the how-to put where a value belongs?
bool is_placeholder(std::string_view text);

// "7d", "1h 30m", "2 days": the sum; nothing when it is not a duration.
std::optional<std::chrono::seconds> parse_duration(std::string_view text);

struct Endpoint {
    std::string host;
    std::string port;        // "443"
    std::string normalised;  // "https://host[:port]/"
};
// "host[:port]", a name or an address (IPv6 in brackets).
Result<Endpoint> parse_host_and_port(std::string_view text);
// "https://host[:port][/]"; the error says which part is wrong and what it should be.
Result<Endpoint> parse_endpoint(std::string_view text);

// The path of a "file:///..." URI; the error's hint is the line that would be right.
Result<std::string> path_of_file_uri(std::string_view text);

}  // namespace muster::edge
