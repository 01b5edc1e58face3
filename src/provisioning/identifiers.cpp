#include "provisioning/identifiers.h"

#include "base/bytes.h"
#include "base/text.h"
#include "provisioning/errors.h"

namespace muster::provisioning {
namespace {

constexpr std::size_t max_id = 128;

bool is_alphanumeric(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

std::string_view without_quotes(std::string_view etag) {
    if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') return etag.substr(1, etag.size() - 2);
    return etag;
}

}  // namespace

Result<> check_id(std::string_view id, std::string_view what) {
    if (id.empty() || id.size() > max_id)
        return fail(bad_body(fmt::format("a {} has 1 to {} characters, this one has {}", what, max_id, id.size())));
    for (const char c : id)
        if (!is_alphanumeric(c) && std::string_view("-._:").find(c) == std::string_view::npos)
            return fail(bad_body(fmt::format("the {} '{}' has the character '{}'; allowed are letters, digits and -._:",
                                             what, printable(id), printable({&c, 1}))));
    if (!is_alphanumeric(id.back()) && id.back() != '-')
        return fail(bad_body(fmt::format("the {} '{}' must end in a letter, a digit or '-'", what, id)));
    return {};
}

std::string make_enrollment_etag(Random& random) {
    return fmt::format("\"{}\"", random.guid());
}

std::string make_registration_etag(Random& random) {
    return base64_encode(as_bytes(make_enrollment_etag(random)));
}

Result<> check_if_match(std::string_view if_match, std::string_view etag, std::string_view what) {
    const auto wanted = without_quotes(trim(if_match));
    if (wanted == "*" || wanted == without_quotes(etag)) return {};
    return fail(
        Error(Errc::precondition_failed, fmt::format("{} has changed since it was read: its etag is {}", what, etag))
            .with_hint("read it again and repeat the change")
            .with_number(code::precondition_failed));
}

std::string fingerprint(const pki::Certificate& certificate) {
    return hex_encode_upper(certificate.sha256_fingerprint());
}

}  // namespace muster::provisioning
