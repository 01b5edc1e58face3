// Whether a secret is left somewhere in this process's memory, freed memory too.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

namespace muster::test {

// It is kept in a form in which it is not found itself.
class HiddenText {
public:
    // Sanitizers keep memory that was given back as it was, of stacks, too: what others would overwrite soon.
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    static constexpr bool can_be_searched_for = false;
#else
    static constexpr bool can_be_searched_for = true;
#endif

    explicit HiddenText(std::string_view text) : hidden_(text) {
        for (auto& c : hidden_) c = static_cast<char>(c ^ mask);
    }

    // How often it is in memory that can be written.
    int count() const {
        const int memory = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
        auto* const window = static_cast<char*>(
            ::mmap(nullptr, window_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        int found = 0;
        std::ifstream maps("/proc/self/maps");
        for (std::string line; std::getline(maps, line);) {
            std::uintptr_t begin = 0;
            std::uintptr_t end = 0;
            if (std::sscanf(line.c_str(), "%lx-%lx rw", &begin, &end) != 2 || line.find(" rw") == std::string::npos)
                continue;
            // What sanitizers reserve for themselves.
            if (end - begin > largest_region) continue;
            found += count_between(memory, window, begin, end);
        }
        ::munmap(window, window_size);
        ::close(memory);
        return found;
    }

private:
    static constexpr char mask = 0x5a;
    static constexpr std::size_t window_size = std::size_t{1} << 20;
    static constexpr std::size_t largest_region = std::size_t{1} << 30;

    int count_between(int memory, char* window, std::uintptr_t begin, std::uintptr_t end) const {
        int found = 0;
        const auto own = reinterpret_cast<std::uintptr_t>(window);
        for (auto at = begin; at < end;) {
            // The window itself, which may be in a region with others.
            if (at >= own && at < own + window_size) {
                at = own + window_size;
                continue;
            }
            const auto until = std::min<std::uintptr_t>(at < own ? std::min(end, own) : end, at + window_size);
            const auto got = ::pread(memory, window, until - at, static_cast<off_t>(at));
            if (got <= 0) return found;
            found += count_in({window, static_cast<std::size_t>(got)});
            // One that lies across two windows is found in the second.
            const bool last = at + static_cast<std::uintptr_t>(got) >= until && until - at < window_size;
            at = last ? until : at + static_cast<std::uintptr_t>(got) - hidden_.size() + 1;
        }
        return found;
    }
    int count_in(std::string_view text) const {
        const auto first = static_cast<char>(hidden_.front() ^ mask);
        int found = 0;
        for (auto at = text.find(first); at < text.size() && at + hidden_.size() <= text.size();
             at = text.find(first, at + 1)) {
            const auto is_same = [](char here, char hidden) { return static_cast<char>(here ^ mask) == hidden; };
            found += std::ranges::equal(text.substr(at, hidden_.size()), hidden_, is_same) ? 1 : 0;
        }
        return found;
    }

    std::string hidden_;
};

}  // namespace muster::test
