#include "settings.h"

#include <unistd.h>

#include <limits>

#include "base/file.h"
#include "base/text.h"
#include "database.h"
#include "memory.h"
#include "pki/certificate.h"

namespace muster::musterd {
namespace {

std::string machine_name() {
    char name[256] = {};
    if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
    return to_lower(name);
}

// An address with a port, or "off".
void read_address(const ConfigSection& listen, std::string_view key, std::optional<std::string>& setting) {
    const auto address = listen.string(key);
    if (!address) return;
    const auto usual = setting.value_or("");
    setting = *address == "off" ? std::nullopt : address;
    if (*address != "off" && address->find(':') == std::string::npos)
        listen.problem(key, fmt::format("'{}' is not an address with a port", *address),
                       fmt::format("write \"{}\", \"127.0.0.1:0\" (any free port) or \"off\"", usual));
}

void read_listen(const ConfigSection& root, Settings& settings) {
    const auto listen = root.table("listen");
    if (!listen) return;
    read_address(*listen, "https", settings.https);
    if (const auto metrics = listen->string("metrics")) {
        settings.metrics = *metrics == "off" ? std::nullopt : metrics;
        settings.metrics_asked_for = true;
        if (*metrics != "off" && metrics->find(':') == std::string::npos)
            listen->problem("metrics", fmt::format("'{}' is not an address with a port", *metrics),
                            "write \"127.0.0.1:9464\" or \"off\"");
    }
    read_address(*listen, "mqtts", settings.mqtts);
    read_address(*listen, "amqps", settings.amqps);
}

void read_tls(const ConfigSection& root, Settings& settings) {
    const auto tls = root.table("tls");
    if (!tls) return;
    settings.certificate = tls->string("certificate");
    settings.key = tls->string("key");
    if (settings.certificate.has_value() != settings.key.has_value())
        tls->problem(settings.key ? "certificate" : "key", "is missing",
                     "give both certificate and key, or neither to let musterd make its own");
}

void read_log(const ConfigSection& root, Settings& settings) {
    const auto section = root.table("log");
    if (!section) return;
    if (const auto level = section->choice("level", {"error", "warn", "info", "debug", "trace"}))
        settings.log_level = *log::parse_level(*level);
    if (const auto format = section->choice("format", {"text", "json"}))
        settings.log_format = *log::parse_format(*format);
}

// Read now to say at once what is wrong with it, and again for each connection: it may change while musterd runs.
void read_password_file(const ConfigSection& section, store::PostgresSettings& postgres) {
    const auto path = section.string("password_file");
    if (!path) return;
    if (const auto password = read_password(*path); !password)
        section.problem("password_file", password.error().chain(), password.error().hint());
    postgres.password = [file = std::filesystem::path(*path)] { return read_password(file); };
}

void read_store(const ConfigSection& root, Settings& settings) {
    const auto section = root.table("store");
    if (!section) return;
    store::PostgresSettings postgres;
    const auto connection = section->string("postgresql");
    read_password_file(*section, postgres);
    if (const auto n = section->integer("connections", 1, store::PostgresSettings::most_connections))
        postgres.connections = static_cast<unsigned>(*n);
    if (!connection) {
        for (const auto* name : {"password_file", "connections"})
            if (section->has(name))
                section->problem(name, "says nothing without the key postgresql",
                                 "write postgresql = \"host=... dbname=muster user=muster sslmode=verify-full\", or "
                                 "leave the section out: records are in the data directory then");
        return;
    }
    postgres.connection = *connection;
    if (const auto sound = store::check(postgres); !sound)
        section->problem("postgresql", sound.error().chain(),
                         "write a connection string of libpq: \"host=db.example dbname=muster user=muster "
                         "sslmode=verify-full\"");
    if (!root.has("host_name"))
        root.problem("host_name", "is missing, and [store] names a database that several musterds may share",
                     "write the one name that devices know all of them by");
    if (const auto limits = root.table("limits"); limits && limits->has("store_cache_bytes"))
        limits->problem("store_cache_bytes", "is of no use where [store] names a PostgreSQL database",
                        "leave it out: PostgreSQL has a cache of its own (shared_buffers)");
    settings.postgres = std::move(postgres);
}

void read_limits(const ConfigSection& root, Settings& settings) {
    const auto limits = root.table("limits");
    if (!limits) return;
    if (const auto n = limits->integer("threads", 1, 1024)) settings.threads = static_cast<unsigned>(*n);
    if (const auto n = limits->integer("connections", 1, 10'000'000))
        settings.limits.connections = static_cast<std::size_t>(*n);
    if (const auto n = limits->integer("body_bytes", 1024, 64 * 1024 * 1024))
        settings.limits.body_bytes = static_cast<std::size_t>(*n);
    if (const auto n = limits->integer("buffered_bytes", 1024 * 1024, std::numeric_limits<std::int64_t>::max()))
        settings.limits.buffered_bytes = static_cast<std::size_t>(*n);
    if (const auto n = limits->integer("store_cache_bytes", 1024 * 1024, std::int64_t{1} << 40))
        settings.store_cache = static_cast<std::size_t>(*n);
    if (const auto n = limits->integer("header_bytes", 1024, 1024 * 1024))
        settings.limits.header_bytes = static_cast<std::size_t>(*n);
    if (const auto n = limits->integer("idle_seconds", 1, 86'400)) settings.limits.idle = std::chrono::seconds(*n);
    if (const auto n = limits->integer("request_seconds", 1, 3'600)) settings.limits.request = std::chrono::seconds(*n);
    if (const auto n = limits->integer("handshake_seconds", 1, 600))
        settings.limits.handshake = std::chrono::seconds(*n);
}

bool is_url(std::string_view text) {
    return (text.starts_with("http://") || text.starts_with("https://")) && text.size() <= 200 &&
           std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c < 0x7F; });
}

void read_authority(const ConfigSection& root, Settings& settings) {
    const auto section = root.table("authority");
    if (!section) return;
    auto& policy = settings.authority;
    if (const auto n = section->integer("certificate_days", 1, 3650)) policy.certificate_life = std::chrono::days(*n);
    if (const auto n = section->integer("crl_days", 1, 365)) policy.crl_life = std::chrono::days(*n);
    if (const auto key = section->choice("key", {"ec:p256", "ec:p384", "rsa:2048", "rsa:3072", "rsa:4096"})) {
        if (const auto spec = pki::KeySpec::parse(*key)) policy.key = *spec;
    }
    policy.shared_bootstrap = section->boolean("shared_bootstrap").value_or(false);
    const auto url = section->string("crl_url");
    if (!url) return;
    policy.crl_url = url->ends_with('/') ? url->substr(0, url->size() - 1) : *url;
    if (!is_url(policy.crl_url))
        section->problem("crl_url", fmt::format("'{}' is not an http or https URL", *url),
                         "write where clients reach /crl of this service: \"https://muster.example/crl\"");
}

// A limit, 0 or "off" for none.
void read_limit(const ConfigSection& section, std::string_view key, std::uint32_t& limit) {
    constexpr std::int64_t most = 100'000'000;
    if (section.kind(key) == ConfigKind::string) {
        const auto word = section.string(key);
        if (word != "off")
            section.problem(key, fmt::format("'{}' is neither a number nor \"off\"", word.value_or("")),
                            "write the number without quotes, or \"off\"");
        limit = 0;
    } else if (const auto n = section.integer(key, 0, most)) {
        limit = static_cast<std::uint32_t>(*n);
    }
}

void read_throttle(const ConfigSection& root, Settings& settings) {
    const auto section = root.table("throttle");
    if (!section) return;
    auto& throttle = settings.throttle;
    read_limit(*section, "registrations", throttle.registrations);
    read_limit(*section, "group_registrations", throttle.group_registrations);
    if (const auto groups = section->table("groups"))
        for (const auto& name : groups->names()) read_limit(*groups, name, throttle.groups[to_lower(name)]);
    read_limit(*section, "address_registrations", throttle.address_registrations);
    read_limit(*section, "operations", throttle.operations);
    read_limit(*section, "under_way", throttle.under_way);
    std::uint32_t patience = static_cast<std::uint32_t>(throttle.patience.count());
    read_limit(*section, "patience_milliseconds", patience);
    throttle.patience = std::chrono::milliseconds(patience);
}

void read_journal(const ConfigSection& root, Settings& settings) {
    const auto section = root.table("journal");
    if (!section) return;
    constexpr std::int64_t a_century = 36'525;
    if (const auto n = section->integer("event_days", 0, a_century)) settings.journal.events = std::chrono::days(*n);
    if (const auto n = section->integer("most_events", 1'000, 1'000'000'000))
        settings.journal.most_events = static_cast<std::uint64_t>(*n);
    if (const auto n = section->integer("audit_days", 0, a_century)) settings.journal.changes = std::chrono::days(*n);
}

void read_attestation(const ConfigSection& root, Settings& settings) {
    const auto section = root.table("attestation");
    if (!section) return;
    settings.groups.verified_ca_only = section->boolean("verified_ca_only").value_or(false);
}

void read_webhook(const ConfigSection& root, Settings& settings) {
    const auto section = root.table("webhook");
    if (!section) return;
    if (const auto n = section->integer("timeout_seconds", 1, 60)) settings.webhook_timeout = std::chrono::seconds(*n);
    const auto path = section->string("ca");
    if (!path) return;
    const auto pem = read_file(*path);
    const auto chain = pem ? pki::parse_chain(*pem) : std::unexpected(pem.error());
    if (!chain) {
        section->problem("ca", chain.error().chain(), "name a file of CA certificates in PEM");
        return;
    }
    settings.webhook_ca_pem = *pem;
}

bool is_scope(std::string_view text) {
    return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    });
}

void read_root(const ConfigSection& root, Settings& settings) {
    if (const auto name = root.string("host_name")) {
        settings.host_name = to_lower(*name);
        if (name->empty() || name->find_first_of(" /:") != std::string::npos)
            root.problem("host_name", fmt::format("'{}' is not a host name", *name),
                         "write the name without port or scheme");
    }
    settings.id_scope = root.string("id_scope");
    if (settings.id_scope && !is_scope(*settings.id_scope))
        root.problem("id_scope", "has 1 to 64 letters and digits, nothing else");
    if (const auto dir = root.string("data_dir")) settings.data_dir = *dir;
    read_listen(root, settings);
    read_tls(root, settings);
    read_log(root, settings);
    read_limits(root, settings);
    read_store(root, settings);
    read_throttle(root, settings);
    read_journal(root, settings);
    read_authority(root, settings);
    read_attestation(root, settings);
    read_webhook(root, settings);
}

Result<> apply_options(const Options& options, Settings& settings) {
    if (options.data_dir) settings.data_dir = *options.data_dir;
    if (options.log_level) {
        const auto level = log::parse_level(*options.log_level);
        if (!level)
            return fail(Errc::invalid_argument, "--log-level is error, warn, info, debug or trace, not '{}'",
                        *options.log_level);
        settings.log_level = *level;
    }
    if (options.log_format) {
        const auto format = log::parse_format(*options.log_format);
        if (!format || *format == log::Format::syslog)
            return fail(Errc::invalid_argument, "--log-format is text or json, not '{}'", *options.log_format);
        settings.log_format = *format;
    }
    return {};
}

}  // namespace

Result<Loaded> load_settings(const Options& options) {
    Loaded loaded;
    loaded.settings.host_name = machine_name();
    loaded.settings.store_cache = usual_store_cache(usable_memory());
    const std::filesystem::path path = options.config.value_or(std::string(default_config));
    std::error_code ignored;
    if (options.config || std::filesystem::exists(path, ignored)) {
        MUSTER_TRY(auto config, Config::load(path));
        read_root(config.root(), loaded.settings);
        loaded.problems = config.problems();
    }
    MUSTER_CHECK(apply_options(options, loaded.settings));
    return loaded;
}

}  // namespace muster::musterd
