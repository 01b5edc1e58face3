#include "edge/tpmd/routes.h"

#include "edge/service/daemon.h"

namespace muster::edge::tpmd {
namespace {

constexpr std::string_view version = "2020-09-01";

Result<Bytes> decode(const Call& call, std::string_view name) {
    auto bytes = base64_decode(call.text(name));
    if (!bytes) return fail(Errc::invalid_argument, "parameter \"{}\" has an invalid value: it is not base64", name);
    return std::move(*bytes);
}

Reply digest_reply(const Bytes& digest) {
    return {200, json::object{{"digest", base64_encode(digest)}}};
}

Result<Reply> get_keys(const Tpm& tpm, const Call&) {
    MUSTER_TRY(const auto keys, tpm.keys());
    return Reply{200, json::object{{"endorsement_key", base64_encode(keys.endorsement)},
                                   {"storage_root_key", base64_encode(keys.storage_root)}}};
}

Result<Reply> import_auth_key(const Tpm& tpm, const Call& call) {
    MUSTER_TRY(const auto key, decode(call, "key"));
    return reply_with(tpm.import_auth_key(key), [] { return Reply{200, json::object{}}; });
}

Result<Reply> sign_with_auth_key(const Tpm& tpm, const Call& call) {
    MUSTER_TRY(const auto data, decode(call, "data"));
    return reply_with(tpm.sign_with_auth_key(data), digest_reply);
}

Result<Reply> sign_with_wrapped_key(const Tpm& tpm, const Call& call) {
    MUSTER_TRY(const auto key, decode(call, "key"));
    MUSTER_TRY(const auto data, decode(call, "data"));
    return reply_with(tpm.sign_with_wrapped_key(key, data), digest_reply);
}

}  // namespace

std::unique_ptr<Router> make_router(const Tpm& tpm, boost::asio::io_context& worker, Admission::Limits limits) {
    const auto on_worker = [&tpm, &worker](Result<Reply> (*operation)(const Tpm&, const Call&)) -> RouteHandler {
        return [&tpm, &worker, operation](Call call) -> Task<Result<Reply>> {
            co_return co_await run_on(worker,
                                      [&tpm, operation, call = std::move(call)] { return operation(tpm, call); });
        };
    };
    std::vector<Route> routes{
        {"GET", "/get_tpm_keys", version, {}, on_worker(get_keys)},
        {"POST", "/import_auth_key", version, {{"key"}}, on_worker(import_auth_key)},
        {"POST", "/sign_with_auth_key", version, {{"data"}}, on_worker(sign_with_auth_key)},
        {"POST", "/sign_with_wrapped_key", version, {{"key"}, {"data"}}, on_worker(sign_with_wrapped_key)},
    };
    return std::make_unique<Router>(std::vector{version}, std::move(routes), usual_status, limits);
}

}  // namespace muster::edge::tpmd
