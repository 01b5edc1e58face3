#include "edge/config/token_probe.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/json.h"
#include "edge/pkcs11/token.h"

namespace muster::edge {
namespace {

constexpr auto patience = std::chrono::seconds(60);
constexpr std::size_t largest_answer = 4 * 1024 * 1024;

Result<Bytes> ask(pkcs11::Module& module, const TokenQuestion& question) {
    MUSTER_TRY(auto uri, pkcs11::Uri::parse(question.uri));
    if (question.base) {
        MUSTER_TRY(const auto base, pkcs11::Uri::parse(*question.base));
        uri = uri.completed_by(base);
    }
    const auto name = pkcs11::KeyName::of(uri);
    MUSTER_TRY(const auto token_info, module.find_token(uri));
    const auto text = token_info.text();
    if (token_info.pin_locked)
        return fail(
            Error(Errc::unavailable, fmt::format("the PIN of the token {} is locked", text))
                .with_hint(fmt::format("set a new one as its security officer: pkcs11-tool --module {} --init-pin",
                                       module.path().string())));
    const bool has_pin = uri.pin_value || uri.pin_source;
    if (token_info.last_try && has_pin)
        return fail(
            Error(Errc::unavailable,
                  fmt::format("the token {} takes one more wrong PIN before it locks: it was not tried", text))
                .with_hint(fmt::format("make sure of it by hand: pkcs11-tool --module {} --login --list-objects",
                                       module.path().string())));
    if (token_info.login_required && !has_pin)
        return fail(Error(Errc::unavailable, fmt::format("the token {} wants a PIN and the URI has none", text))
                        .with_hint("add ?pin-value=PIN or ?pin-source=file:/PATH to the URI"));
    pkcs11::Token token(module, std::move(uri));
    MUSTER_CHECK(token.info());
    if (question.about == TokenQuestion::About::token) return Bytes();
    const auto no_key = [&](std::string_view kind) {
        return fail(
            Error(Errc::not_found, fmt::format("the token {} has no {} for {}", text, kind, token.where().text()))
                .with_hint(
                    fmt::format("look: pkcs11-tool --module {} --login --list-objects", module.path().string())));
    };
    if (question.about == TokenQuestion::About::secret_key) {
        MUSTER_TRY(const bool there, token.has_secret(name));
        if (!there) return no_key("secret key");
        return Bytes();
    }
    MUSTER_TRY(const auto half, token.find_pair(name));
    if (!half) return no_key("private key");
    return half->spki_der();
}

json::object to_json(const Result<Bytes>& answer) {
    if (answer) return {{"spki", base64_encode(*answer)}};
    std::string hint;
    for (const auto* at = &answer.error(); at != nullptr && hint.empty(); at = at->cause()) hint = at->hint();
    return {{"message", answer.error().chain()}, {"hint", hint}};
}

Result<Bytes> from_json(const json::value& value) {
    if (!value.is_object()) return fail(Errc::internal, "the answer is none");
    const auto& object = value.get_object();
    if (const auto* spki = object.if_contains("spki"); spki != nullptr && spki->is_string())
        return base64_decode(std::string_view(spki->get_string())).value_or(Bytes());
    return fail(Error(Errc::unavailable, string_or(object, "message")).with_hint(string_or(object, "hint")));
}

json::array answers_of(const TokenProbe& probe) {
    json::array out;
    const auto module = pkcs11::Module::load(probe.library);
    for (const auto& question : probe.questions)
        out.push_back(to_json(module ? ask(**module, question) : fail(module.error())));
    return out;
}

bool become(const Identity& who) {
    if (::geteuid() != 0 || who.uid == 0) return true;
    return ::setgroups(who.groups.size(), who.groups.data()) == 0 && ::setgid(who.groups.front()) == 0 &&
           ::setuid(who.uid) == 0;
}

[[noreturn]] void be_child(const TokenProbe& probe, const Identity& who, int out) {
    // What a library prints is not this program's output.
    const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
    for (const auto& [name, value] : probe.environment) ::setenv(name.c_str(), value.c_str(), 1);
    if (!become(who)) ::_exit(1);
    const auto text = json::serialize(answers_of(probe));
    for (std::string_view rest = text; !rest.empty();) {
        const auto written = ::write(out, rest.data(), rest.size());
        if (written < 0 && errno != EINTR) ::_exit(1);
        if (written > 0) rest.remove_prefix(static_cast<std::size_t>(written));
    }
    ::_exit(0);
}

// Until the child closes its end; nothing when it takes too long.
std::optional<std::string> read_answer(int in) {
    std::string text;
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        pollfd file{in, POLLIN, 0};
        const int ready = ::poll(&file, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0 || text.size() > largest_answer) return std::nullopt;
        char buffer[4096];
        const auto got = ::read(in, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return text;
        text.append(buffer, static_cast<std::size_t>(got));
    }
}

std::string ending_of(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status)) return fmt::format("it crashed ({})", ::strsignal(WTERMSIG(status)));
    return fmt::format("it ended its process (exit code {})", WEXITSTATUS(status));
}

std::vector<Result<Bytes>> all_failed(const TokenProbe& probe, std::string_view reason) {
    Result<Bytes> failed = fail(Error(Errc::unavailable, fmt::format("the PKCS #11 library {} cannot be used: {}",
                                                                     probe.library.string(), reason))
                                    .with_hint(fmt::format("try it by hand: pkcs11-tool --module {} --list-token-slots",
                                                           probe.library.string())));
    return std::vector<Result<Bytes>>(probe.questions.size(), failed);
}

}  // namespace

std::vector<Result<Bytes>> ask_tokens(const TokenProbe& probe, const Identity& who) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return all_failed(probe, std::strerror(errno));
    const pid_t child = ::fork();
    if (child == 0) be_child(probe, who, ends[1]);
    ::close(ends[1]);
    if (child < 0) {
        ::close(ends[0]);
        return all_failed(probe, std::strerror(errno));
    }
    const auto text = read_answer(ends[0]);
    ::close(ends[0]);
    if (!text) ::kill(child, SIGKILL);
    const auto ending = ending_of(child);
    if (!text) return all_failed(probe, fmt::format("it did not answer within {} seconds", patience.count()));
    const auto answers = parse_json(*text);
    if (!answers || !answers->is_array() || answers->get_array().size() != probe.questions.size())
        return all_failed(probe, ending);
    std::vector<Result<Bytes>> out;
    for (const auto& answer : answers->get_array()) out.push_back(from_json(answer));
    return out;
}

}  // namespace muster::edge
