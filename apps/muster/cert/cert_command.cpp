#include "muster/cert/cert_command.h"

#include "muster/cert/verbs.h"
#include "muster/command.h"
#include "muster/output.h"

namespace muster::cli {

void add_cert_command(CLI::App& app, int& exit_code) {
    auto& noun = add_noun(app, "cert", "Certificates: make, check and show them; file names as the how-to has them");
    cert::Surroundings around;
    around.io = process_io();
    around.finish = [io = around.io, &exit_code](const Result<>& result) {
        if (result) return;
        print_error(io, result.error());
        exit_code = exit_failed;
    };
    cert::add_authority_verbs(noun, around);
    cert::add_device_verb(noun, around);
    cert::add_server_verb(noun, around);
    cert::add_verification_verb(noun, around);
    cert::add_verify_verb(noun, around);
    cert::add_show_verb(noun, around);
}

}  // namespace muster::cli
