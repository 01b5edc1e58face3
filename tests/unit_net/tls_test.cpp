// TLS as clients of others see it: openssl s_client and curl.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "command.h"
#include "test_server.h"

namespace muster::net {
namespace {

using testing::HasSubstr;
using testing::Not;

class Tls : public testing::Test {
protected:
    Tls() : authority_(make_authority("Server CA")), port_(server_.tls(server_identity())) {
        write("ca.pem", authority_.chain_pem());
    }

    Identity server_identity(const std::string& key = "ec:p256") {
        auto identity = make_identity(authority_, pki::Profile::server, "localhost", key);
        identity.chain.pop_back();
        return identity;
    }

    std::string write(const std::string& name, const std::string& text) {
        const auto path = server_.folder() / name;
        std::ofstream(path) << text;
        return path.string();
    }

    // What /peer answers over curl, with the client identity.
    CommandResult ask(const Identity& identity, const std::string& more = "") {
        const auto certificate = write("client.pem", identity.chain_pem());
        const auto key = write("client.key", identity.key_pem());
        return run_command(fmt::format("curl -sS --cacert {}/ca.pem --cert {} --key {} {} https://localhost:{}/peer",
                                       server_.folder().string(), certificate, key, more, port_));
    }

    CommandResult s_client(const std::string& options) {
        return run_command(
            fmt::format("printf 'GET /peer HTTP/1.1\\r\\nHost: h\\r\\nConnection: close\\r\\n\\r\\n' | "
                        "timeout 10 openssl s_client -connect 127.0.0.1:{} -servername Plant.Example -ign_eof "
                        "-CAfile {}/ca.pem {}",
                        port_, server_.folder().string(), options));
    }

    TestServer server_;
    Identity authority_;
    std::uint16_t port_;
};

TEST_F(Tls, SpeaksBothVersionsAndNoOlderOne) {
    EXPECT_THAT(s_client("-tls1_3").output, HasSubstr("tls=true sni=plant.example certificates=0"));
    EXPECT_THAT(s_client("-tls1_2").output, HasSubstr("tls=true sni=plant.example certificates=0"));
    EXPECT_THAT(s_client("-tls1_1 -cipher ALL:@SECLEVEL=0").output, Not(HasSubstr("tls=true")));
}

TEST_F(Tls, OffersForwardSecrecyOnly) {
    EXPECT_THAT(s_client("-tls1_2 -cipher ECDHE").output, HasSubstr("tls=true"));
    EXPECT_THAT(s_client("-tls1_2 -cipher kRSA").output, Not(HasSubstr("tls=true")));
}

TEST_F(Tls, AsksForACertificateOfAnyIssuer) {
    for (const char* version : {"-tls1_2", "-tls1_3"}) {
        EXPECT_THAT(s_client(version).output, HasSubstr("No client certificate CA names sent")) << version;
        EXPECT_THAT(s_client(version).output, HasSubstr("Requested Signature Algorithms")) << version;
    }
}

TEST_F(Tls, GivesNothingToResumeWith) {
    EXPECT_THAT(s_client("-tls1_3").output, Not(HasSubstr("New Session Ticket arrived")));
    EXPECT_THAT(s_client("-tls1_2 -reconnect").output, Not(HasSubstr("Reused")));
}

TEST_F(Tls, TakesEveryKindOfClientCertificate) {
    const auto root = make_authority("Fleet Root");
    const auto middle = make_identity(root, pki::Profile::intermediate_ca, "Fleet Middle");
    for (const char* version : {"--tls-max 1.2", "--tlsv1.3"}) {
        const auto seen = [&](const Identity& identity) { return ask(identity, version).output; };
        EXPECT_THAT(seen(make_identity(middle, pki::Profile::client, "good")),
                    HasSubstr("certificates=3 good Fleet Middle Fleet Root"));
        EXPECT_THAT(seen(make_identity(middle, pki::Profile::client, "rsa", "rsa:2048")),
                    HasSubstr("certificates=3 rsa"));
        EXPECT_THAT(seen(make_identity(middle, pki::Profile::client, "p384", "ec:p384")),
                    HasSubstr("certificates=3 p384"));
        EXPECT_THAT(seen(make_identity(middle, pki::Profile::client, "old", "ec:p256", {-10, -5})),
                    HasSubstr("certificates=3 old"));
        EXPECT_THAT(seen(make_identity(middle, pki::Profile::client, "new", "ec:p256", {5, 10})),
                    HasSubstr("certificates=3 new"));
        EXPECT_THAT(seen(make_identity(middle, pki::Profile::server, "server")), HasSubstr("certificates=3 server"));
        EXPECT_THAT(seen(make_self_signed("alone")), HasSubstr("certificates=1 alone"));
        EXPECT_THAT(seen(middle), HasSubstr("certificates=2 Fleet Middle Fleet Root"));
    }
}

TEST_F(Tls, TakesKeysThatOthersMade) {
    const auto make = [&](const std::string& name, const std::string& algorithm) {
        const auto base = (server_.folder() / name).string();
        const auto made = run_command(
            fmt::format("openssl req -x509 -newkey {} -nodes -keyout {}.key -out {}.pem -subj /CN={} -days 1",
                        algorithm, base, base, name));
        return run_command(
            fmt::format("curl -sS --cacert {}/ca.pem --cert {}.pem --key {}.key https://localhost:{}/peer",
                        server_.folder().string(), base, base, port_));
    };
    EXPECT_THAT(make("ed25519", "ed25519").output, HasSubstr("certificates=1 ed25519"));
    EXPECT_THAT(make("p521", "ec -pkeyopt ec_paramgen_curve:P-521").output, HasSubstr("certificates=1 p521"));
    EXPECT_THAT(make("k256", "ec -pkeyopt ec_paramgen_curve:secp256k1").output,
                testing::AnyOf(HasSubstr("k256"), HasSubstr("certificates=0")));
    EXPECT_THAT(make("pss", "rsa-pss -pkeyopt rsa_keygen_bits:2048").output, HasSubstr("certificates=1 pss"));
}

TEST_F(Tls, RefusesACertificateWithoutItsKey) {
    auto identity = make_self_signed("victim");
    auto stolen = Identity{identity.chain, std::move(make_self_signed("thief").key)};
    EXPECT_THAT(ask(stolen).output, Not(HasSubstr("victim")));
}

TEST_F(Tls, ServesAnRsaCertificateToo) {
    const auto rsa = server_identity("rsa:2048");
    ASSERT_TRUE(server_.server_tls().reload(rsa.chain_pem(), rsa.key_pem()));
    EXPECT_THAT(s_client("-tls1_2").output, HasSubstr("Verification: OK"));
    EXPECT_THAT(s_client("-tls1_3").output, HasSubstr("tls=true"));
}

TEST_F(Tls, ReloadsAndKeepsTheOldOneOnError) {
    const auto other = server_identity();
    EXPECT_EQ(server_.server_tls().reload(other.chain_pem(), make_self_signed("x").key_pem()).error().code(),
              Errc::invalid_argument);
    EXPECT_FALSE(server_.server_tls().reload("nonsense", other.key_pem()));
    EXPECT_THAT(s_client("-tls1_3").output, HasSubstr("Verification: OK"));
}

TEST_F(Tls, ToldInPlainHttpWhenSpokenToInPlainHttp) {
    const auto answer = run_command(fmt::format("curl -sS -i http://127.0.0.1:{}/", port_)).output;
    EXPECT_THAT(answer, HasSubstr("400 Bad Request"));
    EXPECT_THAT(answer, HasSubstr("speaks TLS"));
}

TEST_F(Tls, ManyClientsAtOnce) {
    const auto count = run_command(fmt::format(
        "for i in 1 2 3 4; do curl -sS --parallel --parallel-immediate --parallel-max 25 "
        "--cacert {}/ca.pem 'https://localhost:{}/echo?[1-25]' 2>/dev/null & done | tr G '\\n' | grep -c echo; wait",
        server_.folder().string(), port_));
    EXPECT_EQ(count.output, "100\n");
    EXPECT_EQ(server_.server().statistics().handshakes_failed, 0);
}

}  // namespace
}  // namespace muster::net
