// Each row of the table: judged by us, cold and with remembered signatures, in every order, and by openssl.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/file.h"
#include "base/text.h"
#include "chain_cases.h"
#include "command.h"
#include "lab.h"

namespace muster::pki::lab {
namespace {

FindAnchors among(const CertificateChain& trusted) {
    return [trusted](const Certificate& subject) {
        std::vector<Certificate> found;
        for (const Certificate& anchor : trusted) {
            if (anchor.subject() == subject.issuer() || anchor.der() == subject.der()) found.push_back(anchor);
        }
        return found;
    };
}

std::string ids_of(const CertificateChain& path, const Hierarchy& made) {
    std::vector<std::string> ids;
    for (const Certificate& certificate : path) {
        const auto found = std::ranges::find_if(
            made, [&](const auto& entry) { return entry.second.certificate.der() == certificate.der(); });
        ids.push_back(found == made.end() ? "?" : found->first);
    }
    return join(ids, " ");
}

class ChainTable : public testing::TestWithParam<ChainCase> {
protected:
    ChainTable()
        : made_(make(GetParam().certificates)),
          presented_(pick(made_, GetParam().presented)),
          trusted_(pick(made_, GetParam().trusted)) {}

    PathResult validate(const CertificateChain& presented, VerifiedSignatures* verified = nullptr) const {
        return validate_client_path(presented, among(trusted_), {.now = now(), .verified = verified});
    }

    void expect_as_written(const PathResult& result) const {
        EXPECT_EQ(to_string(result.fault), to_string(GetParam().fault)) << result.explanation;
        if (GetParam().fault == PathFault::none) {
            EXPECT_EQ(ids_of(result.path, made_), GetParam().says);
            return;
        }
        EXPECT_NE(result.explanation.find(GetParam().says), std::string::npos) << result.explanation;
        if (!result.path.empty()) EXPECT_LT(result.at, result.path.size());
    }

    const Hierarchy made_;
    const CertificateChain presented_;
    const CertificateChain trusted_;
};

TEST_P(ChainTable, IsJudgedAsWritten) {
    expect_as_written(validate(presented_));
}

TEST_P(ChainTable, RememberedSignaturesChangeNothing) {
    VerifiedSignatures verified;
    for (int round = 0; round < 3; ++round) expect_as_written(validate(presented_, &verified));
}

TEST_P(ChainTable, OrderOfTheOthersDoesNotDecide) {
    if (presented_.size() < 3) return;
    std::mt19937 shuffler(7);
    CertificateChain shuffled = presented_;
    for (int round = 0; round < 10; ++round) {
        std::shuffle(shuffled.begin() + 1, shuffled.end(), shuffler);
        EXPECT_EQ(validate(shuffled).ok(), GetParam().fault == PathFault::none);
    }
}

// What `openssl verify` says of the same chain; nothing when it cannot be asked.
std::optional<bool> accepted_by_openssl(const CertificateChain& presented, const CertificateChain& trusted,
                                        std::string& output) {
    if (presented.empty()) return std::nullopt;
    const test::TemporaryDirectory directory;
    const auto write = [&](const char* name, const CertificateChain& chain) {
        const std::filesystem::path path = directory.path() / name;
        EXPECT_TRUE(write_file_atomic(path, to_pem(chain), 0644));
        return path.string();
    };
    std::vector<std::string> command = {"openssl",    "verify",      "-partial_chain", "-purpose", "sslclient",
                                        "-no-CApath", "-no-CAstore", "-auth_level",    "2",        "-attime"};
    command.push_back(fmt::format("{}", std::chrono::floor<std::chrono::seconds>(now()).time_since_epoch().count()));
    if (trusted.empty()) {
        command.emplace_back("-no-CAfile");
    } else {
        command.insert(command.end(), {"-CAfile", write("trusted.pem", trusted)});
    }
    const CertificateChain others(presented.begin() + 1, presented.end());
    if (!others.empty()) command.insert(command.end(), {"-untrusted", write("others.pem", others)});
    command.push_back(write("leaf.pem", {presented.front()}));
    const test::Outcome outcome = test::run(command);
    output = outcome.output;
    EXPECT_NE(outcome.exit_code, 127) << "the openssl command is needed";
    return outcome.exit_code == 0;
}

TEST_P(ChainTable, OpensslAgreesOrTheTableSaysWhyNot) {
    std::string output;
    const auto accepted = accepted_by_openssl(presented_, trusted_, output);
    const std::string_view differs = GetParam().openssl_differs;
    if (!accepted) {
        EXPECT_NE(differs, "") << "the table must say why openssl cannot be asked";
        return;
    }
    const bool agrees = *accepted == (GetParam().fault == PathFault::none);
    EXPECT_EQ(agrees, differs.empty()) << output << differs;
}

std::string test_name(const testing::TestParamInfo<ChainCase>& info) {
    std::string name = fmt::format("{:03}_", info.index + 1);
    for (const char c : std::string_view(info.param.name)) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
            name += c;
        } else if (name.back() != '_') {
            name += '_';
        }
    }
    return name;
}

INSTANTIATE_TEST_SUITE_P(Table, ChainTable, testing::ValuesIn(chain_cases().begin(), chain_cases().end()), test_name);

TEST(ChainTableItself, HasAtLeastSixtyRowsAndCoversEveryFault) {
    EXPECT_GE(chain_cases().size(), 60U);
    for (int fault = 0; fault <= static_cast<int>(PathFault::malformed); ++fault) {
        EXPECT_TRUE(std::ranges::any_of(chain_cases(), [&](const ChainCase& row) {
            return row.fault == static_cast<PathFault>(fault);
        })) << to_string(static_cast<PathFault>(fault));
    }
}

}  // namespace

void PrintTo(const ChainCase& row, std::ostream* out) {
    *out << row.name;
}

}  // namespace muster::pki::lab
