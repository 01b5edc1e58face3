// TOML, written in the order in which it is said: what is generated reads the same each time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/toml_quote.h"

namespace muster::edge {

class TomlText {
public:
    void comment(std::string_view line);
    void blank();
    // Header of the table that the values below belong to: {"cert_issuance", "aziot-edged-ca"}.
    void table(const std::vector<std::string>& path);
    void array_table(const std::vector<std::string>& path);

    void text(std::string_view key, std::string_view value);
    void number(std::string_view key, std::uint64_t value);
    void boolean(std::string_view key, bool value);
    void texts(std::string_view key, const std::vector<std::string>& values);
    // A value that is TOML already.
    void verbatim(std::string_view key, std::string_view toml);

    const std::string& str() const { return out_; }

private:
    void header(std::string_view open, const std::vector<std::string>& path, std::string_view close);
    std::string out_;
};

}  // namespace muster::edge
