// The nouns of `muster`, one function each; see application.cpp for the whole tree.
#pragma once

namespace CLI {
class App;
}

namespace muster::cli {

struct Context;

void add_enrollment_command(CLI::App& app, Context& context);
void add_enrollment_group_command(CLI::App& app, Context& context);
void add_ca_certificate_command(CLI::App& app, Context& context);
void add_crl_command(CLI::App& app, Context& context);
void add_trust_bundle_command(CLI::App& app, Context& context);
void add_authority_command(CLI::App& app, Context& context);
void add_registration_command(CLI::App& app, Context& context);
void add_hub_command(CLI::App& app, Context& context);
void add_device_command(CLI::App& app, Context& context);
void add_module_command(CLI::App& app, Context& context);
void add_twin_command(CLI::App& app, Context& context);
void add_policy_command(CLI::App& app, Context& context);
void add_import_command(CLI::App& app, Context& context);
void add_export_command(CLI::App& app, Context& context);
void add_events_command(CLI::App& app, Context& context);
void add_audit_command(CLI::App& app, Context& context);
void add_status_command(CLI::App& app, Context& context);
void add_connection_string_command(CLI::App& app, Context& context);
void add_trust_command(CLI::App& app, Context& context);
void add_completion_command(CLI::App& app, Context& context);

}  // namespace muster::cli
