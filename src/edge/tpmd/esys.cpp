#include "edge/tpmd/esys.h"

#include <tss2/tss2_rc.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace muster::edge::tpmd {
namespace {

constexpr std::string_view usual_device = "/dev/tpmrm0";

// The device file of "device" or "device:/dev/tpm0"; empty for another way to the TPM.
std::string device_of(std::string_view tcti) {
    if (!tcti.starts_with("device")) return {};
    tcti.remove_prefix(std::string_view("device").size());
    if (tcti.empty() || tcti == ":") return std::string(usual_device);
    return tcti.front() == ':' ? std::string(tcti.substr(1)) : std::string();
}

Error cannot_reach(const std::string& tcti, TSS2_RC code) {
    const auto text = fmt::format("the TPM cannot be reached by way of \"{}\"", tcti);
    const auto device = device_of(tcti);
    if (!device.empty() && ::access(device.c_str(), R_OK | W_OK) != 0) {
        const int reason = errno;
        Error error(Errc::unavailable, fmt::format("{}: {}: {}", text, device, std::strerror(reason)));
        if (reason == EACCES)
            return std::move(error).with_hint("usermod -aG tss aziottpm, then: iotedge system restart");
        return std::move(error).with_hint(
            "turn the TPM on in the firmware's settings; tcti in [tpm] of "
            "/etc/aziot/config.toml says where it is");
    }
    return Error(Errc::unavailable, fmt::format("{}: {}", text, Tss2_RC_Decode(code)))
        .with_hint("correct tcti in [tpm] of /etc/aziot/config.toml, then run: iotedge config apply");
}

// Format-one codes carry the number of the parameter, handle or session that they are about; those bits are left out.
bool is(TSS2_RC code, TSS2_RC error) {
    if ((code & TSS2_RC_LAYER_MASK) != 0) return false;
    return (code & TPM2_RC_FMT1) != 0 ? (code & 0xBF) == error : code == error;
}

std::string_view mending(TSS2_RC code) {
    if (is(code, TPM2_RC_AUTH_FAIL) || is(code, TPM2_RC_BAD_AUTH))
        return "the TPM's hierarchies have passwords: set hierarchy_authorization in [tpm] of /etc/aziot/config.toml, "
               "then run: iotedge config apply";
    if (code == TPM2_RC_LOCKOUT)
        return "the TPM refuses for a while after wrong passwords: wait, or tpm2_dictionarylockout";
    return {};
}

}  // namespace

Result<Esys> Esys::open(const std::string& tcti) {
    Esys out;
    TSS2_TCTI_CONTEXT* way = nullptr;
    auto code = Tss2_TctiLdr_Initialize(tcti.c_str(), &way);
    out.tcti_.reset(way);
    ESYS_CONTEXT* context = nullptr;
    if (code == TSS2_RC_SUCCESS) code = Esys_Initialize(&context, way, nullptr);
    out.esys_.reset(context);
    if (code != TSS2_RC_SUCCESS) return fail(cannot_reach(tcti, code));
    // A simulator is in the state of a machine that has just been switched on; a real TPM has been started and says so.
    if (tcti.starts_with("device")) return out;
    code = Esys_Startup(context, TPM2_SU_CLEAR);
    if (code != TSS2_RC_SUCCESS && code != TPM2_RC_INITIALIZE) return fail(cannot_reach(tcti, code));
    return out;
}

Result<> checked(TSS2_RC code, std::string_view what) {
    if (code == TSS2_RC_SUCCESS) return {};
    const bool way = (code & TSS2_RC_LAYER_MASK) == TSS2_TCTI_RC_LAYER;
    Error error(way ? Errc::unavailable : Errc::internal, fmt::format("{}: {}", what, Tss2_RC_Decode(code)));
    return fail(std::move(error).with_hint(std::string(mending(code))));
}

}  // namespace muster::edge::tpmd
