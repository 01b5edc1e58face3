#include "edge/check/mending.h"

#include <initializer_list>

#include "net/proxy.h"

namespace muster::edge::checks {
namespace {

constexpr std::string_view file = "/etc/aziot/config.toml";
constexpr std::string_view then_apply = "then run: iotedge config apply";

// The texts are those of net and of the operating system; the codes do not tell such cases apart.
bool says(const std::string& text, std::initializer_list<std::string_view> any) {
    return std::ranges::any_of(any, [&](const auto part) { return text.find(part) != text.npos; });
}

std::string correct_the_proxy() {
    return fmt::format("correct url in [proxy] of {}, {}", file, then_apply);
}

std::string for_the_clock(const Destination& to) {
    return fmt::format("timedatectl set-ntp true, if this device's clock is wrong; else {} needs a new certificate",
                       to.where);
}

// What it says of itself, but not who it is.
std::string for_its_certificate(const std::string& text, const Destination& to) {
    if (says(text, {"expired on", "is not valid before"})) return for_the_clock(to);
    if (says(text, {"is for other names"}))
        return fmt::format("the name must be one that the certificate has: {}", to.correction);
    return fmt::format(
        "install the authority of {} in the operating system's store (on a server of Muster: muster trust), or name "
        "its "
        "file in [provisioning] of {} (global_endpoint_ca, iothub_ca), {}",
        to.where, file, then_apply);
}

std::string for_the_name(const std::string& text, const Destination& to) {
    if (says(text, {"too long", "Temporary failure", "Non-recoverable"}))
        return "no name server answers this device: look at its network (ip route) and at /etc/resolv.conf";
    return fmt::format("{}; if the name is right, the name servers of /etc/resolv.conf, or /etc/hosts, must know it",
                       to.by_proxy ? correct_the_proxy() : to.correction);
}

std::string for_the_proxy(const std::string& text, const Destination& to) {
    if (says(text, {"with status 407"}))
        return fmt::format("put the proxy's user and password into url in [proxy] of {}, {}", file, then_apply);
    if (says(text, {"refused CONNECT"}))
        return fmt::format("the proxy must let {} through, or no_proxy in [proxy] of {} must except it", to.where,
                           file);
    return correct_the_proxy();
}

std::string for_no_listener(const Destination& to) {
    if (to.by_proxy) return "start the proxy, or " + correct_the_proxy();
    return fmt::format("start what should listen at {}, or {}", to.where, to.correction);
}

std::string for_silence(const Destination& to) {
    if (to.by_proxy)
        return fmt::format(
            "let this device reach the proxy and through it {}: a firewall drops it, or a machine is down", to.where);
    return fmt::format(
        "let this device reach {}: a firewall on the way drops it, or the machine is down; where there is "
        "no way but a proxy, name it in [proxy] of {}",
        to.where, file);
}

std::string for_the_handshake(const Destination& to) {
    return fmt::format(
        "what answers at {} ends the TLS handshake: look whether the port is right and whether a proxy or "
        "firewall on the way looks into TLS (ca in [proxy] of {})",
        to.where, file);
}

}  // namespace

std::string what_mends(const Error& error, const Destination& to) {
    const auto text = error.chain();
    if (error.code() == Errc::unauthorized) return for_its_certificate(text, to);
    if (says(text, {"cannot look up", "looking up"})) return for_the_name(text, to);
    if (says(text, {"proxy "})) return for_the_proxy(text, to);
    if (says(text, {"Connection refused"})) return for_no_listener(to);
    if (says(text, {"unreachable", "No route to host"}))
        return "give this device a way there: look at its cable or radio, its address (ip address) and routes (ip "
               "route)";
    if (error.code() == Errc::timeout) return for_silence(to);
    if (says(text, {"TLS handshake"})) return for_the_handshake(to);
    return {};
}

}  // namespace muster::edge::checks
