// Several files that change together: after a crash at any point either all are the old ones or all are the new ones.
//
// The new contents are staged beside their targets and synced; then a journal that names them is put in place, which is
// the moment of decision; then they are renamed over their targets and the journal goes. Whoever comes after a crash
// calls recover_file_set first: with a journal it finishes the renames, without one it removes what was staged.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace muster::edge {

struct NewFile {
    std::filesystem::path target;
    std::string content;
    mode_t mode = 0600;
    FileOwner owner;
};

// Called before each step that a crash could follow; for tests that crash there.
using StepHook = std::function<void(std::string_view step)>;

enum class Recovery { nothing, finished, undone };

Result<> write_file_set(const std::filesystem::path& journal, const std::vector<NewFile>& files,
                        const StepHook& before_step = {});
// `directories` are those of the targets.
Result<Recovery> recover_file_set(const std::filesystem::path& journal,
                                  const std::vector<std::filesystem::path>& directories);

}  // namespace muster::edge
