// Owners for Proton's objects.
#pragma once

#include <proton/codec.h>
#include <proton/connection_driver.h>
#include <proton/message.h>

#include <memory>
#include <string_view>

namespace muster::wire::amqp {

struct ProtonDeleter {
    void operator()(pn_message_t* message) const { pn_message_free(message); }
    void operator()(pn_data_t* data) const { pn_data_free(data); }
};
using MessagePtr = std::unique_ptr<pn_message_t, ProtonDeleter>;
using DataPtr = std::unique_ptr<pn_data_t, ProtonDeleter>;

inline std::string_view view(pn_bytes_t bytes) {
    return bytes.start == nullptr ? std::string_view() : std::string_view(bytes.start, bytes.size);
}
inline pn_bytes_t proton_bytes(std::string_view text) {
    return pn_bytes(text.size(), text.data());
}
inline std::string_view view(const char* text) {
    return text == nullptr ? std::string_view() : std::string_view(text);
}

}  // namespace muster::wire::amqp
