#include "edge/tpmd/settings.h"

#include "edge/common/tpm_handles.h"

namespace muster::edge::tpmd {
namespace {

// TPM2B_AUTH holds as much as the longest digest.
constexpr std::size_t longest_auth = 64;

Result<Secret> read_auth(const json::object& hierarchies, std::string_view name) {
    MUSTER_TRY(const auto text, optional_string(hierarchies, name));
    if (text && text->size() > longest_auth)
        return fail(Errc::invalid_argument, "hierarchy_authorization.{} has more than {} bytes", name, longest_auth);
    return Secret(std::string_view(text ? *text : std::string()));
}

}  // namespace

Result<Settings> Settings::load(const Paths& paths) {
    return read_settings(SettingsFiles::of(paths, Service::tpmd), from);
}

Result<Settings> Settings::from(const json::object& object) {
    warn_unknown(object, {"tcti", "auth_key_index", "hierarchy_authorization", "max_requests"}, "tpmd settings");
    Settings settings;
    MUSTER_TRY(const auto tcti, optional_string(object, "tcti"));
    if (tcti && !tcti->empty()) settings.tcti = *tcti;
    MUSTER_TRY(const auto index, optional_integer(object, "auth_key_index"));
    if (index && (*index < 0 || *index > largest_auth_key_index))
        return fail(Errc::invalid_argument, "auth_key_index is {}; 0 to {:#x}", *index, largest_auth_key_index);
    if (index) settings.auth_key_index = static_cast<std::uint32_t>(*index);
    if (const auto other = key_in_place_of(settings.auth_key_index); !other.empty())
        return fail(Errc::invalid_argument, "auth_key_index is {:#x}, which is the place of {} ({:#x})",
                    settings.auth_key_index, other, first_owner_handle + settings.auth_key_index);
    MUSTER_TRY(const auto* hierarchies, optional_object(object, "hierarchy_authorization"));
    if (hierarchies != nullptr) {
        MUSTER_TRY(settings.endorsement_auth, read_auth(*hierarchies, "endorsement"));
        MUSTER_TRY(settings.owner_auth, read_auth(*hierarchies, "owner"));
    }
    MUSTER_TRY(const auto most, optional_integer(object, "max_requests"));
    if (most) settings.limits.running = static_cast<std::size_t>(std::clamp<std::int64_t>(*most, 1, 1000));
    return settings;
}

}  // namespace muster::edge::tpmd
