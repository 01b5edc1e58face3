// Proton's tree of AMQP values, read into ours and written from it.
#pragma once

#include "wire/amqp/message.h"
#include "wire/amqp/proton.h"

namespace muster::wire::amqp {

// The map that `data` stands at; an empty one when it is no map. Entries whose key is no text are left out.
// Errc::too_large beyond 256 entries.
Result<Map> read_map(pn_data_t* data);
// The same at the beginning of `data`, which may be null.
Result<Map> read_first_map(pn_data_t* data);

// AMQP wants symbols for the keys of annotations, link properties and error information, strings for those of
// application properties.
enum class Keys { symbols, strings };
void write_map(pn_data_t* data, const Map& map, Keys keys);

}  // namespace muster::wire::amqp
