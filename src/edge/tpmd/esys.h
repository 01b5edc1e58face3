// tpm2-tss's Enhanced System API with owners and errors of ours. For this room's own files.
#pragma once

#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace muster::edge::tpmd {

struct EsysFreer {
    void operator()(void* memory) const { Esys_Free(memory); }
};
// What the library gives out.
template <class T>
using EsysOwner = std::unique_ptr<T, EsysFreer>;

// One way to the TPM, open for as long as it is there. Nothing of it outlives a piece of work: a TPM that went away and
// came back is found again by the next, and other programs have their turn in between.
class Esys {
public:
    // `tcti` as tpm2-tss takes it. Errc::unavailable names what stands in the way, and what mends it.
    static Result<Esys> open(const std::string& tcti);
    ESYS_CONTEXT* get() const { return esys_.get(); }

private:
    struct TctiFreer {
        void operator()(TSS2_TCTI_CONTEXT* tcti) const { Tss2_TctiLdr_Finalize(&tcti); }
    };
    struct ContextFreer {
        void operator()(ESYS_CONTEXT* esys) const { Esys_Finalize(&esys); }
    };
    Esys() = default;
    std::unique_ptr<TSS2_TCTI_CONTEXT, TctiFreer> tcti_;
    std::unique_ptr<ESYS_CONTEXT, ContextFreer> esys_;  // goes first
};

// A transient object or session of the TPM, flushed when it goes.
class Transient {
public:
    Transient() = default;
    Transient(ESYS_CONTEXT* esys, ESYS_TR handle) : esys_(esys), handle_(handle) {}
    Transient(Transient&& other) noexcept : esys_(other.esys_), handle_(other.handle_) { other.handle_ = ESYS_TR_NONE; }
    Transient& operator=(Transient&&) = delete;
    ~Transient() {
        if (handle_ != ESYS_TR_NONE) Esys_FlushContext(esys_, handle_);
    }
    ESYS_TR get() const { return handle_; }

private:
    ESYS_CONTEXT* esys_ = nullptr;
    ESYS_TR handle_ = ESYS_TR_NONE;
};

// Nothing for TSS2_RC_SUCCESS; else "<what>: tpm:session(1):authorization failure ...", with what mends it where one
// can tell.
Result<> checked(TSS2_RC code, std::string_view what);

}  // namespace muster::edge::tpmd
