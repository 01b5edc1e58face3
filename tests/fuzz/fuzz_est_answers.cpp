// What an EST server answers, as certd reads it: the first byte picks the reader.
// rooms: base pki net edge/common edge/service edge/renewal edge/keyd edge/certd
#include <cstdint>
#include <cstdlib>
#include <string>

#include "edge/certd/est_answer.h"
#include "edge/certd/est_attributes.h"

namespace {

using namespace muster;
using namespace muster::edge::certd;

void require(bool holds) {
    if (!holds) std::abort();
}

// Ends in a log and in an API's JSON: printable, and not without bound.
void require_presentable(const std::string& message) {
    require(message.size() < 8192);
    for (const char c : message) require(static_cast<unsigned char>(c) >= 0x20);
}

net::HttpResponse response_of(std::string_view type, std::string_view body) {
    net::HttpResponse response;
    response.headers.add("Content-Type", std::string(type));
    response.body = std::string(body);
    return response;
}

void read_as_certificates(std::string_view body) {
    const auto certificates = read_certificates(response_of("application/pkcs7-mime; smime-type=certs-only", body));
    if (!certificates) return require_presentable(certificates.error().chain());
    const auto key = certificates->front().public_key();
    if (!key) return;
    const auto chain = arrange(*certificates, *certificates, *key);
    if (!chain) return require_presentable(chain.error().chain());
    require(!chain->empty() && chain->size() <= 10);
    require(*chain->front().public_key() == *key);
}

void read_as_attributes(std::string_view body) {
    const auto wanted = read_csr_attributes(body);
    if (!wanted) return;
    require(wanted->others.size() <= 64);
    for (const auto& name : wanted->others) require_presentable(name);
    (void)preferred_key(*wanted);
}

void read_as_redirection(std::string_view where) {
    net::HttpResponse response;
    response.headers.add("Location", std::string(where));
    const auto there = redirection("https://home.example", response);
    if (!there) return require_presentable(there.error().chain());
    require(there->origin.starts_with("https://") && there->path.starts_with('/'));
    require(there->path.find_first_of(" \r\n") == std::string::npos);
    require(there->origin.find_first_of("@/", 8) == std::string::npos);
}

void read_as_refusal(std::string_view text) {
    auto response = response_of("text/plain", text);
    response.status = 401;
    response.headers.add("Retry-After", std::string(text.substr(0, 12)));
    require_presentable(est_refusal("refused", response).chain());
    const auto wish = retry_wish(response);
    require(wish.count() >= 1 && wish.count() <= 86400);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
    switch (data[0] % 4) {
        case 0: read_as_certificates(rest); break;
        case 1: read_as_attributes(rest); break;
        case 2: read_as_redirection(rest); break;
        default: read_as_refusal(rest); break;
    }
    return 0;
}
