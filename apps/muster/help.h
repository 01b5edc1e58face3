// The look of --help: one option a line, its words, and its description wrapped beside it.
#pragma once

#include <memory>

namespace CLI {
class FormatterBase;
}

namespace muster::cli {

std::shared_ptr<CLI::FormatterBase> make_help_formatter();

}  // namespace muster::cli
