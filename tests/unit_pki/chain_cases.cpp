#include "chain_cases.h"

#include <array>

namespace muster::pki::lab {

namespace {

using enum PathFault;

// clang-format off
constexpr auto kCases = std::to_array<ChainCase>({
// --- accepted: where the path may end -----------------------------------------------------------------------------
{"leaf, intermediate; the root trusted", "root | plant<root ca | dev<plant", "dev plant", "root", none, "dev plant root"},
{"the root is presented as well", "root | plant<root ca | dev<plant", "dev plant root", "root", none, "dev plant root"},
{"leaf straight under the root", "root | dev<root", "dev", "root", none, "dev root"},
{"partial: the leaf's issuer trusted, leaf alone presented", "root | plant<root ca | dev<plant", "dev", "plant", none, "dev plant"},
{"partial: the leaf's issuer trusted, whole chain presented", "root | plant<root ca | dev<plant", "dev plant root", "plant", none, "dev plant"},
{"partial: a middle authority trusted", "root | region<root ca | plant<region ca | dev<plant", "dev plant", "region", none, "dev plant region"},
{"the anchor nearest to the leaf ends the path", "root | plant<root ca | dev<plant", "dev plant root", "root plant", none, "dev plant"},
{"partial: the root above has expired, nobody asks it", "root | plant<root ca | dev<plant | old cn=root key-of=root until=-1d", "dev plant old", "plant", none, "dev plant"},
{"self-signed leaf, itself trusted", "dev client", "dev", "dev", none, "dev"},
{"issued leaf, itself trusted (pinned)", "root | dev<root", "dev", "dev", none, "dev"},
{"eight certificates, the longest allowed", "root | a<root ca | b<a ca | c<b ca | d<c ca | e<d ca | f<e ca | dev<f", "dev f e d c b a", "root", none, "dev f e d c b a root"},

// --- accepted: order, strangers, several ways ---------------------------------------------------------------------
{"intermediates in the wrong order", "root | a<root ca | b<a ca | c<b ca | dev<c", "dev a c b", "root", none, "dev c b a root"},
{"strangers in between", "root | plant<root ca | dev<plant | foreign | other<foreign ca | dev2<other", "dev foreign dev2 other plant", "root", none, "dev plant root"},
{"an intermediate twice", "root | plant<root ca | dev<plant", "dev plant plant", "root", none, "dev plant root"},
{"the leaf twice", "root | plant<root ca | dev<plant", "dev dev plant", "root", none, "dev plant root"},
{"cross-signed by a foreign root, that version first", "root | foreign | plant<root ca | plant2<foreign ca cn=plant key-of=plant | dev<plant", "dev plant2 plant", "root", none, "dev plant root", "openssl commits to the first issuer that fits and never tries the next"},
{"cross-signed, the foreign root presented too", "root | foreign | plant<root ca | plant2<foreign ca cn=plant key-of=plant | dev<plant", "dev plant2 foreign plant", "root", none, "dev plant root", "openssl commits to the first issuer that fits and never tries the next"},
{"two versions of an intermediate, the first expired", "root | old<root ca cn=plant until=-1d | plant<root ca key-of=old cn=plant | dev<plant", "dev old plant", "root", none, "dev plant root"},
{"look-alike intermediate presented first, key ids tell", "root | evil | fake<evil ca cn=plant | plant<root ca | dev<plant", "dev fake plant", "root", none, "dev plant root"},
{"look-alike intermediate presented first, no key ids", "root | evil | fake<evil ca cn=plant | plant<root ca | dev<plant drop=authorityKeyIdentifier", "dev fake plant", "root", none, "dev plant root", "openssl commits to the first issuer that fits and never tries the next"},
{"look-alike trusted beside the true root", "fake cn=root | root | dev<root", "dev", "fake root", none, "dev root"},
{"look-alikes without key ids among the trusted", "f1 cn=root drop=subjectKeyIdentifier | f2 cn=root drop=subjectKeyIdentifier | root drop=subjectKeyIdentifier | dev<root", "dev", "f1 f2 root", none, "dev root", "openssl commits to the first issuer that fits and never tries the next"},
{"root renewed with the same key", "old cn=root | root key-of=old | plant<old ca | dev<plant", "dev plant", "root", none, "dev plant root"},
{"two trusted versions of an authority, one expired", "root | old<root ca cn=plant until=-1d | plant<root ca key-of=old | dev<plant", "dev", "old plant", none, "dev plant"},
{"names that differ in case alone", "root | upper<root ca cn=PLANT | plant<root ca cn=Plant key-of=upper | dev<plant", "dev upper", "root", none, "dev upper root"},
{"a loop beside the way", "root | a<root ca | b<a ca | a2<b ca cn=a key-of=a | dev<a", "dev a2 b a", "root", none, "dev a root"},
{"no key identifiers anywhere", "root drop=subjectKeyIdentifier | plant<root ca drop=subjectKeyIdentifier | dev<plant drop=authorityKeyIdentifier", "dev plant", "root", none, "dev plant root"},
{"a key identifier that points elsewhere", "root | dev<root ext=authorityKeyIdentifier:keyid:always", "dev", "root", none, "dev root", "openssl takes key identifiers for binding; RFC 5280 4.2.1.1 has them help to choose, and the signature is good"},

// --- accepted: extensions -----------------------------------------------------------------------------------------
{"no extended key usage: any purpose", "root | dev<root eku=", "dev", "root", none, "dev root"},
{"extended key usage for client and server", "root | dev<root eku=clientAuth,serverAuth", "dev", "root", none, "dev root"},
{"extended key usage, critical", "root | dev<root eku=critical,clientAuth", "dev", "root", none, "dev root"},
{"anyExtendedKeyUsage", "root | dev<root eku=anyExtendedKeyUsage", "dev", "root", none, "dev root", "openssl 3.0 does not count anyExtendedKeyUsage as sslclient; RFC 5280 4.2.1.12 lets an application that asks for a purpose take it"},
{"intermediate limited to clients", "root | plant<root ca eku=clientAuth | dev<plant", "dev plant", "root", none, "dev plant root"},
{"path length 0, leaf right below", "root | plant<root ca pathlen=0 | dev<plant", "dev plant", "root", none, "dev plant root"},
{"path length 1, one intermediate below", "root pathlen=1 | plant<root ca | dev<plant", "dev plant", "root", none, "dev plant root"},
{"path length 0, a self-issued one below does not count", "root | plant<root ca pathlen=0 | next<plant ca cn=plant | dev<next", "dev next plant", "root", none, "dev next plant root"},
{"leaf with a subject alternative name", "root | dev<root dns=dev.plant.example ip=10.0.0.7", "dev", "root", none, "dev root"},
{"leaf without basicConstraints and keyUsage", "root | dev<root nobc noku", "dev", "root", none, "dev root"},
{"leaf that is an authority itself", "root | dev<root ca", "dev", "root", none, "dev root"},
{"unknown extension, not critical", "root | dev<root ext=1.3.6.1.4.1.55555.2:DER:0500", "dev", "root", none, "dev root"},
{"certificate policies, critical", "root | plant<root ca ext=certificatePolicies:critical,DER:3007300506032A0304 | dev<plant", "dev plant", "root", none, "dev plant root"},
{"version 1 root, trusted", "root v1 | dev<root", "dev", "root", none, "dev root"},
{"name constraints kept by the CN", "root | plant<root ca nc=critical,permitted;DNS:plant.example | dev<plant cn=pump-7.plant.example", "dev plant", "root", none, "dev plant root"},
{"name constraints kept by the SAN", "root nc=critical,permitted;DNS:plant.example | dev<root dns=pump-7.plant.example", "dev", "root", none, "dev root"},
{"name constraints on addresses, kept", "root | plant<root ca nc=permitted;IP:10.0.0.0/255.0.0.0 | dev<plant ip=10.1.2.3", "dev plant", "root", none, "dev plant root"},
{"name constraints say nothing of a CN that is no host name", "root nc=critical,permitted;DNS:plant.example | dev<root cn=pump_7", "dev", "root", none, "dev root"},
{"valid from this very second", "root | dev<root from=+0d", "dev", "root", none, "dev root"},
{"valid to this very second", "root | dev<root until=+0d", "dev", "root", none, "dev root", "openssl ends the validity before its last second; RFC 5280 4.1.2.5 counts it in"},

// --- accepted: keys -----------------------------------------------------------------------------------------------
{"RSA 2048 throughout", "root key=rsa:2048 | plant<root ca key=rsa:2048 | dev<plant key=rsa:2048", "dev plant", "root", none, "dev plant root"},
{"RSA 4096 root, EC below", "root key=rsa:4096 | plant<root ca | dev<plant", "dev plant", "root", none, "dev plant root"},
{"EC root, RSA 3072 intermediate, EC leaf", "root | plant<root ca key=rsa:3072 | dev<plant", "dev plant", "root", none, "dev plant root"},
{"EC authorities, RSA leaf", "root | plant<root ca | dev<plant key=rsa:2048", "dev plant", "root", none, "dev plant root"},
{"P-384 throughout", "root key=ec:p384 | plant<root ca key=ec:p384 | dev<plant key=ec:p384", "dev plant", "root", none, "dev plant root"},
{"P-384 root, P-256 below", "root key=ec:p384 | plant<root ca | dev<plant", "dev plant", "root", none, "dev plant root"},
{"P-521 leaf", "root | dev<root key=ec:p521", "dev", "root", none, "dev root"},
{"P-224 leaf", "root | dev<root key=ec:p224", "dev", "root", none, "dev root"},
{"the trusted root's own signature is SHA-1: not relied on", "root sha1 | dev<root", "dev", "root", none, "dev root"},

// --- refused: dates, at each level --------------------------------------------------------------------------------
{"leaf expired", "root | plant<root ca | dev<plant until=-1d", "dev plant", "root", expired, "certificate CN=dev expired on 2026-05-31T12:00:00Z"},
{"leaf expired a second ago", "root | dev<root until=-1s", "dev", "root", expired, "certificate CN=dev expired on 2026-06-01T11:59:59Z"},
{"leaf not yet valid", "root | plant<root ca | dev<plant from=+1h", "dev plant", "root", not_yet_valid, "certificate CN=dev is not valid before 2026-06-01T13:00:00Z (it is 2026-06-01T12:00:00Z now)"},
{"intermediate expired", "root | plant<root ca | dev<plant | old<root ca cn=plant key-of=plant until=-1d", "dev old", "root", expired, "intermediate CN=plant expired on 2026-05-31T12:00:00Z"},
{"intermediate not yet valid", "root | plant<root ca from=+1d | dev<plant", "dev plant", "root", not_yet_valid, "intermediate CN=plant is not valid before 2026-06-02"},
{"upper intermediate expired", "root | region<root ca | plant<region ca | dev<plant | old<root ca cn=region key-of=region until=-1d", "dev plant old", "root", expired, "intermediate CN=region expired"},
{"upper intermediate not yet valid", "root | region<root ca from=+2d | plant<region ca | dev<plant", "dev plant region", "root", not_yet_valid, "intermediate CN=region is not valid before 2026-06-03"},
{"trusted root expired", "root | plant<root ca | dev<plant | old cn=root key-of=root until=-1d", "dev plant", "old", expired, "trusted authority CN=root expired on 2026-05-31T12:00:00Z"},
{"trusted root not yet valid", "root from=+1d | plant<root ca | dev<plant", "dev plant", "root", not_yet_valid, "trusted authority CN=root is not valid before"},
{"trusted intermediate expired", "root | plant<root ca | dev<plant | old<root ca cn=plant key-of=plant until=-1d", "dev", "old", expired, "trusted authority CN=plant expired"},
{"leaf itself trusted, expired", "dev client until=-1d", "dev", "dev", expired, "certificate CN=dev expired"},
{"the nearest trusted authority has expired; its renewal is presented", "root | old<root ca cn=plant until=-1d | plant<root ca key-of=old | dev<plant", "dev plant", "old root", expired, "trusted authority CN=plant expired"},

// --- refused: what it is for --------------------------------------------------------------------------------------
{"leaf for servers", "root | plant<root ca | dev<plant server", "dev plant", "root", wrong_extended_key_usage, "certificate CN=dev is not for TLS clients"},
{"leaf for signing code and mail", "root | dev<root eku=codeSigning,emailProtection", "dev", "root", wrong_extended_key_usage, "certificate CN=dev is not for TLS clients"},
{"leaf for servers, itself trusted", "dev server", "dev", "dev", wrong_extended_key_usage, "certificate CN=dev is not for TLS clients"},
{"intermediate limited to servers", "root | plant<root ca eku=serverAuth | dev<plant", "dev plant", "root", wrong_extended_key_usage, "intermediate CN=plant is not for TLS clients"},
{"trusted root limited to servers", "root eku=serverAuth | dev<root", "dev", "root", wrong_extended_key_usage, "trusted authority CN=root is not for TLS clients"},
{"leaf's key usage without digitalSignature", "root | dev<root ku=critical,keyEncipherment", "dev", "root", wrong_key_usage, "its keyUsage lacks digitalSignature"},
{"leaf's key usage is key agreement alone", "root | dev<root ku=keyAgreement", "dev", "root", wrong_key_usage, "its keyUsage lacks digitalSignature", "openssl allows for static (EC)DH client certificates, which TLS 1.3 and our TLS 1.2 suites do not have"},

// --- refused: who may issue ---------------------------------------------------------------------------------------
{"a device's certificate as issuer", "root | plant<root ca | dev1<plant | dev<dev1", "dev dev1 plant", "root", not_a_ca, "intermediate CN=dev1 is not an authority (basicConstraints CA:TRUE is missing), yet issued certificate CN=dev"},
{"intermediate without basicConstraints and keyUsage", "root | plant<root ca nobc noku | dev<plant", "dev plant", "root", not_a_ca, "intermediate CN=plant is not an authority"},
{"intermediate without basicConstraints, with keyCertSign", "root | plant<root ca nobc | dev<plant", "dev plant", "root", not_a_ca, "intermediate CN=plant is not an authority"},
{"version 1 intermediate", "root | plant<root v1 | dev<plant", "dev plant", "root", not_a_ca, "intermediate CN=plant is not an authority"},
{"trusted, but not an authority", "root | plant<root | dev<plant", "dev", "plant", not_a_ca, "trusted authority CN=plant is not an authority"},
{"trusted self-signed device certificate as issuer", "plant client | dev<plant", "dev", "plant", not_a_ca, "trusted authority CN=plant is not an authority"},
{"intermediate without keyCertSign", "root | plant<root ca ku=critical,digitalSignature,cRLSign | dev<plant", "dev plant", "root", key_cert_sign_missing, "intermediate CN=plant may not sign certificates"},
{"trusted root without keyCertSign", "root ku=critical,digitalSignature | dev<root", "dev", "root", key_cert_sign_missing, "trusted authority CN=root may not sign certificates"},
{"path length 0 at the root, an intermediate below", "root pathlen=0 | plant<root ca | dev<plant", "dev plant", "root", path_length_exceeded, "trusted authority CN=root allows 0 intermediates below it (pathlen), and there is 1"},
{"path length 0 at the intermediate, another below", "root | region<root ca pathlen=0 | plant<region ca | dev<plant", "dev plant region", "root", path_length_exceeded, "intermediate CN=region allows 0"},
{"path length 1, two intermediates below", "root | a<root ca pathlen=1 | b<a ca | c<b ca | dev<c", "dev c b a", "root", path_length_exceeded, "intermediate CN=a allows 1 intermediates below it (pathlen), and there are 2"},
{"path length 0 at a trusted intermediate", "root | region<root ca pathlen=0 | plant<region ca | dev<plant", "dev plant", "region", path_length_exceeded, "trusted authority CN=region allows 0"},
{"a later, larger path length widens nothing", "root pathlen=0 | plant<root ca pathlen=5 | dev<plant", "dev plant", "root", path_length_exceeded, "trusted authority CN=root allows 0"},

// --- refused: gaps and strangers ----------------------------------------------------------------------------------
{"nothing presented", "root", "", "root", malformed, "no certificate was presented", "openssl needs a certificate to be asked about"},
{"nothing trusted", "root | plant<root ca | dev<plant", "dev plant root", "", no_issuer, "intermediate CN=root is self-signed and is not trusted"},
{"intermediate missing", "root | plant<root ca | dev<plant", "dev", "root", no_issuer, "the issuer of certificate CN=dev, CN=plant, is neither presented nor trusted"},
{"lower of two intermediates missing", "root | region<root ca | plant<region ca | dev<plant", "dev region", "root", no_issuer, "the issuer of certificate CN=dev, CN=plant, is neither"},
{"upper of two intermediates missing", "root | region<root ca | plant<region ca | dev<plant", "dev plant", "root", no_issuer, "the issuer of intermediate CN=plant, CN=region, is neither"},
{"a foreign hierarchy", "root | foreign | other<foreign ca | dev<other", "dev other foreign", "root", no_issuer, "intermediate CN=foreign is self-signed and is not trusted"},
{"a foreign hierarchy, our intermediate beside it", "root | plant<root ca | foreign | other<foreign ca | dev<other", "dev other plant", "root", no_issuer, "the issuer of intermediate CN=other, CN=foreign, is neither"},
{"self-signed leaf, not trusted", "root | dev client", "dev", "root", no_issuer, "certificate CN=dev is self-signed and is not trusted"},
{"self-signed leaf with our intermediate beside it", "root | plant<root ca | dev client", "dev plant", "root", no_issuer, "certificate CN=dev is self-signed and is not trusted"},
{"another device's certificate is trusted", "root | dev1<root | dev<root", "dev", "dev1", no_issuer, "the issuer of certificate CN=dev, CN=root, is neither"},
{"the anchor is below the leaf's issuer", "root | plant<root ca | dev<root", "dev root", "plant", no_issuer, "intermediate CN=root is self-signed and is not trusted"},
{"two authorities that issued one another", "a | b<a ca | a2<b ca cn=a key-of=a | dev<a2 | root", "dev a2 b", "root", no_issuer, "neither presented nor trusted"},

// --- refused: look-alikes and forgeries ---------------------------------------------------------------------------
{"trusted root of the same name, other key", "root | fake cn=root | dev<fake", "dev", "root", bad_signature, "certificate CN=dev names CN=root as its issuer, but the key of the trusted authority of that name did not sign it"},
{"the same without key identifiers", "root drop=subjectKeyIdentifier | fake cn=root | dev<fake drop=authorityKeyIdentifier", "dev", "root", bad_signature, "certificate CN=dev names CN=root as its issuer"},
{"trusted intermediate of the same name, other key", "root | plant<root ca | evil | fake<evil ca cn=plant | dev<fake", "dev fake", "plant", bad_signature, "certificate CN=dev names CN=plant as its issuer, but the key of the trusted"},
{"a whole look-alike hierarchy", "root | plant<root ca | eroot cn=root | eplant<eroot ca cn=plant | dev<eplant", "dev eplant eroot", "root", bad_signature, "intermediate CN=plant names CN=root as its issuer, but the key of the trusted authority"},
{"a look-alike intermediate that our root did not sign", "root | evil cn=root | fake<evil ca cn=plant | dev<fake", "dev fake", "root", bad_signature, "intermediate CN=plant names CN=root as its issuer"},
{"presented intermediate has another key", "root | plant<root ca | other<root ca cn=plant | dev<plant", "dev other", "root", bad_signature, "certificate CN=dev names CN=plant as its issuer, but the key of the presented authority"},
{"self-signed leaf named like the root", "root | dev client cn=root", "dev", "root", bad_signature, "certificate CN=root names CN=root as its issuer"},
{"leaf's signature spoilt", "root | plant<root ca | dev<plant broken", "dev plant", "root", bad_signature, "certificate CN=dev names CN=plant as its issuer"},
{"intermediate's signature spoilt", "root | plant<root ca broken | dev<plant", "dev plant", "root", bad_signature, "intermediate CN=plant names CN=root as its issuer"},
{"RSA key under a name that signs with EC", "root key=rsa:2048 | fake cn=root | dev<fake", "dev", "root", bad_signature, "certificate CN=dev names CN=root"},

// --- refused: extensions ------------------------------------------------------------------------------------------
{"unknown critical extension in the leaf", "root | dev<root critical", "dev", "root", unknown_critical_extension, "certificate CN=dev has the critical extension 1.3.6.1.4.1.55555.1"},
{"unknown critical extension in the intermediate", "root | plant<root ca critical | dev<plant", "dev plant", "root", unknown_critical_extension, "intermediate CN=plant has the critical extension"},
{"unknown critical extension in the trusted root", "root critical | dev<root", "dev", "root", unknown_critical_extension, "trusted authority CN=root has the critical extension"},
{"policy constraints, critical", "root | plant<root ca ext=policyConstraints:critical,requireExplicitPolicy:0 | dev<plant", "dev plant", "root", unknown_critical_extension, "the critical extension 2.5.29.36", "openssl knows the extension, and without -policy_check ignores what it demands; what is not honoured here is refused"},
{"name constraints broken by the CN", "root | plant<root ca nc=critical,permitted;DNS:plant.example | dev<plant cn=pump-7.evil.example", "dev plant", "root", name_constraints, "certificate CN=pump-7.evil.example breaks the name constraints of intermediate CN=plant"},
{"name constraints broken by the CN beside a SAN that keeps them", "root | plant<root ca nc=critical,permitted;DNS:plant.example | dev<plant cn=pump-7.evil.example dns=pump-7.plant.example", "dev plant", "root", name_constraints, "certificate CN=pump-7.evil.example breaks the name constraints of intermediate CN=plant", "openssl looks at the CN only where there is no DNS name; here the CN is the identity"},
{"name constraints broken by the SAN", "root | plant<root ca nc=critical,permitted;DNS:plant.example | dev<plant cn=pump-7.plant.example dns=pump-7.evil.example", "dev plant", "root", name_constraints, "breaks the name constraints of intermediate CN=plant"},
{"name excluded", "root nc=critical,excluded;DNS:evil.example | dev<root dns=pump-7.evil.example", "dev", "root", name_constraints, "breaks the name constraints of trusted authority CN=root: excluded subtree violation"},
{"address outside the permitted ones", "root | plant<root ca nc=permitted;IP:10.0.0.0/255.0.0.0 | dev<plant ip=192.168.1.1", "dev plant", "root", name_constraints, "permitted subtree violation"},
{"name constraints of the root reach over an intermediate", "root nc=critical,permitted;DNS:plant.example | plant<root ca | dev<plant dns=evil.example", "dev plant", "root", name_constraints, "breaks the name constraints of trusted authority CN=root"},
{"an extension twice in the leaf", "root | dev<root double=keyUsage", "dev", "root", malformed, "certificate CN=dev has an extension that cannot be read or stands twice"},
{"an extension twice in the intermediate", "root | plant<root ca double=basicConstraints | dev<plant", "dev plant", "root", malformed, "intermediate CN=plant has an extension that cannot be read or stands twice"},
{"basic constraints that are no DER", "root | plant<root ca ext=basicConstraints:critical,DER:3003FF | dev<plant", "dev plant", "root", malformed, "intermediate CN=plant has an extension that cannot be read"},

// --- refused: strength --------------------------------------------------------------------------------------------
{"RSA 1024 leaf", "root | dev<root key=rsa:1024", "dev", "root", weak_key, "certificate CN=dev has an RSA key of 1024 bits; 2048 are needed"},
{"RSA 1024 intermediate", "root | plant<root ca key=rsa:1024 | dev<plant", "dev plant", "root", weak_key, "intermediate CN=plant has an RSA key of 1024 bits"},
{"RSA 1024 trusted root", "root key=rsa:1024 | plant<root ca | dev<plant", "dev plant", "root", weak_key, "trusted authority CN=root has an RSA key of 1024 bits"},
{"RSA 16384 leaf", "root | dev<root key=rsa:16384", "dev", "root", weak_key, "certificate CN=dev has an RSA key of 16384 bits; at most 8192", "openssl sets no upper bound; here it keeps a hostile key from costing milliseconds"},
{"P-192 leaf", "root | dev<root key=ec:p192", "dev", "root", weak_key, "certificate CN=dev has an EC key on the curve prime192v1"},
{"secp256k1 leaf", "root | dev<root key=ec:k256", "dev", "root", weak_key, "certificate CN=dev has an EC key on the curve secp256k1", "openssl verifies with any curve it knows; TLS has no way to negotiate this one"},
{"Ed25519 leaf", "root | dev<root key=ed25519", "dev", "root", weak_key, "certificate CN=dev has a key that is neither RSA nor EC", "openssl knows Ed25519; the protocol's clients do not use it and it is left out here"},
{"SHA-1 signature on the leaf", "root | plant<root ca | dev<plant sha1", "dev plant", "root", weak_signature, "certificate CN=dev is signed with SHA1; SHA-256 or stronger is needed"},
{"SHA-1 signature on the intermediate", "root | plant<root ca sha1 | dev<plant", "dev plant", "root", weak_signature, "intermediate CN=plant is signed with SHA1"},
{"SHA-1 with RSA", "root key=rsa:2048 | dev<root sha1", "dev", "root", weak_signature, "certificate CN=dev is signed with SHA1"},

// --- refused: size ------------------------------------------------------------------------------------------------
{"nine certificates", "root | a<root ca | b<a ca | c<b ca | d<c ca | e<d ca | f<e ca | g<f ca | dev<g", "dev g f e d c b a", "root", chain_too_long, "the chain goes on above intermediate CN=a; at most 8 certificates are taken", "openssl allows a hundred by default"},
{"seventeen certificates presented", "root | plant<root ca | dev<plant", "dev plant plant plant plant plant plant plant plant plant plant plant plant plant plant plant plant", "root", chain_too_long, "17 certificates were presented; at most 16 are taken", "openssl has no such bound"},
});
// clang-format on

}  // namespace

std::span<const ChainCase> chain_cases() {
    return kCases;
}

}  // namespace muster::pki::lab
