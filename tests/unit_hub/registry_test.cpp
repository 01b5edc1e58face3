#include "hub/registry.h"

#include "hub/assignment.h"
#include "hub/errors.h"
#include "hub/identifiers.h"
#include "hub/twin.h"
#include "support/service_fixture.h"
#include "wire/sas.h"

namespace muster::hub {
namespace {

using test::object;
using test::text_at;

class RegistryTest : public test::ServiceFixture {
protected:
    Result<Written> put(std::string id, std::string_view body, std::optional<std::string> if_match = std::nullopt) {
        return run(registry_.put_device(std::move(id), object(body), std::move(if_match)));
    }
    Result<Written> put_module(std::string id, std::string_view body,
                               std::optional<std::string> if_match = std::nullopt) {
        return run(
            registry_.put_module("d1", std::move(id), object(body), std::move(if_match), AuthenticationNames::current));
    }
    static int number(const auto& result) { return result ? 0 : error_number(result.error()); }

    Registry registry_{*store_, clock_, random_};
};

TEST_F(RegistryTest, ADeviceWithoutAuthenticationGetsKeys) {
    const auto written = put("d1", R"({"deviceId":"d1"})");
    ASSERT_TRUE(written) << written.error().chain();
    const json::value device = written->identity;
    EXPECT_EQ(text_at(device, "/authentication/type"), "sas");
    EXPECT_EQ(base64_decode(text_at(device, "/authentication/symmetricKey/primaryKey"))->size(), 32u);
    EXPECT_EQ(text_at(device, "/generationId").find_first_not_of("0123456789"), std::string::npos);
    EXPECT_EQ(text_at(device, "/status"), "enabled");
    EXPECT_EQ(text_at(device, "/capabilities/iotEdge"), "false");
    const auto twin = run(registry_.get_twin("d1", ""));
    EXPECT_EQ(text_at(json::value(*twin), "/properties/desired/$version"), "1");
    EXPECT_EQ(text_at(json::value(*twin), "/properties/reported/$version"), "1");
    EXPECT_EQ(text_at(json::value(*twin), "/etag"), "AAAAAAAAAAE=");
}

TEST_F(RegistryTest, CreatingTwiceIsAConflict) {
    ASSERT_TRUE(put("d1", "{}"));
    EXPECT_EQ(number(put("d1", "{}")), code::device_already_exists);
}

TEST_F(RegistryTest, UpdatesGoByEtag) {
    const auto created = put("d1", "{}");
    const auto etag = std::string(created->identity.at("etag").as_string());
    EXPECT_EQ(number(put("d1", R"({"status":"disabled"})", "\"wrong\"")), code::precondition_failed);
    const auto updated = put("d1", R"({"status":"disabled","statusReason":"broken"})", "\"" + etag + "\"");
    ASSERT_TRUE(updated) << updated.error().chain();
    EXPECT_EQ(text_at(updated->identity, "/status"), "disabled");
    EXPECT_NE(text_at(updated->identity, "/etag"), etag);
    // The keys stay when the body does not speak of them.
    EXPECT_EQ(text_at(updated->identity, "/authentication/symmetricKey/primaryKey"),
              text_at(created->identity, "/authentication/symmetricKey/primaryKey"));
    EXPECT_EQ(number(put("other", "{}", "*")), code::device_not_found);
}

TEST_F(RegistryTest, AnEdgeDeviceHasItsScopeAndSystemModules) {
    const auto written = put("d1", R"({"capabilities":{"iotEdge":true}})");
    ASSERT_TRUE(written) << written.error().chain();
    EXPECT_EQ(text_at(written->identity, "/deviceScope"),
              "ms-azure-iot-edge://d1-" + text_at(written->identity, "/generationId"));
    const auto modules = run(registry_.list_modules("d1", AuthenticationNames::current));
    ASSERT_EQ(modules->size(), 2u);
    EXPECT_EQ(text_at(modules->at(0), "/moduleId"), "$edgeAgent");
    EXPECT_EQ(text_at(modules->at(1), "/managedBy"), "iotEdge");
    EXPECT_EQ(number(run(registry_.delete_module("d1", "$edgeHub", "*"))), code::system_module);
    EXPECT_EQ(number(put("d1", R"({"capabilities":{"iotEdge":false}})", "*")), code::argument_invalid);
}

TEST_F(RegistryTest, ModulesKeepTheirGenerationOverUpdates) {
    ASSERT_TRUE(put("d1", "{}"));
    const auto created = put_module("m", R"({"moduleId":"m","deviceId":"d1"})");
    ASSERT_TRUE(created) << created.error().chain();
    EXPECT_TRUE(created->created);
    EXPECT_EQ(text_at(created->identity, "/authentication/type"), "none");
    EXPECT_EQ(number(put_module("m", "{}")), code::module_already_exists);
    const auto updated = put_module(
        "m",
        R"({"authentication":{"type":"sas","symmetricKey":{"primaryKey":"MDEyMzQ1Njc4OWFiY2RlZg==","secondaryKey":"MDEyMzQ1Njc4OWFiY2RlZg=="}}})",
        "*");
    ASSERT_TRUE(updated) << updated.error().chain();
    EXPECT_EQ(text_at(updated->identity, "/generationId"), text_at(created->identity, "/generationId"));
    EXPECT_EQ(text_at(updated->identity, "/authentication/symmetricKey/primaryKey"), "MDEyMzQ1Njc4OWFiY2RlZg==");
    EXPECT_EQ(number(put_module("n", "{}", "*")), code::module_not_found);
    EXPECT_EQ(number(run(registry_.get_module("nobody", "m", AuthenticationNames::current))), code::device_not_found);
}

TEST_F(RegistryTest, ADeviceHasAtMostFiftyModules) {
    ASSERT_TRUE(put("d1", "{}"));
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(put_module(fmt::format("m{}", i), "{}"));
    EXPECT_EQ(number(put_module("one-more", "{}")), code::too_many_modules);
}

TEST_F(RegistryTest, ThumbprintsAreNormalized) {
    const std::string sha1 = "aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd";
    const auto written =
        put("d1", fmt::format(R"({{"authentication":{{"x509Thumbprint":{{"primaryThumbprint":"{}"}}}}}})", sha1));
    ASSERT_TRUE(written) << written.error().chain();
    EXPECT_EQ(text_at(written->identity, "/authentication/type"), "selfSigned");
    EXPECT_EQ(text_at(written->identity, "/authentication/x509Thumbprint/primaryThumbprint"),
              "AABBCCDDEEFF00112233445566778899AABBCCDD");
    EXPECT_EQ(number(put("d2", R"({"authentication":{"x509Thumbprint":{"primaryThumbprint":"abcd"}}})")),
              code::argument_invalid);
}

TEST_F(RegistryTest, BadBodiesNameTheirMember) {
    struct Case {
        std::string_view body, mentions;
    };
    for (const auto& [body, mentions] : {
             Case{R"({"status":"on"})", "status"},
             Case{R"({"deviceId":"other"})", "deviceId"},
             Case{R"({"authentication":{"type":"magic"}})", "authentication.type"},
             Case{R"({"authentication":{"type":"certificateAuthority"}})", "certificateAuthority"},
             Case{R"({"authentication":{"symmetricKey":{"primaryKey":"short"}}})", "primaryKey"},
             Case{R"({"parentScopes":"x"})", "parentScopes"},
             Case{R"({"capabilities":{"iotEdge":"yes"}})", "iotEdge"},
         }) {
        const auto written = put("d1", body);
        ASSERT_FALSE(written) << body;
        EXPECT_NE(written.error().chain().find(mentions), std::string::npos) << written.error().chain();
    }
    EXPECT_EQ(number(put("a/b", "{}")), code::argument_invalid);
    EXPECT_EQ(number(put(std::string(129, 'a'), "{}")), code::argument_invalid);
}

TEST_F(RegistryTest, BulkItemsStandForThemselves) {
    ASSERT_TRUE(put("d2", "{}"));
    json::array items;
    for (const auto* id : {"d1", "d2", "d3"}) items.push_back(json::object{{"id", id}, {"importMode", "create"}});
    items.push_back("nonsense");
    const auto result = run(registry_.bulk(std::move(items)));
    ASSERT_TRUE(result) << result.error().chain();
    EXPECT_FALSE(result->at("isSuccessful").as_bool());
    EXPECT_EQ(result->at("errors").as_array().size(), 2u);
    EXPECT_EQ(text_at(*result, "/errors/0/deviceId"), "d2");
    EXPECT_EQ(text_at(*result, "/errors/0/errorCode"), std::to_string(code::device_already_exists));
    EXPECT_TRUE(run(registry_.get_device("d3")));
    EXPECT_EQ(number(run(registry_.bulk(json::array(101, json::object())))), code::argument_invalid);
}

TEST_F(RegistryTest, ABulkItemThatIsConditionalNeedsItsEtag) {
    ASSERT_TRUE(put("d1", "{}"));
    const auto result = run(registry_.bulk({json::object{{"id", "d1"}, {"importMode", "deleteIfMatchETag"}}}));
    EXPECT_EQ(text_at(*result, "/errors/0/errorCode"), std::to_string(code::precondition_failed));
    EXPECT_TRUE(run(registry_.get_device("d1")));
}

TEST_F(RegistryTest, ADeviceCannotMakeSystemModulesItself) {
    ASSERT_TRUE(put("d1", "{}"));
    EXPECT_EQ(number(put_module("$edgeAgent", "{}")), code::system_module);
    EXPECT_TRUE(put("d1", R"({"capabilities":{"iotEdge":true}})", "*"));
}

TEST_F(RegistryTest, ListsInPages) {
    for (const auto* id : {"a", "b", "c"}) ASSERT_TRUE(put(id, "{}"));
    const auto first = run(registry_.list_devices(2, ""));
    EXPECT_EQ(first->devices.size(), 2u);
    EXPECT_EQ(first->next, "b");
    const auto last = run(registry_.list_devices(2, first->next));
    EXPECT_EQ(last->devices.size(), 1u);
    EXPECT_TRUE(last->next.empty());
}

TEST_F(RegistryTest, ADeviceProvesItselfByCertificateOrKey) {
    const std::string thumbprint(64, 'A');
    ASSERT_TRUE(put(
        "x", fmt::format(R"({{"authentication":{{"x509Thumbprint":{{"secondaryThumbprint":"{}"}}}}}})", thumbprint)));
    const auto sas_device = put("s", "{}");
    const auto key = *base64_decode(text_at(sas_device->identity, "/authentication/symmetricKey/secondaryKey"));
    const std::vector<std::string> hosts{"hub.example"};
    const auto allowed = [&](std::string id, DeviceCredentials credentials) {
        return number(run(registry_.authenticate(std::move(id), std::move(credentials), hosts)));
    };
    const auto sas = [&](std::string_view resource, std::chrono::seconds life) {
        return DeviceCredentials{.authorization = wire::make_sas(resource, key, "", clock_.now() + life)};
    };
    using std::chrono::hours;
    EXPECT_EQ(allowed("x", {.leaf_sha256 = thumbprint}), 0);
    EXPECT_EQ(allowed("x", {.leaf_sha256 = std::string(64, 'B')}), code::unauthorized);
    EXPECT_EQ(allowed("nobody", {.leaf_sha256 = thumbprint}), code::unauthorized);
    EXPECT_EQ(allowed("x", {}), code::unauthorized);
    EXPECT_EQ(allowed("s", {.leaf_sha256 = thumbprint}), code::unauthorized);
    EXPECT_EQ(allowed("s", sas("hub.example/devices/s", hours(1))), 0);
    EXPECT_EQ(allowed("s", sas("HUB.example:443/devices/s/modules/m", hours(1))), 0);
    EXPECT_EQ(allowed("s", sas("hub.example/devices/x", hours(1))), code::unauthorized);
    EXPECT_EQ(allowed("s", sas("other.example/devices/s", hours(1))), code::unauthorized);
    EXPECT_EQ(allowed("s", sas("hub.example/devices/s", -hours(1))), code::unauthorized);
    ASSERT_TRUE(put("x", R"({"status":"disabled"})", "*"));
    EXPECT_EQ(allowed("x", {.leaf_sha256 = thumbprint}), code::device_disabled);
    EXPECT_EQ(allowed("x", {.leaf_sha256 = std::string(64, 'B')}), code::unauthorized);
}

TEST_F(RegistryTest, AnAssignmentCreatesThenRefreshes) {
    const auto assign = [&](Assignment assignment) {
        return store_->transact_now(
            [&](store::Tx& tx) { return assign_device(tx, assignment, clock_.now(), random_); });
    };
    Assignment first{.device_id = "d1",
                     .credential = {.thumbprint = std::string(64, 'A')},
                     .edge = true,
                     .tags = R"({"site":"a"})",
                     .desired = R"({"x":1})"};
    ASSERT_TRUE(assign(first));
    json::value twin = *run(registry_.get_twin("d1", ""));
    EXPECT_EQ(text_at(twin, "/tags/site"), "a");
    EXPECT_EQ(text_at(twin, "/properties/desired/x"), "1");
    EXPECT_EQ(text_at(twin, "/properties/desired/$metadata/x/$lastUpdatedVersion"), "1");

    // Another leaf: the credential follows, the twin stays.
    auto second = first;
    second.credential.thumbprint = std::string(64, 'B');
    second.tags = R"({"site":"b"})";
    ASSERT_TRUE(assign(second));
    EXPECT_EQ(text_at(*run(registry_.get_device("d1")), "/authentication/x509Thumbprint/primaryThumbprint"),
              second.credential.thumbprint);
    EXPECT_EQ(text_at(*run(registry_.get_twin("d1", "")), "/tags/site"), "a");

    // Reset: the twin begins again, its versions go on.
    second.reset_twin = true;
    ASSERT_TRUE(assign(second));
    twin = *run(registry_.get_twin("d1", ""));
    EXPECT_EQ(text_at(twin, "/tags/site"), "b");
    EXPECT_EQ(text_at(twin, "/properties/desired/$version"), "2");

    second.edge = false;
    const auto refused = assign(second);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::conflict);
}

TEST(Twin, SectionsHaveLimits) {
    const auto check = [](const json::object& section) { return check_section(section, "tags", max_tags_bytes); };
    EXPECT_TRUE(check(object(R"({"a":{"b":[1,"x",true]}})")));
    EXPECT_FALSE(check(object(R"({"a.b":1})")));
    EXPECT_FALSE(check(object(R"({"$x":1})")));
    EXPECT_FALSE(check(object(R"({"a b":1})")));
    EXPECT_FALSE(check(object(R"({"a":[null]})")));
    EXPECT_FALSE(check(object(R"({"a":9007199254740992})")));
    EXPECT_FALSE(check(json::object{{"a", std::string(5000, 'x')}}));
    EXPECT_FALSE(check(object(R"({"1":{"2":{"3":{"4":{"5":{"6":{"7":{"8":{"9":{"10":{"11":1}}}}}}}}}}})")));
    json::object large;
    for (int i = 0; i < 10; ++i) large[fmt::format("k{}", i)] = std::string(1000, 'x');
    EXPECT_FALSE(check(large));
}

TEST(Identifiers, GenerationIdsAreTicks) {
    SeededRandom random(3);
    const auto id = make_generation_id(*parse_utc("2026-11-24T00:00:00Z"), random);
    EXPECT_EQ(id.size(), 18u);
    EXPECT_EQ(id.substr(0, 3), "639");
}

}  // namespace
}  // namespace muster::hub
