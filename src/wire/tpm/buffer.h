// The TPM's way of writing numbers and sized buffers (TPM 2.0 Library, Part 1, 32.3: canonical form, big-endian).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace muster::wire::tpm {

class Writer {
public:
    // Room enough for what is secret here: a buffer that grows leaves a copy behind.
    Writer() { bytes_.reserve(512); }
    Writer& u16(std::size_t number);  // at most 65535
    Writer& u32(std::uint32_t number);
    Writer& raw(ByteView bytes);
    Writer& sized(ByteView bytes);  // TPM2B: two bytes of length, then the bytes
    Bytes take() { return std::move(bytes_); }

private:
    Bytes bytes_;
};

// Reads over memory that the caller keeps. Errors (Errc::invalid_argument) say what was read when the bytes ended.
class Reader {
public:
    explicit Reader(ByteView bytes) : rest_(bytes) {}
    Result<std::uint16_t> u16(std::string_view what);
    Result<std::uint32_t> u32(std::string_view what);
    Result<ByteView> sized(std::string_view what);
    // A TPM2B together with its length, as the TPM's own libraries take it.
    Result<ByteView> sized_whole(std::string_view what);
    ByteView rest() const { return rest_; }

private:
    Result<ByteView> cut(std::size_t size, std::string_view what);
    ByteView rest_;
};

}  // namespace muster::wire::tpm
