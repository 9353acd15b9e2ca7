#include "protocol/scram.h"

#include <set>
#include <catch2/catch.hpp>

#include "protocol/md5.h"

namespace larder::protocol {
namespace {

constexpr Bytes kSalt = "0123456789abcdef";
constexpr std::uint32_t kIterations = 64;  // the tests are about the conversation, not about its cost
constexpr Bytes kServerNonce = "serverserver";

ScramVerifier verifier(Bytes password = "pencil") { return *ScramVerifier::from_password(password, kSalt, kIterations); }

ScramServer server(Bytes mechanism = kScramSha256, Bytes binding = {}) { return {verifier(), kServerNonce, mechanism, binding}; }

// Both ends, as far as they get. The error is the first one of either end.
std::optional<ScramError> talk(ScramClient& client, ScramServer& other) {
    const auto first = client.first();
    if (!first) return first.error();
    const auto server_first = other.on_first(*first);
    if (!server_first) return server_first.error();
    const auto client_final = client.on_server_first(*server_first);
    if (!client_final) return client_final.error();
    const auto server_final = other.on_final(*client_final);
    if (!server_final) return server_final.error();
    const auto done = client.on_server_final(*server_final);
    if (!done) return done.error();
    return std::nullopt;
}

std::string hex(Bytes bytes) {
    std::string out;
    for (const char c : bytes) {
        constexpr char kDigits[] = "0123456789abcdef";
        out.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
        out.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
    }
    return out;
}

// RFC 4231, cases 2, 6 and 7.
TEST_CASE("the message authentication code is that of the standard, for keys of any length") {
    CHECK(hex(as_bytes(*hmac_sha256("Jefe", "what do ya want for nothing?"))) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    const std::string long_key(131, '\xaa');
    CHECK(hex(as_bytes(*hmac_sha256(long_key, "Test Using Larger Than Block-Size Key - Hash Key First"))) == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    CHECK(hex(as_bytes(*hmac_sha256(long_key, "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm."))) ==
          "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

TEST_CASE("no random bytes are given out twice") {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) CHECK(seen.insert(*random_bytes(16)).second);
    CHECK(random_bytes(5000)->size() == 5000);
    CHECK(random_bytes(5000)->find(std::string(64, '\0')) == std::string::npos);
    CHECK(random_bytes(0)->empty());
}

TEST_CASE("the example of RFC 7677 comes out at the client") {
    auto client = ScramClient::with_password("pencil", "rOprNGfwEbeRWgbNEkqO");
    CHECK(*client.first("user") == "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    CHECK(*client.on_server_first("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096") ==
          "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    CHECK_FALSE(client.is_done());
    CHECK(*client.on_server_final("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
    CHECK(client.is_done());
}

TEST_CASE("the example of RFC 7677 comes out at the server") {
    const auto keys = ScramVerifier::from_password("pencil", *from_base64("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);
    REQUIRE(keys);
    ScramServer example(*keys, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", kScramSha256);
    CHECK(*example.on_first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO") ==
          "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
    CHECK(*example.on_final("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                            "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=") == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    CHECK(example.is_done());
}

TEST_CASE("client and server agree when the password does") {
    auto client = ScramClient::with_password("pencil", "clientclient");
    auto other = server();
    CHECK_FALSE(talk(client, other).has_value());
    CHECK(client.is_done());
    CHECK(other.is_done());
}

TEST_CASE("a wrong password is told by the proof") {
    auto client = ScramClient::with_password("pencil2", "clientclient");
    auto other = server();
    CHECK(talk(client, other) == ScramError::wrong_proof);
    CHECK_FALSE(other.is_done());
    CHECK_FALSE(other.client_keys().has_value());
}

TEST_CASE("the keys of one login make another") {
    auto client = ScramClient::with_password("pencil", "clientclient");
    auto other = server();
    REQUIRE_FALSE(talk(client, other).has_value());
    const auto keys = other.client_keys();
    REQUIRE(keys);
    auto again = ScramClient::with_keys(*keys, "secondnonce");
    auto upstream = server();
    CHECK_FALSE(talk(again, upstream).has_value());
    CHECK(again.is_done());
}

TEST_CASE("channel binding holds when both see the same certificate") {
    auto client = ScramClient::with_password("pencil", "clientclient", "certificate hash");
    CHECK(client.mechanism() == kScramSha256Plus);
    auto other = server(kScramSha256Plus, "certificate hash");
    CHECK_FALSE(talk(client, other).has_value());

    auto fooled = ScramClient::with_password("pencil", "clientclient", "another hash");
    auto honest = server(kScramSha256Plus, "certificate hash");
    CHECK(talk(fooled, honest) == ScramError::binding_refused);
}

TEST_CASE("a downgrade of the offer is noticed") {
    auto client = ScramClient::with_password("pencil", "clientclient", {}, true);
    auto offered_plus = server(kScramSha256, "certificate hash");
    CHECK(talk(client, offered_plus) == ScramError::binding_refused);
    auto second = ScramClient::with_password("pencil", "clientclient", {}, true);
    auto plain = server();
    CHECK_FALSE(talk(second, plain).has_value());
    auto without_tls = ScramClient::with_password("pencil", "clientclient");
    auto with_tls = server(kScramSha256, "certificate hash");
    CHECK_FALSE(talk(without_tls, with_tls).has_value());
}

TEST_CASE("hostile first messages of a client are refused") {
    const auto refused = [](Bytes message) {
        auto other = server();
        const auto result = other.on_first(message);
        REQUIRE(result.has_error());
        CHECK(other.on_first("n,,n=,r=abc").error() == ScramError::out_of_order);
        return result.error();
    };
    for (const Bytes message : {Bytes{""}, Bytes{"n"}, Bytes{"n,"}, Bytes{"n,,"}, Bytes{"n,,n="}, Bytes{"n,,n=,"}, Bytes{"n,,n=,r="}, Bytes{"n,,r=abc,n="},
                                Bytes{"x,,n=,r=abc"}, Bytes{"n,b,n=,r=abc"}, Bytes{"n,,n=,r=a c"}, Bytes{"n,,n=,r=\x7f"}, Bytes{"n,,n=,r=\xc3\xa4"},
                                Bytes{"n,,n=,r=abc,"}, Bytes{"n,,n=,r=abc,1=x"}, Bytes{"p=tls-server-end-point,,n=,r=abc"},
                                Bytes{"n,,n=\0,r=abc", 12}, Bytes{"n,,n,r=abc"}, Bytes{",,n=,r=abc"}}) {
        INFO(message);
        CHECK(refused(message) == ScramError::malformed);
    }
    CHECK(refused("n,a=root,n=,r=abc") == ScramError::unsupported);
    CHECK(refused("n,,m=ext,n=,r=abc") == ScramError::unsupported);
    CHECK(refused("y,,n=,r=" + std::string(kScramNonceBytesMax + 1, 'a')) == ScramError::malformed);
    CHECK(refused("n,,n=" + std::string(kScramMessageBytesMax, 'a') + ",r=a") == ScramError::malformed);

    auto plus = server(kScramSha256Plus, "hash");
    CHECK(plus.on_first("p=tls-unique,,n=,r=abc").error() == ScramError::binding_refused);
    auto plain = server(kScramSha256Plus, "hash");
    CHECK(plain.on_first("n,,n=,r=abc").error() == ScramError::malformed);
    auto nothing_to_bind = server(kScramSha256Plus);
    CHECK(nothing_to_bind.on_first("p=tls-server-end-point,,n=,r=abc").error() == ScramError::binding_refused);
    auto extended = server();
    CHECK(extended.on_first("n,,n=,r=" + std::string(kScramNonceBytesMax, 'a') + ",x=ignored").has_value());
}

TEST_CASE("hostile final messages of a client are refused") {
    const auto refused = [](Bytes message) {
        auto other = server();
        REQUIRE(other.on_first("n,,n=,r=abc").has_value());
        const auto result = other.on_final(message);
        REQUIRE(result.has_error());
        return result.error();
    };
    const std::string proof = to_base64(std::string(32, 'p'));
    const std::string good_start = "c=biws,r=abcserverserver";
    CHECK(refused(good_start + ",p=" + proof) == ScramError::wrong_proof);
    CHECK(refused(good_start + ",x=y,p=" + proof) == ScramError::wrong_proof);
    CHECK(refused("c=eSws,r=abcserverserver,p=" + proof) == ScramError::binding_refused);
    CHECK(refused("c=biws,r=abcserverserve,p=" + proof) == ScramError::bad_nonce);
    CHECK(refused("c=biws,r=abcserverserver1,p=" + proof) == ScramError::bad_nonce);
    for (const std::string& message :
         {std::string{}, std::string{"p="}, good_start, good_start + ",p=", good_start + ",p=" + to_base64("short"), good_start + ",p=" + to_base64(std::string(33, 'p')),
          good_start + ",p=" + proof + ",x=y", good_start + ",p=!" + proof.substr(1), "r=abcserverserver,c=biws,p=" + proof,
          "c=bi ws,r=abcserverserver,p=" + proof, "c=biws,p=" + proof, ",p=" + proof, good_start + ",,p=" + proof,
          good_start + std::string(kScramMessageBytesMax, 'x') + ",p=" + proof}) {
        INFO(message.substr(0, 100));
        CHECK(refused(message) == ScramError::malformed);
    }
}

TEST_CASE("hostile first messages of a server are refused") {
    const auto refused = [](Bytes message) {
        auto client = ScramClient::with_password("pencil", "abc");
        REQUIRE(client.first().has_value());
        const auto result = client.on_server_first(message);
        REQUIRE(result.has_error());
        CHECK(client.on_server_final("v=").error() == ScramError::out_of_order);
        return result.error();
    };
    for (const Bytes message : {Bytes{""}, Bytes{"r="}, Bytes{"r=abcd"}, Bytes{"r=abcd,s=YWJj"}, Bytes{"r=abcd,s=,i=10"}, Bytes{"r=abcd,s=YWJ,i=10"},
                                Bytes{"r=abcd,s=YWJj,i="}, Bytes{"r=abcd,s=YWJj,i=0"}, Bytes{"r=abcd,s=YWJj,i=-1"}, Bytes{"r=abcd,s=YWJj,i=10x"},
                                Bytes{"r=abcd,s=YWJj,i=10,"}, Bytes{"s=YWJj,r=abcd,i=10"}, Bytes{"r=ab d,s=YWJj,i=10"}, Bytes{"e=other-error"},
                                Bytes{"r=abcd,s=YWJj\0,i=10", 19}, Bytes{"m=x,r=abcd,s=YWJj,i=10"}}) {
        INFO(message);
        CHECK(refused(message) == ScramError::malformed);
    }
    CHECK(refused("r=abc,s=YWJj,i=10") == ScramError::bad_nonce);
    CHECK(refused("r=xbcd,s=YWJj,i=10") == ScramError::bad_nonce);
    CHECK(refused("r=abcd,s=YWJj,i=1000001") == ScramError::too_costly);
    CHECK(refused("r=abcd,s=YWJj,i=99999999999999999999") == ScramError::too_costly);
    CHECK(refused("r=abc" + std::string(2 * kScramNonceBytesMax, 'n') + ",s=YWJj,i=10") == ScramError::malformed);
    CHECK(refused("r=abcd,s=" + to_base64(std::string(kScramSaltBytesMax + 1, 's')) + ",i=10") == ScramError::malformed);
}

TEST_CASE("hostile final messages of a server are refused") {
    const auto refused = [](Bytes message) {
        auto client = ScramClient::with_password("pencil", "abc");
        REQUIRE(client.first().has_value());
        REQUIRE(client.on_server_first("r=abcd,s=YWJj,i=10").has_value());
        const auto result = client.on_server_final(message);
        REQUIRE(result.has_error());
        CHECK_FALSE(client.is_done());
        return result.error();
    };
    CHECK(refused("v=" + to_base64(std::string(32, 's'))) == ScramError::wrong_signature);
    CHECK(refused("e=invalid-proof") == ScramError::wrong_proof);
    for (const std::string& message : {std::string{}, std::string{"v="}, std::string{"x=1"}, "v=" + to_base64("short"), std::string{"v=!!!!"}}) {
        CHECK(refused(message) == ScramError::malformed);
    }
}

TEST_CASE("steps out of order fail for good") {
    auto client = ScramClient::with_password("pencil", "abc");
    CHECK(client.on_server_final("v=").error() == ScramError::out_of_order);
    CHECK(client.first().error() == ScramError::out_of_order);
    auto other = server();
    CHECK(other.on_final("c=biws").error() == ScramError::out_of_order);
    auto bad_nonce = ScramClient::with_password("pencil", "a,b");
    CHECK(bad_nonce.first().error() == ScramError::bad_nonce);
    auto user = ScramClient::with_password("pencil", "abc");
    CHECK(*user.first("a=b,c") == "n,,n=a=3Db=2Cc,r=abc");
}

TEST_CASE("a verifier is read and written as PostgreSQL keeps it") {
    // The form of pg_authid; the keys belong to the RFC's example.
    const auto made = ScramVerifier::from_password("pencil", *from_base64("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);
    REQUIRE(made);
    const std::string text = made->to_string();
    CHECK(text == "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
                  "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
    const auto read = ScramVerifier::parse(text);
    REQUIRE(read);
    CHECK(read->to_string() == text);
    for (std::size_t size = 0; size < text.size(); ++size) CHECK_FALSE(ScramVerifier::parse(text.substr(0, size)).has_value());
    for (const Bytes bad : {"SCRAM-SHA-256$0:YWJj$a:b", "SCRAM-SHA-256$x:YWJj$a:b", "md5abc", "SCRAM-SHA-256$4096::$:"}) {
        CHECK_FALSE(ScramVerifier::parse(bad).has_value());
    }
    CHECK_FALSE(ScramVerifier::parse(text + "A").has_value());
    CHECK_FALSE(ScramVerifier::from_password("pencil", kSalt, 0).has_value());
    CHECK_FALSE(ScramVerifier::from_password("pencil", kSalt, kScramIterationsMax + 1).has_value());
}

TEST_CASE("an unknown user looks like a known one and never gets in") {
    const auto mock = ScramVerifier::mock("nobody", "server secret");
    REQUIRE(mock);
    CHECK(mock->salt.size() == kScramSaltBytes);
    CHECK(mock->iterations == kScramIterationsDefault);
    CHECK(mock->salt == ScramVerifier::mock("nobody", "server secret")->salt);
    CHECK(mock->salt != ScramVerifier::mock("nobody2", "server secret")->salt);
    CHECK(mock->salt != ScramVerifier::mock("nobody", "other secret")->salt);
    ScramServer other(*mock, kServerNonce, kScramSha256);
    auto client = ScramClient::with_password("", "clientclient");
    CHECK(talk(client, other) == ScramError::wrong_proof);
}

TEST_CASE("long and non-ASCII passwords log in") {
    for (const std::string& password : {std::string(2000, 'x'), std::string{"gr\xc3\xbc\xc3\x9f"}, std::string{"\xff\xfe"}}) {
        auto client = ScramClient::with_password(password, "clientclient");
        ScramServer other(verifier(password), kServerNonce, kScramSha256);
        CHECK_FALSE(talk(client, other).has_value());
    }
}

TEST_CASE("base64 is read strictly") {
    for (const Bytes raw : {Bytes{""}, Bytes{"a"}, Bytes{"ab"}, Bytes{"abc"}, Bytes{"\0\xff", 2}}) CHECK(from_base64(to_base64(raw)) == raw);
    for (const Bytes bad : {"a", "ab", "abc", "ab=c", "====", "a===", " YWJj", "YWJj\n", "YW=j", "YW-j", "YWJjYQ"}) {
        INFO(bad);
        CHECK_FALSE(from_base64(bad).has_value());
    }
}

TEST_CASE("nonces are fresh") {
    const auto first = scram_nonce();
    const auto second = scram_nonce();
    REQUIRE(first);
    CHECK(first->size() == 24);
    CHECK(first != second);
}

TEST_CASE("every SCRAM error has words and a SQLSTATE") {
    for (const ScramError error : {ScramError::malformed, ScramError::unsupported, ScramError::binding_refused, ScramError::bad_nonce,
                                   ScramError::too_costly, ScramError::wrong_proof, ScramError::wrong_signature, ScramError::out_of_order,
                                   ScramError::crypto_failed}) {
        CHECK(scram_error_message(error).size() > 10);
        CHECK(scram_error_sqlstate(error).size() == 5);
    }
    CHECK(scram_error_sqlstate(ScramError::wrong_proof) == "28P01");
    CHECK(scram_error_sqlstate(ScramError::malformed) == "08P01");
}

TEST_CASE("MD5 passwords are PostgreSQL's") {
    const auto verifier_text = md5_verifier("pencil", "user");
    REQUIRE(verifier_text);
    CHECK(*verifier_text == "md520c46e3762c864548e296b33c3406aa9");
    CHECK(md5_response(*verifier_text, "salt") == "md5d3d9bcccbaa2fb5234570d4d0f22b055");
    CHECK_FALSE(md5_response("md5short", "salt").has_value());
    CHECK_FALSE(md5_response("xx5" + verifier_text->substr(3), "salt").has_value());
}

}  // namespace
}  // namespace larder::protocol
