// `muster`: the operator's command line.
#include <csignal>
#include <cstring>
#include <string_view>

#include "muster/application.h"

#ifdef MUSTER_WITH_CERT
#include "muster/cert/cert_command.h"
#endif
#ifdef MUSTER_WITH_SIMULATE
#include "muster/simulate/simulate_command.h"
#endif

namespace {

// A key given on the command line stands in the process list for everyone to read: once it is copied, it is blotted
// out.
void hide_secrets(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        for (const std::string_view name : {"--connection-string", "--login"}) {
            if (argument == name && i + 1 < argc) std::memset(argv[i + 1], 'x', std::strlen(argv[i + 1]));
            if (argument.starts_with(name) && argument.substr(name.size()).starts_with('=')) {
                std::memset(argv[i] + name.size() + 1, 'x', argument.size() - name.size() - 1);
            }
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    static_cast<void>(std::signal(SIGPIPE, SIG_DFL));
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    hide_secrets(argc, argv);
    muster::cli::Application application(muster::cli::process_io());
#ifdef MUSTER_WITH_CERT
    muster::cli::add_cert_command(application.app(), application.exit_code());
#endif
#ifdef MUSTER_WITH_SIMULATE
    muster::cli::add_simulate_command(application.app(), application.exit_code());
#endif
    const int code = application.run(arguments);
    if (!muster::cli::finish_process_io() && code == 0) {
        static_cast<void>(std::fputs("muster: standard output could not be written\n", stderr));
        return 1;
    }
    return code;
}
