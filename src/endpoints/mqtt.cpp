#include "endpoints/mqtt.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "base/text.h"
#include "endpoints/mqtt_provisioning.h"
#include "wire/mqtt/codec.h"

namespace muster::endpoints {
namespace {

namespace mqtt = wire::mqtt;
using mqtt::ConnectCode;
using net::Monotonic;

// Packets out of a stream, each within its time.
class PacketReader {
public:
    PacketReader(net::ByteStream& stream, std::size_t packet_limit, std::shared_ptr<net::ByteBudget> budget)
        : stream_(stream), decoder_(packet_limit), share_(std::move(budget)) {}

    // Takes up where the reader of the first packet ended.
    void raise_limit(std::size_t packet_limit) { decoder_ = mqtt::Decoder(packet_limit); }

    // Nothing when the stream has ended. Errc::timeout when a packet that has begun does not end within `patience`, or
    // none begins before `idle_until`.
    Task<Result<std::optional<mqtt::Packet>>> next(Monotonic::time_point idle_until,
                                                   std::chrono::milliseconds patience) {
        auto deadline = idle_until;
        for (bool begun = false;;) {
            std::string_view view = received_;
            MUSTER_CO_TRY(auto packet, decoder_.next(view));
            received_.erase(0, received_.size() - view.size());
            if (received_.empty()) received_ = {};
            if (packet) co_return std::move(packet);
            if (!share_.hold(decoder_.held())) co_return fail(Errc::throttled, "too many large packets at once");
            if (!begun && decoder_.midway()) {
                begun = true;
                deadline = std::min(deadline, Monotonic::now() + patience);
            }
            const auto read = co_await stream_.read_some(deadline);
            if (read.end == net::StreamEnd::timed_out)
                co_return fail(Errc::timeout, "{}", begun ? "a packet did not arrive in time" : "nothing came in time");
            if (read.end != net::StreamEnd::none) co_return std::nullopt;
            received_.assign(read.text());
        }
    }

private:
    net::ByteStream& stream_;
    mqtt::Decoder decoder_;
    net::BudgetShare share_;
    std::string received_;  // whole packets that came with the one before; empty while waiting
};

struct Opening {
    ConnectCode code = ConnectCode::accepted;
    std::string reason;  // when refused
    std::optional<ProvisioningUserName> user;
};

// The client identifier is not looked at: no session outlives its connection, and the Python SDK sends an empty one
// without asking for a clean session, which MQTT would have us refuse.
Opening judge(const mqtt::Connect& connect, const Services& services) {
    if (connect.level != 4) return {ConnectCode::unacceptable_level, "only MQTT 3.1.1 is spoken here", {}};
    // New sessions go first: those that are open come to their end.
    if (services.throttle.refuses_sessions()) {
        services.metrics.throttled(to_string(provisioning::Limit::overload));
        return {ConnectCode::server_unavailable, "the service has more to do than it can", {}};
    }
    auto user = parse_provisioning_user_name(connect.user_name.value_or(""));
    if (!user)
        return {ConnectCode::not_authorized,
                "the user name is not {idScope}/registrations/{registrationId}/api-version={version}",
                {}};
    if (user->scope != services.scope) return {ConnectCode::not_authorized, "there is no such id scope here", {}};
    if (connect.will)
        return {ConnectCode::not_authorized, "the provisioning service has no topic that a will could go to", {}};
    return {ConnectCode::accepted, {}, std::move(user)};
}

// Keep-alive (section 3.1.2.10): one and a half times what the client promised, within our own bound.
std::chrono::milliseconds idle_time(std::uint16_t keep_alive, const MqttLimits& limits) {
    if (keep_alive == 0) return limits.idle;
    return std::min(limits.idle, std::chrono::milliseconds(keep_alive * 1500));
}

class Session {
public:
    Session(const Services& services, const MqttLimits& limits, std::shared_ptr<net::ByteBudget> budget,
            net::ByteStream& stream, const net::Peer& peer)
        : services_(services),
          limits_(limits),
          stream_(stream),
          peer_(peer),
          packets_(stream, limits.connect_bytes, std::move(budget)) {}

    Task<> run() {
        if (auto outcome = co_await converse(); !outcome) {
            log::debug(
                "MQTT session ended",
                {{"peer", peer_.address}, {"clientId", printable(client_id_)}, {"reason", outcome.error().chain()}});
        }
        co_await stream_.close();
    }

private:
    Task<Result<>> converse() {
        MUSTER_CO_TRY(auto front, co_await open());
        if (!front) co_return Result<>();
        const auto end = Monotonic::now() + limits_.session;
        while (front->requests() < limits_.requests) {
            const auto until = std::min(end, Monotonic::now() + idle_);
            MUSTER_CO_TRY(auto packet, co_await packets_.next(until, limits_.packet));
            if (!packet || std::holds_alternative<mqtt::Disconnect>(*packet)) co_return Result<>();
            MUSTER_CO_TRY(const auto answer, co_await front->handle(std::move(*packet)));
            if (!co_await send(answer)) co_return Result<>();
        }
        co_return fail(Errc::throttled, "{} requests in one session", limits_.requests);
    }

    // False when the client has gone.
    Task<bool> send(const MqttAnswer& answer) {
        if (!answer.bytes.empty() && !co_await stream_.write_all(answer.bytes)) co_return false;
        if (answer.later.empty()) co_return true;
        boost::asio::steady_timer pause(co_await boost::asio::this_coro::executor, answer_pause);
        co_await pause.async_wait(boost::asio::use_awaitable);
        co_return co_await stream_.write_all(answer.later);
    }

    // CONNECT and CONNACK. Nothing when the session was refused, or the client has gone.
    Task<Result<std::unique_ptr<MqttProvisioning>>> open() {
        const auto deadline = Monotonic::now() + limits_.connect;
        MUSTER_CO_TRY(auto packet, co_await packets_.next(deadline, limits_.connect));
        if (!packet) co_return nullptr;
        auto* connect = std::get_if<mqtt::Connect>(&*packet);
        if (connect == nullptr) co_return fail(Errc::invalid_argument, "the first packet is not CONNECT");
        client_id_ = std::move(connect->client_id);
        auto opening = judge(*connect, services_);
        MUSTER_CO_TRY(const auto connack, mqtt::serialize(mqtt::Connack{false, opening.code}));
        if (!co_await stream_.write_all(connack)) co_return nullptr;
        if (opening.code != ConnectCode::accepted) {
            // All that the client hears is a number: its owner finds the reason here.
            log::info("MQTT session refused", {{"peer", peer_.address},
                                               {"clientId", printable(client_id_)},
                                               {"userName", printable(connect->user_name.value_or(""))},
                                               {"reason", opening.reason}});
            co_return nullptr;
        }
        idle_ = idle_time(connect->keep_alive, limits_);
        packets_.raise_limit(limits_.packet_bytes);
        co_return std::make_unique<MqttProvisioning>(services_, peer_, std::move(*opening.user),
                                                     std::move(connect->password).value_or(Secret()));
    }

    const Services& services_;
    const MqttLimits& limits_;
    net::ByteStream& stream_;
    const net::Peer& peer_;
    PacketReader packets_;
    std::string client_id_;
    std::chrono::milliseconds idle_{};
};

}  // namespace

net::StreamHandler mqtt_handler(const Services& services, std::shared_ptr<net::ByteBudget> budget, MqttLimits limits) {
    return [&services, budget = std::move(budget), limits](net::ByteStream& stream, const net::Peer& peer) -> Task<> {
        Session session(services, limits, budget, stream, peer);
        co_await session.run();
    };
}

}  // namespace muster::endpoints
