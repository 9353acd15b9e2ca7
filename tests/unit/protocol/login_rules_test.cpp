// What rules about logins mean for a client, names of certificates, and what a client then has to show.
#include "protocol/login_rules.h"

#include <catch2/catch.hpp>

#include "protocol/frontend.h"
#include "protocol/md5.h"

using namespace larder;
using namespace larder::protocol;

namespace {

LoginRules rules(const std::string& hba, const std::string& maps = {}) {
    HbaError error;
    LoginRules all;
    all.hba = HbaFile::parse("/hba", [&hba](const std::string&) { return std::optional(hba); }, error);
    INFO(error.line << ": " << error.problem);
    REQUIRE(all.hba != nullptr);
    if (maps.empty()) return all;
    all.maps = IdentFile::parse("/ident", maps, error);
    INFO(error.line << ": " << error.problem);
    REQUIRE(all.maps != nullptr);
    return all;
}

HbaClient client(Bytes user, bool is_tls = true) {
    HbaClient who;
    who.database = "shop", who.user = user, who.is_tls = is_tls;
    who.address = IpAddress::parse("192.0.2.1");
    return who;
}

using Step = ClientLogin::Step;
constexpr Bytes kSalt = "0123456789abcdef";

std::shared_ptr<const UserSecret> secret(std::string text) { return std::make_shared<const UserSecret>(std::move(text), std::string(kSalt)); }

// The first request that a user gets, as its authentication code; -1: none.
int asked(std::shared_ptr<const UserSecret> known, Demand demand) {
    ClientLogin login(std::move(known), kSalt, "anna", demand);
    std::string out;
    if (login.start(out) == Step::accepted) return -1;
    return static_cast<int>(load_be32(out.data() + 5));
}

Step answer(ClientLogin& login, Bytes password, std::string& out) {
    std::string message;
    PasswordMessage{password}.append_to(message);
    return login.on_message(message[0], Bytes(message).substr(5), out);
}

constexpr int kClear = 3, kMd5 = 5, kSasl = 10;

}  // namespace

TEST_CASE("who is not let in hears PostgreSQL's words") {
    const auto all = rules("host bank all all md5\nhostssl all mallory all reject\n");
    CHECK(all.decide(client("anna", false), "192.0.2.1", {}).refusal == "no pg_hba.conf entry for host \"192.0.2.1\", user \"anna\", database \"shop\", no encryption");
    CHECK(all.decide(client("mallory"), "192.0.2.1", {}).refusal == "pg_hba.conf rejects connection for host \"192.0.2.1\", user \"mallory\", database \"shop\", SSL encryption");
    auto local = client("anna", false);
    local.address.reset();
    CHECK(all.decide(local, "unix", {}).refusal == "no pg_hba.conf entry for host \"[local]\", user \"anna\", database \"shop\", no encryption");
    auto replication = client("anna", false);
    replication.is_replication = true;
    CHECK(all.decide(replication, "192.0.2.1", {}).refusal == "no pg_hba.conf entry for replication connection from host \"192.0.2.1\", user \"anna\", no encryption");
}

TEST_CASE("methods and what they demand") {
    const auto all = rules("host all a all trust\nhost all b all md5\nhost all c all scram-sha-256\nhost all d all password\n");
    const std::pair<const char*, Demand> demands[] = {{"a", Demand::nothing}, {"b", Demand::secret}, {"c", Demand::scram}, {"d", Demand::password}};
    for (const auto& [user, demand] : demands) {
        CHECK(all.decide(client(user), "", {}).refusal.empty());
        CHECK(all.decide(client(user), "", {}).demand == demand);
    }
}

TEST_CASE("certificates: the user's own name, a mapped one, and a second proof") {
    const auto all = rules("hostssl all anna all cert\nhostssl all bert,carl all cert map=people\nhostssl all dora all md5 clientcert=verify-full\nhostssl all emil all md5 clientcert=verify-ca\n"
                           "hostssl all fred all cert map=nowhere\n",
                           "# map  system  user\npeople \"Bert B.\" bert\npeople /^(.*)@example\\.com$ \\1\npeople root all\nother anna carl\n");
    const auto refusal = [&](const char* user, const char* name) { return all.decide(client(user), "", name).refusal; };
    CHECK(refusal("anna", "anna").empty());
    CHECK(all.decide(client("anna"), "", "anna").demand == Demand::nothing);
    CHECK(refusal("anna", "bert") == "certificate authentication failed for user \"anna\"");
    CHECK(refusal("anna", "") == "connection requires a valid client certificate");
    CHECK(refusal("bert", "Bert B.").empty());
    CHECK(refusal("carl", "carl@example.com").empty());
    CHECK(refusal("carl", "root").empty());
    for (const auto* name : {"carl", "anna", "bert@example.com", "carl@example.com.org", "x carl@example.com"}) CHECK_FALSE(refusal("carl", name).empty());
    CHECK(refusal("dora", "dora").empty());
    CHECK(all.decide(client("dora"), "", "dora").demand == Demand::secret);
    CHECK_FALSE(refusal("dora", "anna").empty());
    CHECK(refusal("emil", "anybody").empty());
    CHECK_FALSE(refusal("emil", "").empty());
    CHECK_FALSE(refusal("fred", "fred").empty());
}

TEST_CASE("lines of pg_ident.conf that cannot be read") {
    HbaError error;
    const std::pair<const char*, const char*> mistakes[] = {{"people anna", "a map, a system user name"}, {"people anna anna more", "a map, a system user name"}, {"people a,b c", "multiple values"},
                                                            {"people /( x", "invalid regular expression"}, {"people /x \\1", "there is none"}, {"people x \\1", "there is none"},
                                                            {"people \"x y", "quotation mark"}};
    for (const auto& [line, problem] : mistakes) {
        INFO(line);
        CHECK(IdentFile::parse("/ident", std::string("a b c\n\n") + line + "\n", error) == nullptr);
        CHECK((error.line == 3 && error.file == "/ident"));
        CHECK(error.problem.find(problem) != std::string::npos);
    }
    CHECK(IdentFile::parse("/ident", "", error) != nullptr);
}

TEST_CASE("what is asked for depends on the rule and on what is known of the user") {
    const auto digest = *md5_verifier("pencil", "anna");
    const auto verifier = ScramVerifier::from_password("pencil", kSalt, 4096)->to_string();
    CHECK(asked(secret(digest), Demand::secret) == kMd5);
    CHECK(asked(secret(verifier), Demand::secret) == kSasl);
    CHECK(asked(nullptr, Demand::secret) == kSasl);
    CHECK(asked(secret(digest), Demand::scram) == kSasl);
    CHECK(asked(secret(digest), Demand::password) == kClear);
    CHECK(asked(nullptr, Demand::password) == kClear);
    CHECK(asked(nullptr, Demand::nothing) == -1);
}

TEST_CASE("a password in clear is compared with whatever is known, and answers whatever the server asks") {
    for (const auto& known : {std::string("pencil"), *md5_verifier("pencil", "anna"), ScramVerifier::from_password("pencil", kSalt, 4096)->to_string()}) {
        ClientLogin right(secret(known), kSalt, "anna", Demand::password), wrong(secret(known), kSalt, "anna", Demand::password), empty(secret(known), kSalt, "anna", Demand::password);
        std::string out;
        CHECK(right.start(out) == Step::more);
        CHECK(answer(right, "pencil", out) == Step::accepted);
        const auto credentials = right.take_credentials();
        REQUIRE(credentials.secret != nullptr);
        CHECK(credentials.secret->text() == "pencil");
        wrong.start(out), empty.start(out);
        out.clear();
        CHECK(answer(wrong, "eraser", out) == Step::refused);
        CHECK(out.find("28P01") != std::string::npos);
        CHECK(answer(empty, "", out) == Step::refused);
    }
    for (const auto& none : {std::shared_ptr<const UserSecret>(), secret("")}) {
        ClientLogin login(none, kSalt, "anna", Demand::password);
        std::string out;
        login.start(out);
        CHECK(answer(login, "pencil", out) == Step::refused);
    }
}

TEST_CASE("who is trusted has the secret that is known of him to log in with at the server, if it is of use there") {
    std::string out;
    ClientLogin plain(secret("pencil"), kSalt, "anna", Demand::nothing), verifier(secret(ScramVerifier::from_password("pencil", kSalt, 4096)->to_string()), kSalt, "anna", Demand::nothing);
    CHECK((plain.start(out) == Step::accepted && verifier.start(out) == Step::accepted));
    CHECK(out.empty());
    CHECK(plain.take_credentials().secret != nullptr);
    CHECK(verifier.take_credentials().secret == nullptr);
}
