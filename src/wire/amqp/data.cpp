#include "wire/amqp/data.h"

namespace muster::wire::amqp {
namespace {

constexpr std::size_t max_entries = 256;

// The value that `data` stands at.
Value read_value(pn_data_t* data) {
    switch (pn_data_type(data)) {
        case PN_BOOL: return pn_data_get_bool(data);
        case PN_BYTE: return std::int64_t{pn_data_get_byte(data)};
        case PN_SHORT: return std::int64_t{pn_data_get_short(data)};
        case PN_INT: return std::int64_t{pn_data_get_int(data)};
        case PN_LONG: return std::int64_t{pn_data_get_long(data)};
        case PN_TIMESTAMP: return std::int64_t{pn_data_get_timestamp(data)};
        case PN_UBYTE: return std::uint64_t{pn_data_get_ubyte(data)};
        case PN_USHORT: return std::uint64_t{pn_data_get_ushort(data)};
        case PN_UINT: return std::uint64_t{pn_data_get_uint(data)};
        case PN_ULONG: return std::uint64_t{pn_data_get_ulong(data)};
        case PN_FLOAT: return double{pn_data_get_float(data)};
        case PN_DOUBLE: return pn_data_get_double(data);
        case PN_STRING: return std::string(view(pn_data_get_string(data)));
        case PN_SYMBOL: return std::string(view(pn_data_get_symbol(data)));
        default: return std::monostate();
    }
}

struct Writer {
    pn_data_t* data;

    void operator()(std::monostate) const { pn_data_put_null(data); }
    void operator()(bool value) const { pn_data_put_bool(data, value); }
    void operator()(std::int32_t value) const { pn_data_put_int(data, value); }
    void operator()(std::int64_t value) const { pn_data_put_long(data, value); }
    void operator()(std::uint64_t value) const { pn_data_put_ulong(data, value); }
    void operator()(double value) const { pn_data_put_double(data, value); }
    void operator()(const std::string& value) const { pn_data_put_string(data, proton_bytes(value)); }
};

}  // namespace

Result<Map> read_map(pn_data_t* data) {
    Map map;
    if (pn_data_type(data) != PN_MAP) return map;
    const auto count = pn_data_get_map(data);
    if (count > 2 * max_entries) return fail(Errc::too_large, "a map has more than {} entries", max_entries);
    pn_data_enter(data);
    while (pn_data_next(data)) {
        const auto key = read_value(data);
        if (!pn_data_next(data)) return fail(Errc::invalid_argument, "a map ends with a key");
        if (const auto* name = std::get_if<std::string>(&key)) map.set(*name, read_value(data));
    }
    pn_data_exit(data);
    return map;
}

Result<Map> read_first_map(pn_data_t* data) {
    if (data == nullptr) return Map();
    pn_data_rewind(data);
    return pn_data_next(data) ? read_map(data) : Map();
}

void write_map(pn_data_t* data, const Map& map, Keys keys) {
    pn_data_put_map(data);
    pn_data_enter(data);
    for (const auto& [name, value] : map) {
        if (keys == Keys::symbols) {
            pn_data_put_symbol(data, proton_bytes(name));
        } else {
            pn_data_put_string(data, proton_bytes(name));
        }
        std::visit(Writer{data}, value);
    }
    pn_data_exit(data);
}

}  // namespace muster::wire::amqp
