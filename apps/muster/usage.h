// What is wrong with a command line, in words that lead on: the nearest name, and where the help is.
#pragma once

#include <string>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace muster::cli {

// For standard error; several lines.
std::string describe_wrong_usage(const CLI::App& root, const CLI::ParseError& error);

// Of a line that asks for help: what it names and is no command; empty when it names none such.
std::string describe_unknown_command(const CLI::App& root);

}  // namespace muster::cli
