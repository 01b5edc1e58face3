#include "hub/identifiers.h"

#include "base/text.h"
#include "hub/errors.h"

namespace muster::hub {
namespace {

constexpr std::size_t max_id = 128;

Result<> check_id(std::string_view id, std::string_view what, std::string_view allowed) {
    if (id.empty() || id.size() > max_id)
        return fail(Error(Errc::invalid_argument,
                          fmt::format("a {} has 1 to {} characters, this one has {}", what, max_id, id.size()))
                        .with_number(code::argument_invalid));
    for (const char c : id) {
        const bool alphanumeric = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!alphanumeric && allowed.find(c) == std::string_view::npos)
            return fail(Error(Errc::invalid_argument,
                              fmt::format("the {} '{}' has the character '{}'; allowed are letters, digits and {}",
                                          what, printable(id), printable({&c, 1}), allowed))
                            .with_number(code::argument_invalid));
    }
    return {};
}

std::string_view without_quotes(std::string_view etag) {
    if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') return etag.substr(1, etag.size() - 2);
    return etag;
}

}  // namespace

Result<> check_device_id(std::string_view id) {
    return check_id(id, "device id", "-:.+%_#*?!(),=@;$'");
}

Result<> check_module_id(std::string_view id) {
    return check_id(id, "module id", "-:.+%_#*?!(),=@;$'");
}

std::string make_generation_id(TimePoint now, Random& random) {
    // .NET counts ticks of 100 ns from the year 1.
    constexpr std::int64_t epoch_in_micros = 62'135'596'800'000'000;
    const auto ticks = (now.time_since_epoch().count() + epoch_in_micros) * 10;
    return fmt::format("{}", ticks + static_cast<std::int64_t>(random.below(10)));
}

std::string make_identity_etag(Random& random) {
    return base64_encode(as_bytes(fmt::format("{:09}", random.below(1'000'000'000))));
}

std::string twin_etag(std::int64_t version) {
    std::array<std::uint8_t, 8> bytes{};
    for (std::size_t i = 0; i < 8; ++i)
        bytes[7 - i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(version) >> (8 * i));
    return base64_encode(bytes);
}

std::string make_device_key(Random& random) {
    return base64_encode(random.bytes(32));
}

Result<> check_if_match(std::string_view if_match, std::string_view etag, std::string_view what) {
    const auto wanted = without_quotes(trim(if_match));
    if (wanted == "*" || wanted == without_quotes(etag)) return {};
    return fail(Error(Errc::precondition_failed,
                      fmt::format("{} has changed since it was read: its etag is {}, If-Match has {}", what,
                                  without_quotes(etag), printable(wanted)))
                    .with_hint("read it again and repeat the change")
                    .with_number(code::precondition_failed));
}

}  // namespace muster::hub
