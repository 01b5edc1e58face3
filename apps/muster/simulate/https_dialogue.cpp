#include "base/bytes.h"
#include "base/json.h"
#include "base/text.h"
#include "muster/simulate/dialogue.h"
#include "net/answer_reader.h"

namespace muster::cli::simulate {
namespace {

constexpr std::size_t largest_answer = 1024 * 1024;

class HttpsDialogue final : public Dialogue {
public:
    HttpsDialogue(Pipe& pipe, const std::string& scope, const std::string& registration_id)
        : pipe_(pipe),
          path_(fmt::format("/{}/registrations/{}", percent_encode(scope), percent_encode(registration_id))),
          body_(json::serialize(json::object{{"registrationId", registration_id}})) {}

    Task<Result<>> begin() override { co_return Result<>(); }

    Task<Result<Reply>> register_device() override {
        co_return reply(
            co_await http_request(pipe_, "PUT", fmt::format("{}/register?api-version={}", path_, api_version), body_));
    }

    Task<Result<Reply>> operation_status(const std::string& operation_id) override {
        const auto target =
            fmt::format("{}/operations/{}?api-version={}", path_, percent_encode(operation_id), api_version);
        co_return reply(co_await http_request(pipe_, "GET", target, ""));
    }

    Task<> end() override { co_return; }
    bool usable() const override { return usable_; }

private:
    Result<Reply> reply(Result<net::HttpResponse> response) {
        if (!response) return std::unexpected(std::move(response).error());
        usable_ = !response->close;
        Reply reply{response->status, std::move(response->body), {}};
        if (const auto seconds = parse_integer<unsigned>(response->headers.get("Retry-After")))
            reply.retry_after = std::chrono::seconds(*seconds);
        return reply;
    }

    Pipe& pipe_;
    std::string path_;
    std::string body_;
    bool usable_ = true;
};

}  // namespace

Task<Result<net::HttpResponse>> http_request(Pipe& pipe, const char* method, const std::string& target,
                                             const std::string& body) {
    auto text =
        fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\n", method, target, pipe.host_header());
    if (!body.empty())
        text += fmt::format("Content-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n", body.size());
    text.append("\r\n").append(body);
    MUSTER_CO_CHECK(co_await pipe.write(text));
    net::AnswerReader reader(method, largest_answer);
    for (auto state = net::ParseState::need_more; state != net::ParseState::done;) {
        MUSTER_CO_TRY(const auto bytes, co_await pipe.read());
        state = reader.put(bytes);
        if (state == net::ParseState::failed) co_return fail(reader.error(pipe.host_header()));
    }
    const bool keep = reader.leaves_connection_usable();
    auto response = reader.take_response();
    response.close = !keep;
    co_return response;
}

std::unique_ptr<Dialogue> make_https_dialogue(Pipe& pipe, const std::string& scope,
                                              const std::string& registration_id) {
    return std::make_unique<HttpsDialogue>(pipe, scope, registration_id);
}

}  // namespace muster::cli::simulate
