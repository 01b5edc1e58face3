// `muster registration test`.
#pragma once

namespace CLI {
class App;
}

namespace muster::cli {

struct Context;
void add_registration_test_verb(CLI::App& noun, Context& context);

}  // namespace muster::cli
