#include "provisioning/paging.h"

#include "provisioning/errors.h"

namespace muster::provisioning {

Result<std::string> read_continuation(const std::string& token) {
    if (token.empty()) return std::string();
    const auto key = base64_decode(token);
    if (!key) return fail(bad_body("x-ms-continuation is not a token of this service"));
    return std::string(as_text(*key));
}

Result<> check_query(const json::object& body) {
    MUSTER_TRY(const auto text, optional_string(body, "query"));
    if (!text) return {};
    const auto query = to_lower(trim(*text));
    if ((query.starts_with("*") || query.starts_with("select *")) && query.find(" where ") == std::string::npos)
        return {};
    return fail(
        bad_body(fmt::format("the query '{}' is not understood: this API knows \"SELECT *\" alone", printable(*text))));
}

}  // namespace muster::provisioning
