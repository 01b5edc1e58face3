#include "authority/passwords.h"

#include "base/text.h"
#include "pki/key.h"

namespace muster::authority {
namespace {

using store::Tx;

// 128 random bits: nothing to guess, so that one pass of SHA-256 hides them.
constexpr std::size_t password_bytes = 16;

Bytes hash_of(std::string_view registration_id, std::string_view password) {
    auto text = fmt::format("muster one-time password\n{}\n{}", to_lower(registration_id), password);
    auto hash = pki::sha256(as_bytes(text));
    wipe(text.data(), text.size());
    return hash;
}

}  // namespace

bool is_password(const store::OneTimePasswordRecord& record, std::string_view password) {
    return equal_constant_time(ByteView(record.hash), ByteView(hash_of(record.registration_id, password)));
}

Task<Result<json::object>> Passwords::make(std::string registration_id, std::string group_id, std::chrono::seconds life,
                                           store::Origin by) {
    if (life <= std::chrono::seconds(0) || life > max_life)
        co_return fail(Errc::invalid_argument, "a one-time password lives from a second to {} days", max_life.count());
    const auto password = hex_encode(random_.bytes(password_bytes));
    const auto now = clock_.now();
    store::OneTimePasswordRecord record{.registration_id = registration_id,
                                        .group_id = {},
                                        .hash = hash_of(registration_id, password),
                                        .created = now,
                                        .expires = now + life,
                                        .used_for = {}};
    MUSTER_CO_TRY(record.group_id, co_await store_.transact([&](Tx& tx) -> Result<std::string> {
        MUSTER_TRY(const auto group, tx.enrollment_groups().find(group_id));
        if (!group) return fail(Errc::not_found, "there is no enrollment group '{}'", printable(group_id));
        auto kept = record;
        kept.group_id = group->id;
        MUSTER_CHECK(tx.one_time_passwords().put(kept));
        MUSTER_CHECK(tx.journal().change(by, now, "oneTimePassword.created", registration_id,
                                         {{"enrollmentGroupId", group->id}, {"expiresUtc", format_utc(kept.expires)}}));
        return group->id;
    }));
    co_return json::object{{"registrationId", record.registration_id},
                           {"enrollmentGroupId", record.group_id},
                           {"password", password},
                           {"expiresUtc", format_utc(record.expires)}};
}

Task<Result<>> Passwords::withdraw(std::string registration_id, store::Origin by) {
    co_return co_await store_.transact([&](Tx& tx) -> Result<> {
        MUSTER_TRY(const auto erased, tx.one_time_passwords().erase(registration_id));
        if (erased) return tx.journal().change(by, clock_.now(), "oneTimePassword.deleted", registration_id, {});
        return fail(Errc::not_found, "'{}' has no one-time password", printable(registration_id));
    });
}

}  // namespace muster::authority
