// What DPS and the hub answer, as identityd reads it: the first byte picks the reader.
// rooms: base pki net edge/common edge/service edge/keyd edge/certd edge/identityd
#include <cstdint>
#include <cstdlib>
#include <string>

#include "edge/identityd/cloud_answer.h"
#include "edge/identityd/dps_answer.h"
#include "edge/identityd/hub.h"

namespace {

using namespace muster;
using namespace muster::edge::identityd;

void require(bool holds) {
    if (!holds) std::abort();
}

// Ends in a log and in an API's JSON: printable, and not without bound.
void require_presentable(const std::string& message) {
    require(message.size() < 4096);
    for (const char c : message) require(static_cast<unsigned char>(c) >= 0x20);
}

void require_sound(const Reading& reading) {
    require(!(reading.assignment && reading.refusal));
    if (reading.refusal) require_presentable(reading.refusal->message());
    if (!reading.assignment) return;
    require(!reading.assignment->hub.empty() && !reading.assignment->device_id.empty());
    require(reading.assignment->hub.find('/') == std::string::npos);
}

void read_as_refusal(std::string_view body) {
    net::HttpResponse response;
    response.status = 401;
    response.body = std::string(body);
    response.headers.add("Retry-After", std::string(body.substr(0, 10)));
    response.headers.add("Date", std::string(body.substr(0, 40)));
    require_presentable(refusal("DPS refused", response).message());
    if (const auto date = date_of(response)) require(date->time_since_epoch().count() > 0);
    if (const auto wait = retry_after(response)) require(wait->count() >= 1 && wait->count() <= 300);
}

void read_as_module(std::string_view body) {
    const auto value = parse_json(body);
    if (!value) return;
    const auto module = read_hub_module(*value);
    if (module) require(!module->module_id.empty() && !module->generation_id.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view body(reinterpret_cast<const char*>(data + 1), size - 1);
    switch (data[0] % 3) {
        case 0:
            require_sound(read_operation(body, "dev"));
            require_sound(read_registration(body, "dev"));
            break;
        case 1: read_as_refusal(body); break;
        default: read_as_module(body); break;
    }
    return 0;
}
