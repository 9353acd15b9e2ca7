// pg_hba.conf: every form of a rule, what is refused with its line, and who is let in.
#include "protocol/hba_file.h"

#include <catch2/catch.hpp>

#include <map>

using namespace larder;
using namespace larder::protocol;

namespace {

using Files = std::map<std::string, std::string>;

std::shared_ptr<const HbaFile> parse(const std::string& text, HbaError& error, Files more = {}) {
    more["/etc/hba"] = text;
    return HbaFile::parse("/etc/hba", [&](const std::string& path) -> std::optional<std::string> {
        const auto found = more.find(path);
        return found == more.end() ? std::nullopt : std::optional(found->second);
    }, error);
}

std::shared_ptr<const HbaFile> parsed(const std::string& text, Files more = {}) {
    HbaError error;
    auto file = parse(text, error, std::move(more));
    INFO(error.file << ":" << error.line << ": " << error.problem);
    REQUIRE(file != nullptr);
    return file;
}

HbaError mistake(const std::string& text, Files more = {}) {
    HbaError error;
    CHECK(parse(text, error, std::move(more)) == nullptr);
    return error;
}

HbaClient client(Bytes database, Bytes user, const char* address = "192.0.2.1", bool is_tls = false) {
    HbaClient who;
    who.database = database, who.user = user, who.is_tls = is_tls;
    if (address != nullptr) who.address = IpAddress::parse(address);
    return who;
}

// The line of the rule that decides; 0: none.
int decides(const HbaFile& file, const HbaClient& who) {
    const auto* rule = file.find(who);
    return rule == nullptr ? 0 : rule->line;
}

}  // namespace

TEST_CASE("the first rule that matches decides, and if none does there is none") {
    const auto file = parsed("host all mallory all reject\n"
                             "host shop all 192.0.2.0/24 scram-sha-256\n"
                             "host shop all 0.0.0.0/0 md5\n");
    CHECK(decides(*file, client("shop", "mallory")) == 1);
    CHECK(decides(*file, client("shop", "anna")) == 2);
    CHECK(decides(*file, client("shop", "anna", "198.51.100.1")) == 3);
    CHECK(decides(*file, client("bank", "anna")) == 0);
    CHECK(file->find(client("shop", "anna"))->method == HbaMethod::scram_sha_256);
}

TEST_CASE("types of connections") {
    const auto file = parsed("local all all trust\nhostssl all ssl all password\nhostnossl all plain all password\nhost all both all password\nhostnogssenc all four all password\n");
    CHECK(decides(*file, client("d", "anybody", nullptr)) == 1);
    for (const bool is_tls : {false, true}) {
        CHECK(decides(*file, client("d", "ssl", "::1", is_tls)) == (is_tls ? 2 : 0));
        CHECK(decides(*file, client("d", "plain", "::1", is_tls)) == (is_tls ? 0 : 3));
        CHECK(decides(*file, client("d", "both", "::1", is_tls)) == 4);
        CHECK(decides(*file, client("d", "four", "::1", is_tls)) == 5);
    }
}

TEST_CASE("databases and users: lists, keywords, quotes, regular expressions, files") {
    const auto file = parsed("host shop,\"Odd db\", bank anna,bert all md5\n"
                             "host \"all\" \"all\" all md5\n"
                             "host sameuser all all md5\n"
                             "host /^test_[0-9]+$ /a all md5\n"
                             "host @dbs.txt @/other/users all md5\n"
                             "host \"say \"\"hi\"\"\" \"@name\" all md5\n",
                             {{"/etc/dbs.txt", "one two # three\nfour,@more\n"}, {"/etc/more", "five"}, {"/other/users", "\"carl x\"\n"}});
    for (const auto* database : {"shop", "Odd db", "bank"}) CHECK(decides(*file, client(database, "bert")) == 1);
    CHECK(decides(*file, client("Shop", "bert")) == 0);
    CHECK(decides(*file, client("all", "all")) == 2);
    CHECK(decides(*file, client("zoe", "zoe")) == 3);
    CHECK(decides(*file, client("test_12", "carla")) == 4);
    CHECK(decides(*file, client("test_12x", "carla")) == 0);
    CHECK(decides(*file, client("test_12", "bob")) == 0);
    for (const auto* database : {"one", "two", "four", "five"}) CHECK(decides(*file, client(database, "carl x")) == 5);
    CHECK(decides(*file, client("three", "carl x")) == 0);
    CHECK(decides(*file, client("say \"hi\"", "@name")) == 6);
}

TEST_CASE("a file without names stands for nobody") {
    const auto file = parsed("host @empty all all md5\nhost all @empty all md5\n", {{"/etc/empty", "# nobody yet\n"}});
    CHECK(decides(*file, client("shop", "anna")) == 0);
}

TEST_CASE("addresses: networks, masks, both families") {
    const auto file = parsed("host all a 10.0.0.0/8 md5\nhost all b 172.16.0.0 255.240.0.0 md5\nhost all c 2001:db8::/32 md5\nhost all d ::1/128 md5\n"
                             "host all e 192.0.2.7/32 md5\nhost all f ::/0 md5\nhost all g 192.0.2.9 255.255.255.0 md5\nhost all h fe80:: ffff:: md5\n");
    CHECK(decides(*file, client("d", "a", "10.255.0.1")) == 1);
    CHECK(decides(*file, client("d", "a", "11.0.0.1")) == 0);
    CHECK(decides(*file, client("d", "b", "172.31.255.255")) == 2);
    CHECK(decides(*file, client("d", "b", "172.32.0.0")) == 0);
    CHECK(decides(*file, client("d", "c", "2001:db8:ffff::1")) == 3);
    CHECK(decides(*file, client("d", "c", "2001:db9::1")) == 0);
    CHECK(decides(*file, client("d", "d", "::1")) == 4);
    CHECK(decides(*file, client("d", "e", "192.0.2.7")) == 5);
    CHECK(decides(*file, client("d", "e", "192.0.2.6")) == 0);
    CHECK(decides(*file, client("d", "f", "::5")) == 6);
    CHECK(decides(*file, client("d", "f", "0.0.0.5")) == 0);
    CHECK(decides(*file, client("d", "g", "192.0.2.200")) == 7);
    CHECK(decides(*file, client("d", "h", "fe80::1")) == 8);
}

TEST_CASE("replication is matched by its own keyword only") {
    const auto file = parsed("host all all all md5\nhost shop,replication all all reject\n");
    auto who = client("shop", "anna");
    CHECK(decides(*file, who) == 1);
    who.is_replication = true;
    CHECK(decides(*file, who) == 2);
    CHECK(decides(*parsed("host \"replication\" all all md5\n"), who) == 0);
    CHECK(decides(*parsed("host \"replication\" all all md5\n"), client("replication", "anna")) == 1);
}

TEST_CASE("lines: comments, blanks, continuations, other ends of lines") {
    const auto file = parsed("# a comment\r\n\r\n  host all a all md5 # more\r\nhost all \\\n b all \\\n md5\n\thost\tall\tc\tall\tmd5");
    CHECK(decides(*file, client("d", "a")) == 3);
    CHECK(decides(*file, client("d", "b")) == 4);
    CHECK(decides(*file, client("d", "c")) == 7);
}

TEST_CASE("rules of other files stand where they are included, and know where they came from") {
    const auto file = parsed("host all a all md5\ninclude sub/more\ninclude_if_exists not_there\nhost all c all md5\n", {{"/etc/sub/more", "\nhost all b all reject\ninclude last\n"},
                                                                                                             {"/etc/sub/last", "host all z all md5\n"}});
    REQUIRE(file->rules().size() == 4);
    CHECK((file->rules()[1].file == "/etc/sub/more" && file->rules()[1].line == 2));
    CHECK(file->rules()[2].file == "/etc/sub/last");
    CHECK((file->rules()[3].file == "/etc/hba" && file->rules()[3].line == 4));
}

TEST_CASE("certificates and maps") {
    const auto file = parsed("hostssl all all all cert map=people clientname=CN\nhostssl all all all md5 clientcert=verify-full\nhostssl all all all md5 clientcert=verify-ca\n"
                             "hostssl all all all cert clientcert=verify-full\n");
    CHECK((file->rules()[0].method == HbaMethod::cert && file->rules()[0].map == "people"));
    CHECK(file->rules()[1].certificate == HbaCertificate::verify_full);
    CHECK(file->rules()[2].certificate == HbaCertificate::verify_ca);
}

TEST_CASE("what cannot be honoured is refused with its line, and says what is wrong") {
    const std::pair<const char*, const char*> mistakes[] = {
        {"hosts all all all md5", "invalid connection type"},
        {"hostgssenc all all all md5", "GSSAPI"},
        {"host", "end-of-line before database"},
        {"host all", "end-of-line before role"},
        {"host all all", "end-of-line before IP address"},
        {"host all all all", "end-of-line before authentication method"},
        {"local all all", "end-of-line before authentication method"},
        {"host all all 10.0.0.1", "end-of-line before netmask"},
        {"host all all 10.0.0.0/33 md5", "invalid CIDR mask"},
        {"host all all 10.0.0.0/ md5", "invalid CIDR mask"},
        {"host all all 10.0.0/8 md5", "invalid IP address"},
        {"host all all 010.0.0.1/32 md5", "invalid IP address"},
        {"host all all 1::2::3/64 md5", "invalid IP address"},
        {"host all all 10.0.0.0 255.0.0 md5", "invalid IP mask"},
        {"host all all 10.0.0.0 ff00:: md5", "do not match"},
        {"host all all db.example.com md5", "not looked up"},
        {"host all all .example.com md5", "not looked up"},
        {"host all all samenet md5", "samenet"},
        {"host all all samehost md5", "samehost"},
        {"host all +staff all md5", "members of a role"},
        {"host samerole all all md5", "members of a role"},
        {"host all all all,10.0.0.0/8 md5", "multiple values"},
        {"host all all all md5,trust", "multiple values"},
        {"host all all all ldap", "not supported"},
        {"host all all all MD5", "invalid authentication method"},
        {"host all all all cert", "hostssl"},
        {"host all all all md5 map=x", "only valid for the method cert"},
        {"host all all all md5 nonsense", "name=value"},
        {"host all all all md5 nonsense=1", "unrecognized"},
        {"host all all all md5 clientcert=verify-full", "hostssl"},
        {"hostssl all all all md5 clientcert=1", "invalid value for clientcert"},
        {"hostssl all all all cert clientname=DN", "not supported"},
        {"host /( all all md5", "invalid regular expression"},
        {"host @gone all all md5", "cannot read \"/etc/gone\""},
        {"include gone", "cannot read \"/etc/gone\""},
        {"include a b", "one file"},
        {"include_dir conf.d", "include_dir"},
        {"host \"all all all md5", "quotation mark"},
    };
    for (const auto& [line, problem] : mistakes) {
        INFO(line);
        const auto error = mistake(std::string("host all all all md5\n\n") + line + "\nhost all all all md5\n");
        CHECK(error.line == 3);
        CHECK(error.file == "/etc/hba");
        CHECK(error.problem.find(problem) != std::string::npos);
    }
    CHECK(mistake("# nothing\n").problem == "the file contains no entries");
    CHECK(mistake(std::string("host all all all md5\n\0", 22)).problem.find("zero byte") != std::string::npos);
}

TEST_CASE("a mistake in another file is told with that file's name, and files that name each other end somewhere") {
    const auto error = mistake("include more\n", {{"/etc/more", "\n\nhost all all all nonsense\n"}});
    CHECK((error.file == "/etc/more" && error.line == 3));
    CHECK(mistake("include hba\n").problem.find("10 deep") != std::string::npos);
    CHECK(mistake("host @names all all md5\n", {{"/etc/names", "@names"}}).problem.find("10 deep") != std::string::npos);
    // Within the depth, but more and more: names are counted.
    CHECK(mistake("host @a all all md5\n", {{"/etc/a", [] {
        std::string text;
        for (int i = 0; i < 100'001; ++i) text += "x ";
        return text;
    }()}}).problem.find("more than 100000 names") != std::string::npos);
}

TEST_CASE("addresses as text") {
    for (const auto* text : {"1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.", "", "1.2.3.4 ", "::g", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "::1.2.3", "1.2.3.4::", "::1%lo",
                             "1:2:3:4:5:6:7::8", "+1.2.3.4", "-1.2.3.4", "::-1"}) {
        INFO(text);
        CHECK_FALSE(IpAddress::parse(text).has_value());
    }
    CHECK(IpAddress::parse("::ffff:192.0.2.1") == IpAddress::parse("::FFFF:C000:201"));
    CHECK(IpAddress::parse("1:2:3:4:5:6:7:8")->bytes[15] == 8);
    CHECK(IpAddress::parse("1::")->bytes[1] == 1);
    CHECK(IpAddress::parse("::") == IpAddress::parse("0:0:0:0:0:0:0:0"));
    CHECK_FALSE(IpAddress::parse("0.0.0.0") == IpAddress::parse("::"));
}
