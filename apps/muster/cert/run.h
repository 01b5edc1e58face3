// One run of a making verb: from its options to files and a word about them.
#pragma once

#include "muster/cert/options.h"
#include "muster/cert/verbs.h"

namespace muster::cli::cert {

// Makes the fleet (of one, mostly) and says what was written. `self_signed`: there is no authority.
Result<> run_make(const MakeOptions& options, pki::Profile profile, bool self_signed, const Fleet& fleet, const Io& io);
Result<> run_make(const MakeOptions& options, pki::Profile profile, bool self_signed, const Subject& subject,
                  const Io& io);

}  // namespace muster::cli::cert
