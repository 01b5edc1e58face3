// musterd's configuration file and command line, read.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "authority/policy.h"
#include "base/config.h"
#include "base/log.h"
#include "net/http_server.h"
#include "provisioning/groups.h"
#include "provisioning/housekeeping.h"
#include "provisioning/throttle.h"
#include "store/postgres_settings.h"

namespace muster::musterd {

struct Options {
    std::optional<std::string> config;    // --config; otherwise the default path, if it is there
    std::optional<std::string> data_dir;  // --data-dir
    std::optional<std::string> log_format;
    std::optional<std::string> log_level;
    bool copy_to_postgresql = false;  // both: done instead of serving
    bool take_host_name = false;
};

struct Settings {
    std::filesystem::path data_dir = "/var/lib/muster";
    std::string host_name;
    std::optional<std::string> id_scope;               // otherwise made once and kept in the data directory
    std::optional<std::string> https = "0.0.0.0:443";  // nothing: off
    std::optional<std::string> mqtts = "0.0.0.0:8883";
    std::optional<std::string> amqps = "0.0.0.0:5671";
    std::optional<std::string> metrics = "127.0.0.1:9464";
    bool metrics_asked_for = false;  // in the configuration; else a port that is taken is no reason not to start
    std::optional<std::string> certificate;  // the operator's own, PEM paths; both or neither
    std::optional<std::string> key;
    log::Level log_level = log::Level::info;
    log::Format log_format = log::Format::human;
    unsigned threads = 0;  // reactors; 0: one per core
    net::HttpLimits limits;
    std::size_t store_cache;                          // bytes; SQLite alone
    std::optional<store::PostgresSettings> postgres;  // nothing: SQLite in the data directory
    provisioning::ThrottleSettings throttle;
    provisioning::JournalRetention journal;
    provisioning::GroupRules groups;
    authority::Policy authority;
    std::string webhook_ca_pem;  // when given, webhooks must chain to it; else to the operating system's store
    std::chrono::milliseconds webhook_timeout{5'000};
};

inline constexpr std::string_view default_config = "/etc/muster/config.toml";

// All problems at once; an empty list means that `settings` is complete.
struct Loaded {
    Settings settings;
    std::vector<ConfigProblem> problems;
};
Result<Loaded> load_settings(const Options& options);

}  // namespace muster::musterd
