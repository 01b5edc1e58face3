#include "wire/amqp/condition.h"

#include <proton/condition.h>

#include "wire/amqp/data.h"
#include "wire/amqp/proton.h"

namespace muster::wire::amqp {

Condition read_condition(pn_condition_t* condition) {
    if (condition == nullptr || !pn_condition_is_set(condition)) return {};
    Condition read{std::string(view(pn_condition_get_name(condition))),
                   std::string(view(pn_condition_get_description(condition))),
                   {}};
    if (auto info = read_first_map(pn_condition_info(condition))) read.info = std::move(*info);
    return read;
}

void write_condition(pn_condition_t* into, const Condition& condition) {
    if (condition.name.empty()) return;
    pn_condition_set_name(into, condition.name.c_str());
    if (!condition.description.empty()) pn_condition_set_description(into, condition.description.c_str());
    if (!condition.info.empty()) write_map(pn_condition_info(into), condition.info, Keys::symbols);
}

}  // namespace muster::wire::amqp
