// The text of MQTT.
#pragma once

#include <string_view>

namespace muster::wire::mqtt {

// UTF-8 that section 1.5.3 of MQTT 3.1.1 lets stand in a packet.
bool is_mqtt_text(std::string_view text);

}  // namespace muster::wire::mqtt
