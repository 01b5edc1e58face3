// As the SDKs do it for X.509 (facts/dps.md 1.5): no SASL, one link each way at the address of the registration.
#include "base/json.h"
#include "muster/simulate/dialogue.h"
#include "wire/amqp/connection.h"

namespace muster::cli::simulate {
namespace {

namespace amqp = wire::amqp;

const amqp::Settings& settings() {
    static const amqp::Settings all{.container = "simulated"};
    return all;
}

std::optional<std::chrono::seconds> retry_after(const amqp::Map& map) {
    const auto* value = map.find("retry-after");
    const auto* seconds = value == nullptr ? nullptr : std::get_if<std::int64_t>(value);
    if (seconds == nullptr) return std::nullopt;
    return std::chrono::seconds(*seconds);
}

// What went wrong, in the numbers of HTTP.
Reply refusal(const amqp::Condition& condition) {
    const auto body = parse_json_object(condition.description);
    const auto* code = body ? body->if_contains("errorCode") : nullptr;
    const bool known = code != nullptr && code->is_int64();
    return {known ? static_cast<int>(code->as_int64() / 1000) : 500, condition.description,
            retry_after(condition.info)};
}

Error gone(const amqp::Condition& condition) {
    return Error(Errc::unavailable, fmt::format("answer: the service ended it: {}", condition.name));
}

class AmqpDialogue final : public Dialogue {
public:
    AmqpDialogue(Pipe& pipe, const std::string& scope, const std::string& registration_id)
        : pipe_(pipe),
          registration_id_(registration_id),
          address_(fmt::format("{}/registrations/{}", scope, registration_id)),
          connection_(amqp::Connection::client(settings(), pipe.host_header())) {}

    Task<Result<>> begin() override {
        amqp::Map properties;
        properties.set("com.microsoft:api-version", std::string(api_version));
        connection_.attach(true, address_, properties);
        to_service_ = connection_.attach(false, address_, properties);
        while (attached_ < 2) MUSTER_CO_CHECK(co_await step());
        co_return Result<>();
    }

    Task<Result<Reply>> register_device() override {
        amqp::Message message;
        message.body = json::serialize(json::object{{"registrationId", registration_id_}});
        co_return co_await ask("iotdps-register", std::move(message));
    }

    Task<Result<Reply>> operation_status(const std::string& operation_id) override {
        amqp::Message message;
        message.properties.set("iotdps-operation-id", operation_id);
        co_return co_await ask("iotdps-get-operationstatus", std::move(message));
    }

    Task<> end() override {
        connection_.close();
        (void)co_await flush();
    }

private:
    Task<Result<Reply>> ask(std::string type, amqp::Message message) {
        message.properties.set("iotdps-operation-type", std::move(type));
        message.correlation_id = ++asked_;
        reply_.reset();
        MUSTER_CO_CHECK(connection_.send(to_service_, message, false));
        while (!reply_) MUSTER_CO_CHECK(co_await step());
        co_return std::move(*reply_);
    }

    // Sends what there is, and handles what comes until something was understood.
    Task<Result<>> step() {
        MUSTER_CO_CHECK(co_await flush());
        MUSTER_CO_TRY(const auto bytes, co_await pipe_.read());
        std::string_view rest = bytes;
        while (!rest.empty()) {
            MUSTER_CO_CHECK(connection_.take(rest));
            while (auto event = connection_.next_event()) MUSTER_CO_CHECK(handle(*event));
        }
        co_return co_await flush();
    }

    Result<> handle(const amqp::Event& event) {
        if (std::holds_alternative<amqp::Attached>(event)) ++attached_;
        if (const auto* detached = std::get_if<amqp::Detached>(&event)) return fail(gone(detached->condition));
        if (const auto* closed = std::get_if<amqp::Closed>(&event)) return fail(gone(closed->condition));
        if (const auto* outcome = std::get_if<amqp::Outcome>(&event); outcome != nullptr && !outcome->accepted)
            reply_ = refusal(outcome->condition);
        if (const auto* received = std::get_if<amqp::Received>(&event)) {
            connection_.accept(*received);
            if (!received->message) return std::unexpected(received->message.error());
            const auto& message = *received->message;
            if (message.correlation_id == amqp::MessageId(asked_))
                reply_ = Reply{200, message.body, retry_after(message.properties)};
        }
        return {};
    }

    Task<Result<>> flush() {
        const auto bytes = connection_.take_output();
        if (bytes.empty()) co_return Result<>();
        co_return co_await pipe_.write(bytes);
    }

    Pipe& pipe_;
    std::string registration_id_;
    std::string address_;
    amqp::Connection connection_;
    amqp::LinkId to_service_ = 0;
    int attached_ = 0;
    std::uint64_t asked_ = 0;
    std::optional<Reply> reply_;
};

}  // namespace

std::unique_ptr<Dialogue> make_amqp_dialogue(Pipe& pipe, const std::string& scope, const std::string& registration_id) {
    return std::make_unique<AmqpDialogue>(pipe, scope, registration_id);
}

}  // namespace muster::cli::simulate
