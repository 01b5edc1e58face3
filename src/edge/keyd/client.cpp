#include "edge/keyd/client.h"

#include "base/text.h"
#include "net/reactor.h"

namespace muster::edge::keyd {
namespace {

constexpr std::string_view api_version = "2021-05-01";

Result<Bytes> decode_member(const json::object& answer, std::string_view name) {
    MUSTER_TRY(const auto text, required_string(answer, name));
    auto bytes = base64_decode(text);
    if (!bytes) return fail(Errc::internal, "keyd's answer has no base64 in \"{}\"", name);
    return std::move(*bytes);
}

Result<Bytes> decoded(Result<json::object> answer, std::string_view name) {
    if (!answer) return fail(std::move(answer).error());
    return decode_member(*answer, name);
}

}  // namespace

Task<Result<json::object>> Client::call(std::string method, std::string path, json::object body) const {
    const LocalService service{"aziot-keyd", socket_, std::string(api_version), patience_};
    co_return co_await call_local(service, std::move(method), std::move(path), std::move(body));
}

Task<Result<std::string>> Client::member(std::string method, std::string path, json::object body,
                                         std::string name) const {
    MUSTER_CO_TRY(const auto answer, co_await call(std::move(method), std::move(path), std::move(body)));
    co_return required_string(answer, name);
}

Task<Result<std::string>> Client::create_key(std::string id, std::string usage) const {
    json::object body{{"keyId", std::move(id)}, {"usage", std::move(usage)}};
    co_return co_await member("POST", "/key", std::move(body), "keyHandle");
}

Task<Result<std::string>> Client::load_key(std::string id) const {
    co_return co_await member("GET", "/key/" + percent_encode(id), {}, "keyHandle");
}

Task<Result<std::string>> Client::load_pair(std::string id) const {
    co_return co_await member("GET", "/keypair/" + percent_encode(id), {}, "keyHandle");
}

Task<Result<std::optional<std::string>>> Client::find_pair(std::string id) const {
    auto handle = co_await load_pair(std::move(id));
    if (!handle && says_not_found(handle.error())) co_return std::optional<std::string>();
    if (!handle) co_return fail(std::move(handle).error());
    co_return std::optional(std::move(*handle));
}

Task<Result<std::string>> Client::create_pair(std::string id, std::string preferred_algorithms) const {
    json::object body{{"keyId", std::move(id)}, {"preferredAlgorithms", std::move(preferred_algorithms)}};
    co_return co_await member("POST", "/keypair", std::move(body), "keyHandle");
}

Task<Result<>> Client::move_pair(std::string from, std::string to) const {
    json::object body{{"from", std::move(from)}};
    MUSTER_CO_CHECK(co_await call("POST", "/keypair/" + percent_encode(to), std::move(body)));
    co_return Result<>{};
}

Task<Result<>> Client::delete_pair(std::string handle) const {
    json::object body{{"keyHandle", std::move(handle)}};
    MUSTER_CO_CHECK(co_await call("DELETE", "/keypair", std::move(body)));
    co_return Result<>{};
}

Task<Result<std::string>> Client::derive(std::string base_handle, std::string derivation_data) const {
    json::object body{{"baseKeyHandle", std::move(base_handle)},
                      {"derivationData", base64_encode(as_bytes(derivation_data))}};
    co_return co_await member("POST", "/derivedkey", std::move(body), "keyHandle");
}

Task<Result<Secret>> Client::export_derived(std::string handle) const {
    json::object body{{"keyHandle", std::move(handle)}};
    MUSTER_CO_TRY(auto bytes, decoded(co_await call("POST", "/derivedkey/export", std::move(body)), "key"));
    co_return Secret(std::move(bytes));
}

Task<Result<Bytes>> Client::sign_hmac(std::string handle, Bytes message) const {
    json::object parameters{{"message", base64_encode(message)}};
    json::object body{
        {"keyHandle", std::move(handle)}, {"algorithm", "HMAC-SHA256"}, {"parameters", std::move(parameters)}};
    co_return decoded(co_await call("POST", "/sign", std::move(body)), "signature");
}

Task<Result<std::string>> Client::parameter(std::string handle, std::string name) const {
    json::object body{{"keyHandle", std::move(handle)}};
    co_return co_await member("POST", "/parameters/" + name, std::move(body), "value");
}

Result<Bytes> Client::sign_ecdsa_blocking(const std::string& handle, ByteView digest) const {
    json::object parameters{{"digest", base64_encode(digest)}};
    json::object body{{"keyHandle", handle}, {"algorithm", "ECDSA"}, {"parameters", std::move(parameters)}};
    return decoded(net::run_blocking(call("POST", "/sign", std::move(body))), "signature");
}

Result<Bytes> Client::rsa_private_blocking(const std::string& handle, std::string_view algorithm,
                                           ByteView input) const {
    json::object body{{"keyHandle", handle}, {"algorithm", algorithm}, {"plaintext", base64_encode(input)}};
    return decoded(net::run_blocking(call("POST", "/encrypt", std::move(body))), "ciphertext");
}

Result<std::string> Client::load_pair_blocking(const std::string& id) const {
    return net::run_blocking(load_pair(id));
}

}  // namespace muster::edge::keyd
