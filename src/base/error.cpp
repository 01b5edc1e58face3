#include "base/error.h"

#include <cstring>

namespace muster {

std::string_view to_string(Errc code) {
    switch (code) {
        case Errc::invalid_argument: return "invalid argument";
        case Errc::unauthorized: return "unauthorized";
        case Errc::forbidden: return "forbidden";
        case Errc::not_found: return "not found";
        case Errc::already_exists: return "already exists";
        case Errc::precondition_failed: return "precondition failed";
        case Errc::conflict: return "conflict";
        case Errc::too_large: return "too large";
        case Errc::unsupported: return "unsupported";
        case Errc::throttled: return "throttled";
        case Errc::timeout: return "timeout";
        case Errc::unavailable: return "unavailable";
        case Errc::io: return "input/output error";
        case Errc::internal: return "internal error";
    }
    return "unknown";
}

Error Error::wrap(std::string context) const {
    return wrap(code_, std::move(context));
}

Error Error::wrap(Errc code, std::string context) const {
    Error outer(code, std::move(context));
    outer.hint_ = hint_;
    outer.number_ = number_;
    outer.cause_ = std::make_shared<const Error>(*this);
    return outer;
}

std::string Error::chain() const {
    std::string text = message_;
    for (const Error* at = cause(); at != nullptr; at = at->cause()) {
        text += ": ";
        text += at->message_;
    }
    return text;
}

Error errno_error(std::string what, int number) {
    Errc code = Errc::io;
    if (number == ENOENT) code = Errc::not_found;
    if (number == EACCES || number == EPERM) code = Errc::forbidden;
    if (number == EEXIST) code = Errc::already_exists;
    return Error(code, fmt::format("{}: {}", what, std::strerror(number)));
}

}  // namespace muster
