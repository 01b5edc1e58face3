// config.toml, from bytes to the service files: whatever `iotedge config apply` has nothing to say against must become
// files that are TOML and that the services themselves accept.
// rooms: base pki net edge/common edge/service edge/config edge/keyd edge/certd edge/identityd
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "edge/certd/settings.h"
#include "edge/config/generate.h"
#include "edge/identityd/settings.h"
#include "edge/keyd/settings.h"
#include "edge/service/settings.h"

namespace {

using namespace muster;

void require(bool holds, const std::string& what) {
    if (holds) return;
    fmt::print(stderr, "{}\n", what);
    std::abort();
}

template <class Settings>
void require_accepted(const std::string& text, const edge::Paths& paths) {
    const auto object = edge::parse_toml(text, "generated");
    require(object.has_value(), "not TOML: " + text);
    const auto settings = Settings::from(*object, paths);
    require(settings.has_value(), settings ? "" : settings.error().chain() + "\n" + text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto file = Config::parse({reinterpret_cast<const char*>(data), size}, "config.toml");
    if (!file) return 0;
    const auto config = edge::understand(*file);
    const auto problems = file->problems();
    for (const auto& problem : problems)
        require(!problem.message.empty() && !problem.text().empty(), "a silent problem");
    if (!problems.empty()) return 0;
    const auto files = edge::generate({config, {5555, 5556, 5558}, "my-device", {{"site", "plant"}}});
    const edge::Paths paths("/tmp/device");
    require_accepted<edge::keyd::Settings>(files.keyd, paths);
    require_accepted<edge::certd::Settings>(files.certd, paths);
    require_accepted<edge::identityd::Settings>(files.identityd, paths);
    require(edge::parse_toml(files.tpmd, "tpmd").has_value(), files.tpmd);
    require(edge::parse_toml(files.edged, "edged").has_value(), files.edged);
    return 0;
}
