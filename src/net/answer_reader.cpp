#include "net/answer_reader.h"

namespace muster::net {
namespace {

constexpr std::size_t header_limit = 64 * 1024;

}  // namespace

AnswerReader::AnswerReader(std::string_view method, std::size_t body_limit)
    : head_(method == "HEAD"), body_limit_(body_limit) {
    start();
}

void AnswerReader::start() {
    parser_ = std::make_unique<ResponseParser>(header_limit, body_limit_, head_);
}

ParseState AnswerReader::put(std::string_view bytes) {
    begun_ = begun_ || !bytes.empty();
    pending_.append(bytes);
    for (;;) {
        const auto parsed = parser_->put(pending_);
        pending_.erase(0, parsed.consumed);
        if (parsed.state == ParseState::done && parser_->interim()) {
            start();
        } else if (parsed.state != ParseState::header_done) {
            return parsed.state;
        }
        if (pending_.empty()) return ParseState::need_more;
    }
}

Error AnswerReader::error(const std::string& server) const {
    return Error(parser_->too_large() ? Errc::too_large : Errc::invalid_argument,
                 fmt::format("answer of {}: {}", server, parser_->error_text()));
}

}  // namespace muster::net
