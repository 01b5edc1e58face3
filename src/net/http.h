// HTTP/1.1 messages (RFC 9112) as data; no I/O here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::net {

class Headers {
public:
    // The first value of that name, compared without case; nullptr when absent.
    const std::string* find(std::string_view name) const;
    std::string_view get(std::string_view name) const;  // empty when absent
    void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
    void set(std::string name, std::string value);
    void remove(std::string_view name);
    auto begin() const { return fields_.begin(); }
    auto end() const { return fields_.end(); }
    bool empty() const { return fields_.empty(); }

private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

struct HttpRequest {
    std::string method;  // as sent: "GET"
    std::string target;  // origin form, as sent: "/a%20b/c?api-version=1"
    Headers headers;
    std::string body;

    std::string_view path() const;   // still percent-encoded, without the query
    std::string_view query() const;  // without the '?'
    // The percent-decoded value of a query parameter, its name compared without case; nothing when absent.
    std::optional<std::string> parameter(std::string_view name) const;
};

struct HttpResponse {
    int status = 200;
    Headers headers;
    std::string body;
    bool close = false;  // end the connection after this answer
};

std::string_view reason_phrase(int status);

// The segments of a path, each percent-decoded once; a trailing slash adds none. Nothing when an escape is broken or a
// segment decodes to something with a NUL.
std::optional<std::vector<std::string>> path_segments(std::string_view path);

}  // namespace muster::net
