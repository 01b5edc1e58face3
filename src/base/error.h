// Errors are values: what failed, in a sentence a user can act on, and what caused it.
#pragma once

#include <fmt/format.h>

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace muster {

// What kind of failure it is; callers branch on this, never on the text.
enum class Errc {
    invalid_argument,  // the caller's input is wrong
    unauthorized,      // no or wrong credentials
    forbidden,         // right credentials, no right to do this
    not_found,
    already_exists,
    precondition_failed,  // an ETag did not match
    conflict,             // the state of another record stands against it
    too_large,
    unsupported,  // understood, but this version cannot do it
    throttled,
    timeout,
    unavailable,  // infrastructure: disk, database, network; trying again may help
    io,           // a file or socket operation failed
    internal,     // a defect of ours
};

std::string_view to_string(Errc code);

class Error {
public:
    Error(Errc code, std::string message) : code_(code), message_(std::move(message)) {}

    Errc code() const { return code_; }
    // This error's own sentence, without its causes.
    const std::string& message() const { return message_; }
    // A command or step that mends it; empty when there is none.
    const std::string& hint() const { return hint_; }
    const Error* cause() const { return cause_.get(); }

    // The number that a wire protocol's catalogue gives this failure (401002, 409001, ...); 0 when it has none.
    int number() const { return number_; }

    Error&& with_hint(std::string hint) && {
        hint_ = std::move(hint);
        return std::move(*this);
    }
    Error&& with_number(int number) && {
        number_ = number;
        return std::move(*this);
    }
    // The same failure seen from one step further out: keeps the code, puts `context` in front.
    Error wrap(std::string context) const;
    Error wrap(Errc code, std::string context) const;

    // "context: cause: cause", on one line.
    std::string chain() const;

private:
    Errc code_;
    std::string message_;
    std::string hint_;
    int number_ = 0;
    std::shared_ptr<const Error> cause_;
};

template <class T = void>
using Result = std::expected<T, Error>;

// return fail(Errc::not_found, "no device {}", id);
template <class... Args>
std::unexpected<Error> fail(Errc code, fmt::format_string<Args...> format, Args&&... args) {
    return std::unexpected(Error(code, fmt::format(format, std::forward<Args>(args)...)));
}
inline std::unexpected<Error> fail(Error error) {
    return std::unexpected(std::move(error));
}

// The errno of a failed call as an error: "cannot open /x: No such file or directory".
Error errno_error(std::string what, int number);

}  // namespace muster

#define MUSTER_CONCAT_(a, b) a##b
#define MUSTER_CONCAT(a, b) MUSTER_CONCAT_(a, b)

#define MUSTER_TRY_(ret, holder, decl, ...)                      \
    auto holder = (__VA_ARGS__);                                 \
    if (!holder) ret std::unexpected(std::move(holder).error()); \
    decl = std::move(*holder)

// MUSTER_TRY(auto key, read_key(path)); returns the error of the expression from the enclosing function.
#define MUSTER_TRY(decl, ...) MUSTER_TRY_(return, MUSTER_CONCAT(try_result_, __LINE__), decl, __VA_ARGS__)
#define MUSTER_CO_TRY(decl, ...) MUSTER_TRY_(co_return, MUSTER_CONCAT(try_result_, __LINE__), decl, __VA_ARGS__)

// MUSTER_CHECK(write(path)); the same for an expression whose value is not needed.
#define MUSTER_CHECK(...)                                             \
    do {                                                              \
        if (auto check_result_ = (__VA_ARGS__); !check_result_)       \
            return std::unexpected(std::move(check_result_).error()); \
    } while (false)
#define MUSTER_CO_CHECK(...)                                             \
    do {                                                                 \
        if (auto check_result_ = (__VA_ARGS__); !check_result_)          \
            co_return std::unexpected(std::move(check_result_).error()); \
    } while (false)
