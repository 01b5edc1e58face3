#include "edge/identityd/local_identities.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/text.h"
#include "pki/certificate.h"

namespace muster::edge::identityd {
namespace {

constexpr int key_bits = 2048;            // of the original's RSA keys
constexpr std::size_t longest_name = 64;  // of a common name (RFC 5280)

struct Made {
    Secret key;  // PEM
    std::string request;
};

// The common name as the original has it; the whole of it as a DNS name besides, which is where clients look.
Result<Made> make(const std::string& name, LocalOptions options) {
    MUSTER_TRY(const auto key, pki::PrivateKey::generate({pki::KeyAlgorithm::rsa, key_bits}));
    const std::vector<std::pair<std::string, std::string>> extensions{
        {"basicConstraints", "critical,CA:FALSE"},
        {"keyUsage", "critical,digitalSignature,nonRepudiation,keyEncipherment"},
        {"extendedKeyUsage", options.server ? "critical,clientAuth,serverAuth" : "critical,clientAuth"},
        {"subjectAltName", "DNS:" + name}};
    MUSTER_TRY(const auto request, pki::Csr::create(key, {{"CN", name.substr(0, longest_name)}}, extensions));
    MUSTER_TRY(auto pem, key.to_pem());
    return Made{std::move(pem), request.pem()};
}

// What stands in the extension's text is a name and nothing else.
Result<> check_name(const std::string& name) {
    const auto fits = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return std::isalnum(byte) != 0 || c == '.' || c == '-' || c == '_' || c == '$';
    };
    if (name.size() <= 253 && std::ranges::all_of(name, fits)) return {};
    return fail(Error(Errc::invalid_argument, fmt::format("parameter \"moduleId\" has an invalid value: \"{}\" is no "
                                                          "name that a certificate can have",
                                                          printable(name)))
                    .with_hint("letters, digits, - and _ in the module's name, the hostname and the domain"));
}

// "2026-01-01T00:00:00+00:00", as the original writes it.
std::string expiration(const pki::Certificate& certificate) {
    auto text = format_utc_seconds(certificate.not_after());
    if (text.ends_with('Z')) text.pop_back();
    return text + "+00:00";
}

}  // namespace

Result<LocalOptions> LocalOptions::from(const json::object& object) {
    MUSTER_TRY(const auto type, optional_string(object, "type"));
    if (type && *type != "x509")
        return fail(Errc::invalid_argument, "the type of a local identity is \"{}\"; known: x509", printable(*type));
    MUSTER_TRY(const auto attributes, optional_string(object, "attributes"));
    if (!attributes || *attributes == "client") return LocalOptions{};
    if (*attributes == "server") return LocalOptions{true};
    return fail(Errc::invalid_argument, "the attributes of a local identity are \"{}\"; known: client, server",
                printable(*attributes));
}

Task<Result<json::object>> LocalIdentities::issue(std::string module, std::string name, LocalOptions options) {
    MUSTER_CO_CHECK(check_name(name));
    if (!maker_) maker_ = std::make_unique<boost::asio::thread_pool>(1);
    auto made = co_await boost::asio::co_spawn(
        *maker_, [&]() -> Task<Result<Made>> { co_return make(name, options); }, boost::asio::use_awaitable);
    if (!made) co_return fail(std::move(made).error());
    MUSTER_CO_TRY(auto pem, co_await certificates_.create(module, std::move(made->request)));
    MUSTER_CO_TRY(const auto chain, pki::parse_chain(pem));
    json::object auth{
        {"privateKey", made->key.text()}, {"certificate", std::move(pem)}, {"expiration", expiration(chain.front())}};
    json::object spec{{"moduleId", std::move(module)}, {"auth", std::move(auth)}};
    co_return json::object{{"type", "local"}, {"spec", std::move(spec)}};
}

}  // namespace muster::edge::identityd
