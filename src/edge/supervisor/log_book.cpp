#include "edge/supervisor/log_book.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

namespace muster::edge::supervisor {
namespace {

constexpr std::size_t bytes_per_file = 1024 * 1024;

}  // namespace

LogFile::~LogFile() {
    if (fd_ >= 0) ::close(fd_);
}

void LogFile::open() {
    if (fd_ >= 0) return;
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    struct stat status{};
    size_ = fd_ >= 0 && ::fstat(fd_, &status) == 0 ? static_cast<std::size_t>(status.st_size) : 0;
}

void LogFile::rotate() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
    std::error_code ignored;
    std::filesystem::rename(path_, path_.string() + ".1", ignored);
}

void LogFile::write(const LogLine& line) {
    if (size_ >= bytes_per_file) rotate();
    open();
    if (fd_ < 0) return;
    const auto text = fmt::format("{}\n", line.text);
    if (::write(fd_, text.data(), text.size()) > 0) size_ += text.size();
}

LogBook::LogBook(const std::filesystem::path& directory, std::vector<std::string> services) {
    const bool on_disk = make_directories(directory, 0750).has_value();
    for (auto& service : services) {
        auto file = on_disk ? std::make_unique<LogFile>(directory / (service + ".log")) : nullptr;
        pages_.push_back({std::move(service), {}, std::move(file)});
    }
}

LogBook::Pages* LogBook::find(std::string_view service) {
    const auto found = std::ranges::find(pages_, service, &Pages::service);
    return found == pages_.end() ? nullptr : &*found;
}

void LogBook::add(std::string_view service, std::string_view text, TimePoint now) {
    auto* const pages = find(service);
    if (pages == nullptr) return;
    pages->lines.push_back({next_++, now, pages->service, printable(text, bytes_per_line)});
    if (pages->file) pages->file->write(pages->lines.back());
    if (pages->lines.size() > lines_per_service) pages->lines.pop_front();
}

std::vector<LogLine> LogBook::lines(std::size_t most, std::uint64_t after, std::optional<TimePoint> since) const {
    std::vector<LogLine> out;
    for (const auto& pages : pages_)
        for (const auto& line : pages.lines)
            if (line.number > after && (!since || line.time >= *since)) out.push_back(line);
    std::ranges::sort(out, {}, &LogLine::number);
    if (out.size() > most) out.erase(out.begin(), out.end() - static_cast<std::ptrdiff_t>(most));
    return out;
}

std::vector<std::string> LogBook::last(std::string_view service, std::size_t most) const {
    std::vector<std::string> out;
    for (const auto& pages : pages_) {
        if (pages.service != service) continue;
        const auto skipped = pages.lines.size() > most ? pages.lines.size() - most : 0;
        for (std::size_t i = skipped; i < pages.lines.size(); ++i) out.push_back(pages.lines[i].text);
    }
    return out;
}

std::string_view without_priority(std::string_view line) {
    if (line.size() >= 3 && line[0] == '<' && line[1] >= '0' && line[1] <= '7' && line[2] == '>') line.remove_prefix(3);
    return line;
}

}  // namespace muster::edge::supervisor
