#include "edge/certd/client.h"

#include "base/bytes.h"

namespace muster::edge::certd {
namespace {

std::string path_of(const std::string& id) {
    return "/certificates/" + percent_encode(id);
}

}  // namespace

LocalService Client::service() const {
    return {"aziot-certd", socket_, "2020-09-01", patience_};
}

Task<Result<std::string>> Client::load(std::string id) const {
    MUSTER_CO_TRY(const auto answer, co_await call_local(service(), "GET", path_of(id), {}));
    co_return required_string(answer, "pem");
}

Task<Result<std::optional<std::string>>> Client::find(std::string id) const {
    auto pem = co_await load(std::move(id));
    if (!pem && says_not_found(pem.error())) co_return std::optional<std::string>();
    if (!pem) co_return fail(std::move(pem).error());
    co_return std::optional(std::move(*pem));
}

Task<Result<std::string>> Client::preferred_algorithms(std::string id) const {
    MUSTER_CO_TRY(const auto answer, co_await call_local(service(), "GET", path_of(id) + "/preferredAlgorithms", {}));
    co_return required_string(answer, "preferredAlgorithms");
}

Task<Result<std::string>> Client::create(std::string id, std::string csr_pem) const {
    json::object body{{"certId", std::move(id)}, {"csr", std::move(csr_pem)}};
    MUSTER_CO_TRY(const auto answer, co_await call_local(service(), "POST", "/certificates", std::move(body)));
    co_return required_string(answer, "pem");
}

Task<Result<>> Client::import(std::string id, std::string pem) const {
    json::object body{{"pem", std::move(pem)}};
    MUSTER_CO_CHECK(co_await call_local(service(), "PUT", path_of(id), std::move(body)));
    co_return Result<>{};
}

Task<Result<>> Client::remove(std::string id) const {
    MUSTER_CO_CHECK(co_await call_local(service(), "DELETE", path_of(id), {}));
    co_return Result<>{};
}

}  // namespace muster::edge::certd
