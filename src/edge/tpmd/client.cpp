#include "edge/tpmd/client.h"

namespace muster::edge::tpmd {
namespace {

Result<Bytes> digest_of(const Result<json::object>& answer) {
    if (!answer) return fail(answer.error());
    MUSTER_TRY(const auto text, required_string(*answer, "digest"));
    auto digest = base64_decode(text);
    if (!digest) return fail(Errc::internal, "tpmd's answer has no base64 in \"digest\"");
    return std::move(*digest);
}

}  // namespace

Task<Result<json::object>> Client::call(std::string method, std::string path, json::object body) const {
    const LocalService service{"aziot-tpmd", socket_, "2020-09-01", patience_};
    co_return co_await call_local(service, std::move(method), std::move(path), std::move(body));
}

Task<Result<Client::Keys>> Client::keys() const {
    MUSTER_CO_TRY(const auto answer, co_await call("GET", "/get_tpm_keys", {}));
    Keys out;
    MUSTER_CO_TRY(out.endorsement, required_string(answer, "endorsement_key"));
    MUSTER_CO_TRY(out.storage_root, required_string(answer, "storage_root_key"));
    co_return out;
}

Task<Result<>> Client::import_auth_key(std::string key) const {
    json::object body{{"key", std::move(key)}};
    MUSTER_CO_CHECK(co_await call("POST", "/import_auth_key", std::move(body)));
    co_return Result<>();
}

Task<Result<Bytes>> Client::sign_with_auth_key(Bytes data) const {
    json::object body{{"data", base64_encode(data)}};
    co_return digest_of(co_await call("POST", "/sign_with_auth_key", std::move(body)));
}

Task<Result<Bytes>> Client::sign_with_wrapped_key(std::string key, Bytes data) const {
    json::object body{{"key", std::move(key)}, {"data", base64_encode(data)}};
    co_return digest_of(co_await call("POST", "/sign_with_wrapped_key", std::move(body)));
}

}  // namespace muster::edge::tpmd
