#include "endpoints/amqp.h"

#include "base/log.h"
#include "base/text.h"
#include "endpoints/amqp_provisioning.h"
#include "endpoints/amqp_sasl.h"

namespace muster::endpoints {
namespace {

namespace amqp = wire::amqp;
using net::Monotonic;

// For the last words, after a time is over.
constexpr std::chrono::seconds grace{10};

class Session {
public:
    Session(const Services& services, const AmqpLimits& limits, std::shared_ptr<net::ByteBudget> budget,
            net::ByteStream& stream, const net::Peer& peer)
        : services_(services),
          limits_(limits),
          stream_(stream),
          peer_(peer),
          share_(std::move(budget)),
          connection_(amqp::Connection::server(limits.connection, AmqpSasl::mechanisms(peer))),
          sasl_(services, peer),
          front_(services, peer, connection_) {}

    Task<> run() {
        if (auto outcome = co_await converse(); !outcome)
            log::debug("AMQP session ended", {{"peer", peer_.address}, {"reason", outcome.error().chain()}});
        co_await stream_.close();
    }

private:
    Task<Result<>> converse() {
        for (;;) {
            if (!co_await flush() || over_) co_return std::exchange(ending_, {});
            // It counts from what was sent last: hence only now.
            const auto keep_alive = connection_.tick(Monotonic::now()).value_or(Monotonic::time_point::max());
            if (!co_await flush()) co_return Result<>();
            const auto deadline = this->deadline();
            const auto read = co_await stream_.read_some(deadline + grace, std::min(deadline, keep_alive));
            if (read.end == net::StreamEnd::woken) {
                if (Monotonic::now() >= deadline) finish(Error(Errc::timeout, "no whole frame came in time"));
            } else if (read.end != net::StreamEnd::none) {
                co_return Result<>();
            } else {
                co_await take(std::string(read.text()));
            }
        }
    }

    // Opened within its time; then frame after frame, each within its own.
    Monotonic::time_point deadline() const {
        if (!opened_) return began_ + limits_.opening;
        const auto frame = connection_.midway() ? frame_began_ + limits_.frame : last_frame_ + limits_.idle;
        return std::min(began_ + limits_.session, frame);
    }

    Task<> take(std::string received) {
        std::string_view bytes = received;
        while (!bytes.empty() && !over_) {
            const bool fresh = !connection_.midway();
            const auto frames = connection_.frames();
            if (auto taken = connection_.take(bytes); !taken) {
                // The close frame, if there is one, says the same to the peer.
                ending_ = std::unexpected(taken.error());
                over_ = true;
                co_return;
            }
            if (connection_.frames() != frames) {
                last_frame_ = Monotonic::now();
            } else if (fresh) {
                frame_began_ = Monotonic::now();
            }
            co_await handle_events();
            if (!share_.hold(connection_.held())) finish(Error(Errc::throttled, "too many large messages at once"));
            if (front_.requests() >= limits_.requests)
                finish(Error(Errc::throttled, fmt::format("{} requests in one session", limits_.requests)));
        }
    }

    Task<> handle_events() {
        while (auto event = connection_.next_event()) {
            if (auto* init = std::get_if<amqp::SaslInit>(&*event)) {
                answer_sasl(co_await sasl_.begin(std::move(*init)));
            } else if (auto* response = std::get_if<amqp::SaslResponse>(&*event)) {
                answer_sasl(co_await sasl_.go_on(std::move(response->response)));
            } else if (std::holds_alternative<amqp::Opened>(*event)) {
                opened_ = true;
                // New sessions go first: those that are open come to their end.
                if (services_.throttle.refuses_sessions()) {
                    services_.metrics.throttled(to_string(provisioning::Limit::overload));
                    finish(Error(Errc::throttled, "the service has more to do than it can"),
                           amqp::condition::connection_forced);
                }
            } else if (const auto* attached = std::get_if<amqp::Attached>(&*event)) {
                front_.attach(*attached);
            } else if (const auto* detached = std::get_if<amqp::Detached>(&*event)) {
                front_.detach(detached->link);
            } else if (const auto* request = std::get_if<amqp::Received>(&*event)) {
                co_await front_.answer(*request);
                if (!co_await flush()) over_ = true;
            } else if (auto* closed = std::get_if<amqp::Closed>(&*event)) {
                over_ = true;
                if (!closed->condition.name.empty())
                    ending_ = fail(Errc::invalid_argument, "{}: {}", printable(closed->condition.name),
                                   printable(closed->condition.description));
            }
        }
    }

    void answer_sasl(AmqpSasl::Answer answer) {
        if (!answer.outcome) return connection_.sasl_challenge(std::move(answer.challenge));
        front_.use_token(sasl_.take_token());
        connection_.sasl_outcome(*answer.outcome);
    }

    // Our end of the conversation, with the reason for both sides. A client that hears of connection_forced connects
    // again.
    void finish(Error reason, const char* condition = amqp::condition::limit_exceeded) {
        if (std::exchange(over_, true)) return;
        connection_.close({condition, reason.message(), {}});
        ending_ = std::unexpected(std::move(reason));
    }

    Task<bool> flush() {
        const auto bytes = connection_.take_output();
        if (bytes.empty()) co_return true;
        co_return co_await stream_.write_all(bytes);
    }

    const Services& services_;
    const AmqpLimits& limits_;
    net::ByteStream& stream_;
    const net::Peer& peer_;
    net::BudgetShare share_;
    amqp::Connection connection_;
    AmqpSasl sasl_;
    AmqpProvisioning front_;
    bool opened_ = false;
    bool over_ = false;
    Result<> ending_;
    const Monotonic::time_point began_ = Monotonic::now();
    Monotonic::time_point frame_began_ = began_;
    Monotonic::time_point last_frame_ = began_;
};

}  // namespace

net::StreamHandler amqp_handler(const Services& services, std::shared_ptr<net::ByteBudget> budget,
                                const AmqpLimits& limits) {
    return [&services, budget = std::move(budget), limits](net::ByteStream& stream, const net::Peer& peer) -> Task<> {
        Session session(services, limits, budget, stream, peer);
        co_await session.run();
    };
}

}  // namespace muster::endpoints
