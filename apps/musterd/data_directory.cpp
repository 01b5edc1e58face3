#include "data_directory.h"

namespace muster::musterd {

Result<DataDirectory> open_data_directory(const std::filesystem::path& path) {
    if (auto made = make_directories(path, 0700); !made)
        return fail(Error(made.error()).with_hint("choose a directory you may write with --data-dir"));
    auto lock = FileLock::acquire(path / "lock");
    if (lock) return DataDirectory{path, std::move(*lock)};
    if (lock.error().code() == Errc::forbidden)
        return fail(Error(lock.error())
                        .with_hint("it belongs to another user: systemctl start musterd for the service of this "
                                   "machine, or another directory with --data-dir"));
    if (lock.error().code() != Errc::conflict) return std::unexpected(std::move(lock).error());
    return fail(lock.error()
                    .wrap(fmt::format("another musterd uses the data directory {}", path.string()))
                    .with_hint("stop it, or choose another directory with --data-dir"));
}

}  // namespace muster::musterd
