// Enrollments, groups and registration records as people read them.
#pragma once

#include "base/json.h"
#include "muster/context.h"
#include "muster/enrollment_options.h"

namespace muster::cli {

ListView enrollment_list_view(const Context& context, EnrollmentKind kind);
// The answers to changes say nothing of the registration; only a GET tells that there is none.
enum class EnrollmentDetail { as_written, with_registration, with_keys };
void print_enrollment(const Context& context, EnrollmentKind kind, const json::object& enrollment,
                      EnrollmentDetail detail);

ListView registration_list_view(const Context& context);
void print_registration(const Context& context, const json::object& registration);
// "failed: 400208: no hub is linked", "initialAssignment"; empty when there is nothing to add to the status.
std::string registration_detail(const json::object& registration);

}  // namespace muster::cli
