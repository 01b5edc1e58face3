// Hubs and webhooks in memory, behind the interface that provisioning asks others by.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>

#include "provisioning/outside.h"

namespace muster::provisioning {

class FakeHubs final : public Outside {
public:
    struct Device {
        hub::DeviceCredential credential;
        bool edge = false;
        TwinCopy twin;
    };
    struct Hub {
        std::map<std::string, Device> devices;
        std::optional<Error> down;          // every call ends like this
        std::optional<Error> refuses;       // to create
        std::optional<Error> forbids;       // to remove
        std::function<Result<>()> answers;  // how a creation that was done ends; not under the lock
        std::function<Task<>()> waits;      // before it ends; not under the lock
        std::function<void()> removes;      // when it is asked to remove a device; not under the lock
        int creations = 0;
        int calls = 0;
    };

    Result<std::unique_ptr<HubClient>> connect(const LinkedHub& hub) override {
        return std::make_unique<Client>(*this, hub.name);
    }
    Task<Result<WebhookReply>> ask_webhook(const std::string& url, std::string body) override {
        const std::lock_guard lock(mutex_);
        asked.emplace_back(url, std::move(body));
        if (replies.empty()) co_return fail(Errc::timeout, "no answer");
        auto reply = std::move(replies.front());
        if (replies.size() > 1) replies.pop_front();
        co_return reply;
    }

    // Under the lock.
    template <class Fn>
    auto with(const std::string& name, Fn fn) {
        const std::lock_guard lock(mutex_);
        return fn(hubs_[name]);
    }
    bool has(const std::string& name, const std::string& device) {
        return with(name, [&](Hub& hub) { return hub.devices.contains(device); });
    }
    Device device(const std::string& name, const std::string& id) {
        return with(name, [&](Hub& hub) { return hub.devices.contains(id) ? hub.devices.at(id) : Device{}; });
    }
    std::vector<std::pair<std::string, std::string>> asked;  // of webhooks
    std::deque<Result<WebhookReply>> replies;                // the last one again and again

private:
    class Client final : public HubClient {
    public:
        Client(FakeHubs& all, std::string name) : all_(all), name_(std::move(name)) {}

        Task<Result<>> put_device(const RemoteDevice& device) override {
            std::function<Result<>()> answer;
            std::function<Task<>()> wait;
            auto done = all_.with(name_, [&](Hub& hub) -> Result<> {
                MUSTER_CHECK(check(hub));
                if (hub.refuses) return fail(*hub.refuses);
                const bool is_there = hub.devices.contains(device.device_id);
                auto& held = hub.devices[device.device_id];
                if (is_there && held.edge && !device.edge) return fail(Errc::conflict, "it is an IoT Edge device");
                if (!is_there || device.replace_twin) held.twin = device.twin;
                held.credential = device.credential;
                held.edge = device.edge;
                hub.creations += is_there ? 0 : 1;
                answer = hub.answers;
                wait = hub.waits;
                return {};
            });
            if (wait) co_await wait();
            co_return done&& answer ? answer() : std::move(done);
        }
        Task<Result<std::optional<TwinCopy>>> read_twin(const std::string& id) override {
            co_return all_.with(name_, [&](Hub& hub) -> Result<std::optional<TwinCopy>> {
                MUSTER_CHECK(check(hub));
                if (!hub.devices.contains(id)) return std::nullopt;
                return hub.devices.at(id).twin;
            });
        }
        Task<Result<bool>> remove_device(const std::string& id,
                                         const std::optional<hub::DeviceCredential>& only_with) override {
            if (const auto told = all_.with(name_, [](Hub& hub) { return hub.removes; })) told();
            co_return all_.with(name_, [&](Hub& hub) -> Result<bool> {
                MUSTER_CHECK(check(hub));
                if (hub.forbids) return fail(*hub.forbids);
                const auto found = hub.devices.find(id);
                if (found == hub.devices.end()) return false;
                if (only_with && found->second.credential.thumbprint != only_with->thumbprint) return false;
                hub.devices.erase(found);
                return true;
            });
        }
        Task<Result<bool>> lock_out(const std::string& id, const hub::DeviceCredential& revoked) override {
            co_return all_.with(name_, [&](Hub& hub) -> Result<bool> {
                MUSTER_CHECK(check(hub));
                const auto found = hub.devices.find(id);
                if (found == hub.devices.end() || found->second.credential.thumbprint != revoked.thumbprint)
                    return false;
                found->second.credential = {.thumbprint = {}, .primary_key = "unknown", .secondary_key = "unknown"};
                return true;
            });
        }
        Task<Result<std::chrono::microseconds>> probe() override {
            co_return all_.with(name_, [&](Hub& hub) -> Result<std::chrono::microseconds> {
                MUSTER_CHECK(check(hub));
                return std::chrono::microseconds(1000);
            });
        }

    private:
        static Result<> check(Hub& hub) {
            ++hub.calls;
            if (hub.down) return fail(*hub.down);
            return {};
        }
        FakeHubs& all_;
        std::string name_;
    };

    std::mutex mutex_;
    std::map<std::string, Hub> hubs_;
};

}  // namespace muster::provisioning
