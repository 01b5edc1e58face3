#include "edge/service/watch.h"

#include <poll.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace muster::edge {
namespace {

constexpr int settle_milliseconds = 500;

sigset_t watched_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
    return set;
}

void drain(int fd) {
    alignas(inotify_event) std::array<char, 4096> buffer;
    while (::read(fd, buffer.data(), buffer.size()) > 0) {
    }
}

}  // namespace

void block_signals() {
    const auto set = watched_signals();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
}

Result<Watch> Watch::create(const std::vector<std::filesystem::path>& directories) {
    const auto set = watched_signals();
    const int signals = ::signalfd(-1, &set, SFD_CLOEXEC);
    if (signals < 0) return fail(errno_error("cannot watch for signals", errno));
    // Without inotify (the user's watches are used up) SIGHUP still reloads.
    const int changes = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    for (const auto& directory : directories)
        if (changes >= 0)
            ::inotify_add_watch(changes, directory.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE);
    return Watch(signals, changes);
}

Watch::Watch(Watch&& other) noexcept
    : signals_(std::exchange(other.signals_, -1)), changes_(std::exchange(other.changes_, -1)) {}

Watch::~Watch() {
    if (signals_ >= 0) ::close(signals_);
    if (changes_ >= 0) ::close(changes_);
}

Watch::Event Watch::wait() {
    bool changed = false;
    while (true) {
        std::array<pollfd, 2> files{pollfd{signals_, POLLIN, 0}, pollfd{changes_, POLLIN, 0}};
        const int ready = ::poll(files.data(), files.size(), changed ? settle_milliseconds : -1);
        if (ready == 0) return Event::reload;
        if (ready < 0) continue;  // EINTR
        if ((files[1].revents & POLLIN) != 0) {
            drain(changes_);
            changed = true;
        }
        if ((files[0].revents & POLLIN) != 0) {
            signalfd_siginfo info{};
            if (::read(signals_, &info, sizeof info) != sizeof info) continue;
            return info.ssi_signo == SIGHUP ? Event::reload : Event::stop;
        }
    }
}

}  // namespace muster::edge
