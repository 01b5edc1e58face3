// `muster completion`: shell completion.
#include "muster/command.h"
#include "muster/commands.h"
#include "muster/completion.h"

namespace muster::cli {

void add_completion_command(CLI::App& app, Context& context) {
    auto& noun = add_noun(app, "completion", "Completion of commands and options in the shell");
    auto& verb = add_verb(noun, "bash", "Print a completion script for bash",
                          "  source <(muster completion bash)                                     # this shell\n"
                          "  muster completion bash > /etc/bash_completion.d/muster               # every shell\n");
    verb.callback([&app, &context] { context.io.out(bash_completion(app)); });
}

}  // namespace muster::cli
