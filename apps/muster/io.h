// What a command of `muster` sees of the world: its two streams, the environment, the terminal's width and the time.
// Given, never taken, so that tests run whole commands and read what was printed.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace muster::cli {

struct Io {
    std::function<void(std::string_view)> out;
    std::function<void(std::string_view)> err;
    std::function<std::optional<std::string>(const char* name)> environment;
    // Columns of the terminal that `out` is; nothing when it is a file or pipe: then nothing is cut.
    std::optional<std::size_t> columns;
    // The same of `err`, which progress is shown on; nothing: no progress is shown.
    std::optional<std::size_t> err_columns;
    // Lets what was written be seen now.
    std::function<void()> flush = [] {};
    // From now on the program ends when nobody reads `out` any more, also while there is nothing to write.
    std::function<void()> end_with_reader = [] {};
    TimePoint now;
};

// The streams of this process. A reader that went away (`muster ... | head`) ends the process quietly, as with any
// tool.
Io process_io();
// Flushes; false when standard output could not take everything (a full disk).
bool finish_process_io();

}  // namespace muster::cli
