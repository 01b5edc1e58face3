// What every subcommand shares: the streams, the options given to all of them, and the program's exit code.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "muster/client.h"
#include "muster/connection.h"
#include "muster/io.h"
#include "muster/output.h"
#include "muster/table.h"

namespace muster::cli {

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;  // refused by the service, or it could not be done
inline constexpr int exit_usage = 2;   // the command line itself is wrong

struct Context {
    explicit Context(Io streams) : io(std::move(streams)) {}
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    Io io;
    ConnectionOptions connection;
    OutputFormat format = OutputFormat::table;
    int exit_code = exit_done;

    Result<ServiceClient> connect() const;
    // Prints the error, if there is one, and keeps its exit code.
    void finish(const Result<>& result);
    bool json() const { return format == OutputFormat::json; }
};

// Sends `call` and shows the object that it is answered with: as JSON, or with `print`.
Result<> show_answer(Context& context, const Call& call,
                     const std::function<void(const Context&, const json::object&)>& print);
// Sends `call`, which deletes something, and says `done` to people.
Result<> send_deletion(Context& context, const Call& call, const std::string& done);

// How the items of a listing become rows.
struct ListView {
    std::vector<Column> columns;
    std::function<std::vector<std::string>(const json::object&)> row;
    std::string none;  // said on standard error when there are none: "no enrollments"
};

Result<> print_listing(Context& context, ServiceClient& client, const Listing& listing, const ListView& view);
void print_json(const Context& context, const json::value& value);

}  // namespace muster::cli
