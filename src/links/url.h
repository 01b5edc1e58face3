// An address, in the two parts that an HTTP client wants it in.
#pragma once

#include <string>

namespace muster::links {

struct Url {
    std::string origin;  // "https://host:port", the scheme in lower case
    std::string target;  // "/path?query"
};

// Of an http or https address whose form was checked when it was given. A fragment is left out.
Url split_url(const std::string& url);

}  // namespace muster::links
