// Import and export against a service from a script.
#include <gmock/gmock.h>

#include <set>

#include "base/text.h"
#include "fixture.h"
#include "muster/bulk/import_progress.h"
#include "muster/bulk/progress_bar.h"
#include "muster/bulk/reader.h"
#include "muster/output.h"

namespace muster::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Enrollments that the bulk API writes, as musterd answers.
class Fleet {
public:
    net::HttpResponse answer(const net::HttpRequest& request) {
        const std::lock_guard lock(mutex_);
        ++calls;
        if (busy_answers > 0) {
            --busy_answers;
            auto busy = json_answer(429, R"({"errorCode":429001,"message":"later"})");
            busy.headers.set("Retry-After", "1");
            return busy;
        }
        if (calls > fails_after) return json_answer(500, R"({"errorCode":500000,"message":"broken"})");
        const auto body = parse_json_object(request.body).value();
        json::array errors;
        for (const auto& item : body.at("enrollments").as_array()) {
            const auto id = text_at(item.as_object(), "registrationId");
            const bool exists = ids.contains(id);
            if (id.starts_with("bad")) {
                errors.push_back(
                    json::object{{"registrationId", id}, {"errorCode", 400004}, {"errorStatus", "it is bad"}});
            } else if (text_at(body, "mode") == "create" && exists) {
                errors.push_back(
                    json::object{{"registrationId", id}, {"errorCode", 409203}, {"errorStatus", "it exists"}});
            } else {
                exists ? ++updated : ++created;
                ids.insert(id);
            }
        }
        const bool successful = errors.empty();
        return json_answer(200,
                           json::serialize(json::object{{"isSuccessful", successful}, {"errors", std::move(errors)}}));
    }

    std::set<std::string> ids;
    std::size_t created = 0;
    std::size_t updated = 0;
    std::size_t calls = 0;
    std::size_t busy_answers = 0;
    std::size_t fails_after = 1'000'000;

private:
    std::mutex mutex_;
};

class BulkTest : public testing::Test {
protected:
    std::string write_lines(std::size_t count) {
        std::string text;
        for (std::size_t i = 0; i < count; ++i)
            text += fmt::format(R"({{"registrationId":"dev-{}","attestation":{{"type":"symmetricKey"}}}})"
                                "\n",
                                i);
        return directory_.write("fleet.jsonl", text);
    }
    std::string content(const std::string& path) { return read_file(path).value_or("(no such file)"); }

    const TemporaryDirectory directory_;
    Fleet fleet_;
    const ScriptedService service_{[this](const net::HttpRequest& request) { return fleet_.answer(request); }};
};

TEST_F(BulkTest, ImportsInCallsOfTen) {
    const auto file = write_lines(95);
    const auto ran = service_.run({"import", file});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("Imported 95 records"));
    EXPECT_THAT(ran.out, HasSubstr("95 created."));
    EXPECT_EQ(fleet_.ids.size(), 95u);
    EXPECT_EQ(fleet_.calls, 10u);
    EXPECT_FALSE(std::filesystem::exists(file + ".muster-import"));
    EXPECT_FALSE(std::filesystem::exists(file + ".failed"));
}

TEST_F(BulkTest, ImportingAgainChangesNothingAndReplaceWritesAnew) {
    const auto file = write_lines(20);
    ASSERT_EQ(service_.run({"import", file}).code, 0);
    const auto again = service_.run({"import", file, "-o", "json"});
    EXPECT_EQ(again.code, 0) << again.err;
    const auto sum = parse_json_object(again.out).value();
    EXPECT_EQ(text_at(sum, "existing"), "20");
    EXPECT_EQ(text_at(sum, "created"), "0");
    EXPECT_EQ(fleet_.updated, 0u);
    EXPECT_EQ(service_.run({"import", file, "--replace"}).code, 0);
    EXPECT_EQ(fleet_.updated, 20u);
}

TEST_F(BulkTest, WhatFailsIsReportedByLineAndTheRestIsWritten) {
    const auto file = directory_.write("fleet.csv",
                                       "registrationId,primaryKey,iotEdge\n"
                                       "good-1,,\n"
                                       "bad-1,,\n"
                                       "good-2,,perhaps\n"
                                       "GOOD-1,,\n"
                                       "good-3\n"
                                       "good-4,,true\n");
    const auto ran = service_.run({"import", file});
    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.out, HasSubstr("2 created, 4 failed."));
    EXPECT_THAT(ran.err, HasSubstr("fleet.csv:3: bad-1: it is bad"));
    EXPECT_THAT(ran.err, HasSubstr("fleet.csv:4: column 'iotEdge': must be true or false, not 'perhaps'"));
    EXPECT_THAT(ran.err, HasSubstr("fleet.csv:5: GOOD-1: the same id stands in line 2"));
    EXPECT_THAT(ran.err, HasSubstr("fleet.csv:6: 1 fields, and the first line names 3 columns"));
    EXPECT_EQ(fleet_.ids, (std::set<std::string>{"good-1", "good-4"}));
    std::vector<std::string> lines;
    for (const auto line : split(content(file + ".failed"), '\n'))
        if (!line.empty()) lines.push_back(text_at(parse_json_object(line).value(), "line"));
    EXPECT_THAT(lines, ElementsAre("3", "4", "5", "6"));
}

TEST_F(BulkTest, ARunThatEndedIsTakenUpWhereItWas) {
    const auto file = write_lines(200);
    fleet_.fails_after = 12;
    const auto broken = service_.run({"import", file, "--concurrency", "1"});
    EXPECT_EQ(broken.code, 1);
    EXPECT_THAT(broken.err, HasSubstr("The same command goes on from there."));
    const auto kept = parse_json_object(content(file + ".muster-import")).value();
    EXPECT_EQ(text_at(kept, "records"), "120");
    fleet_.fails_after = 1'000'000;
    fleet_.calls = 0;
    const auto ran = service_.run({"import", file});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("Going on behind record 120"));
    EXPECT_THAT(ran.out, HasSubstr("Imported 200 records"));
    EXPECT_EQ(fleet_.ids.size(), 200u);
    EXPECT_EQ(fleet_.calls, 8u);
}

TEST_F(BulkTest, AnotherFileOrTheWishBeginsAnew) {
    const auto file = write_lines(200);
    fleet_.fails_after = 12;
    ASSERT_EQ(service_.run({"import", file, "--concurrency", "2"}).code, 1);
    fleet_.fails_after = 1'000'000;
    fleet_.calls = 0;
    ASSERT_EQ(service_.run({"import", file, "--restart"}).code, 0);
    EXPECT_EQ(fleet_.calls, 20u);
    fleet_.fails_after = fleet_.calls + 5;
    ASSERT_EQ(service_.run({"import", file, "--concurrency", "1"}).code, 1);
    fleet_.fails_after = 1'000'000;
    const auto other = write_lines(201);
    const auto ran = service_.run({"import", other});
    EXPECT_EQ(ran.code, 0);
    EXPECT_THAT(ran.err, Not(HasSubstr("Going on")));
}

TEST_F(BulkTest, AServiceThatIsBusyIsWaitedFor) {
    fleet_.busy_answers = 2;
    const auto ran = service_.run({"import", write_lines(10), "--concurrency", "2"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(fleet_.created, 10u);
}

TEST_F(BulkTest, ADryRunSendsNothing) {
    const auto file = directory_.write("fleet.csv", "registrationId\ngood\n,\n");
    const auto ran = run_command({"import", file, "--dry-run"});
    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.out, HasSubstr("2 records"));
    EXPECT_EQ(service_.requests().size(), 0u);
}

TEST_F(BulkTest, ADryRunSaysWhatNeedsNoServiceToBeSeen) {
    const auto checked = [&](std::string_view text) {
        return run_command({"import", directory_.write("fleet.csv", text), "--dry-run"});
    };
    directory_.write("junk.pem", "not one");
    const auto wrong = checked(
        "registrationId,attestation,certificate,primaryKey\n"
        "a b,symmetricKey,,\n"
        "c,symmetricKeys,,\n"
        "d,,@junk.pem,\n"
        "e,,,AAAA\n"
        "f,symmetricKey,,AAAAAAAAAAAAAAAAAAAAAA==\n");
    EXPECT_EQ(wrong.code, 1);
    EXPECT_THAT(wrong.err, HasSubstr("fleet.csv:2: a b: 'a b' cannot be an id"));
    EXPECT_THAT(wrong.err, HasSubstr("fleet.csv:3: c: attestation.type must be x509, symmetricKey or tpm"));
    EXPECT_THAT(wrong.err, HasSubstr("fleet.csv:4: d: attestation.x509.clientCertificates.primary.certificate: not a"));
    EXPECT_THAT(wrong.err, HasSubstr("fleet.csv:5: e: attestation.symmetricKey.primaryKey is not base64"));
    EXPECT_THAT(wrong.out, HasSubstr("5 records in "));
    EXPECT_THAT(wrong.out, HasSubstr("4 of them wrong"));
    EXPECT_EQ(checked("enrollmentGroupId,caName,trustBundleId,edgeCaIssuance\ng,root,b,true\n").code, 0);
    EXPECT_THAT(checked("enrollmentGroupId,attestation\ng,tpm\n").err, HasSubstr("must be x509, symmetricKey, not"));
}

TEST_F(BulkTest, WhatCannotBeReadIsSaid) {
    const auto run = [&](const char* name, std::string_view text) {
        return service_.run({"import", directory_.write(name, text)}).err;
    };
    EXPECT_THAT(run("a.csv", ""), HasSubstr("is empty"));
    EXPECT_THAT(run("b.csv", "registrationID,sertificate\n"), HasSubstr("did you mean 'certificate'?"));
    EXPECT_THAT(run("c.csv", "primaryKey\n"), HasSubstr("must name either the column"));
    EXPECT_THAT(run("d.csv", "registrationId\n\"dev"), HasSubstr("line 2: the quote that begins here has no end"));
    EXPECT_THAT(run("e.txt", "x"), HasSubstr("--format csv or --format jsonl"));
    EXPECT_THAT(service_.run({"import", "/nowhere/x.csv"}).err, HasSubstr("No such file or directory"));
    EXPECT_EQ(service_.run({"import"}).code, 2);
}

TEST(CsvColumns, HoldsAllThatAnEnrollmentCommonlyHas) {
    const auto columns = CsvColumns::all(false);
    const auto enrollment = parse_json_object(
        R"({"registrationId":"dev-1","attestation":{"type":"x509","x509":{"clientCertificates":{"primary":)"
        R"({"certificate":"AAAA"},"secondary":{"certificate":"BBBB"}}}},"deviceId":"m-7","capabilities":{"iotEdge":true},)"
        R"("provisioningStatus":"disabled","allocationPolicy":"static","iotHubs":["a","b"],"reprovisionPolicy":)"
        R"({"updateHubAssignment":true,"migrateDeviceData":false},"initialTwin":{"tags":{"site":"a,\"b\""},)"
        R"("properties":{"desired":{"n":5}}},"optionalDeviceInformation":{"serial":"S1"},"credentialPolicyName":"default",)"
        R"("trustBundleId":"gateways"})");
    ASSERT_TRUE(enrollment);
    const auto cells = columns.to_cells(*enrollment);
    ASSERT_TRUE(cells) << cells.error().chain();
    const auto back = columns.to_enrollment(*cells, ".");
    ASSERT_TRUE(back) << back.error().chain();
    EXPECT_EQ(*back, *enrollment);
    const auto more = parse_json_object(R"({"registrationId":"dev-1","somethingNew":"t"})").value();
    const auto refused = columns.to_cells(more);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().chain(), HasSubstr("somethingNew"));
    const auto groups = CsvColumns::all(true);
    const auto group = parse_json_object(
        R"({"enrollmentGroupId":"g","attestation":{"type":"symmetricKey"},"capabilities":{"iotEdge":false},)"
        R"("reprovisionPolicy":{"updateHubAssignment":true,"migrateDeviceData":true},"edgeCaIssuance":true})");
    EXPECT_EQ(groups.to_enrollment(groups.to_cells(*group).value(), ".").value(), *group);
}

TEST(CsvColumns, CredentialsThatContradictAreRefused) {
    const auto columns = CsvColumns::from_header({"registrationId", "primaryKey", "attestation"}).value();
    EXPECT_TRUE(columns.to_enrollment({"dev-1", "a2V5", "symmetricKey"}, "."));
    EXPECT_TRUE(columns.to_enrollment({"dev-1", "a2V5", ""}, "."));
    const auto wrong = columns.to_enrollment({"dev-1", "a2V5", "x509"}, ".");
    ASSERT_FALSE(wrong);
    EXPECT_THAT(wrong.error().chain(), HasSubstr("column 'primaryKey': does not go with attestation x509"));
}

TEST(Export, WritesPagesAndGoesOnWhereItWas) {
    const TemporaryDirectory directory;
    std::size_t pages = 0;
    bool fails = true;
    const ScriptedService service([&](const net::HttpRequest& request) {
        const auto token = std::string(request.headers.get("x-ms-continuation"));
        const int page = token.empty() ? 0 : std::stoi(token);
        if (page == 2 && fails) return json_answer(503, R"({"message":"later"})");
        ++pages;
        auto answer = json_answer(
            200, fmt::format(R"([{{"registrationId":"dev-{}","etag":"x","attestation":{{"type":"tpm"}}}}])", page));
        if (page < 3) answer.headers.set("x-ms-continuation", fmt::format("{}", page + 1));
        return answer;
    });
    const auto file = (directory.path() / "out.jsonl").string();
    EXPECT_EQ(service.run({"export", file}).code, 1);
    EXPECT_FALSE(std::filesystem::exists(file));
    fails = false;
    const auto ran = service.run({"export", file});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("Going on behind item 2"));
    EXPECT_EQ(pages, 4u);
    std::string wanted;
    for (int i = 0; i < 4; ++i)
        wanted += fmt::format("{{\"registrationId\":\"dev-{}\",\"attestation\":{{\"type\":\"tpm\"}}}}\n", i);
    EXPECT_EQ(read_file(file).value(), wanted);
    EXPECT_EQ(std::filesystem::status(file).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 1) << "nothing else is left";
}

TEST(ProgressBar, ShowsNothingWhereThereIsNoTerminal) {
    std::string shown;
    Io io;
    io.err = [&](std::string_view text) { shown += text; };
    ProgressBar silent(io, "imported");
    silent.show(0.5, 10);
    silent.clear();
    EXPECT_EQ(shown, "");
    io.err_columns = 80;
    ProgressBar bar(io, "imported");
    bar.show(0.5, 1'234'567);
    EXPECT_THAT(shown, HasSubstr("[##########..........]  50%  imported 1,234,567"));
    bar.clear();
    EXPECT_TRUE(shown.ends_with("\r"));
}

}  // namespace
}  // namespace muster::cli
