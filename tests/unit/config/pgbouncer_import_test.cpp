// A PgBouncer's configuration as a larder.toml: what is taken over, what is said of the rest, and that Larder takes the outcome.
#include "config/pgbouncer_import.h"

#include <catch2/catch.hpp>

#include <sstream>

#include "config/config.h"
#include "config/ini_file.h"
#include "config/load.h"
#include "temp_file.h"

using namespace larder::config;

namespace {

std::string imported(const std::string& ini, const std::string& user_list = {}) {
    const auto text = import_pgbouncer(TempFile(ini).path(), user_list);
    // Whatever comes out, Larder reads it.
    load(TempFile(text).path(), {});
    return text;
}

bool has(const std::string& text, const std::string& line) { return ("\n" + text).find("\n" + line + "\n") != std::string::npos; }

}  // namespace

TEST_CASE("the usual configuration is taken over") {
    const auto text = imported("; a comment\n[databases]\n* = host=db.example port=6000\n\n[pgbouncer]\nlisten_addr = *\nlisten_port = 7000\nauth_type = scram-sha-256\nauth_file = /etc/users.txt\n"
                               "auth_user = asker\nauth_query = SELECT * FROM user_lookup($1)\npool_mode = transaction\ndefault_pool_size = 30\nmax_client_conn = 500\nquery_wait_timeout = 30\n"
                               "server_idle_timeout = 600\nserver_lifetime = 3600.5\nadmin_users = anna, bert\nstats_users = carl\nserver_tls_sslmode = require\nclient_tls_sslmode = verify-full\n"
                               "client_tls_cert_file = /c\nclient_tls_key_file = /k\n");
    for (const auto* line : {"address = \"*:7000\"", "auth_file = \"/etc/users.txt\"", "auth_user = \"asker\"", "auth_query = \"SELECT * FROM user_lookup($1)\"", "mode = \"transaction\"", "size = 30",
                             "clients_max = 500", "max_wait = \"30s\"", "idle_timeout = \"10min\"", "lifetime = \"3600500ms\"", "admin_users = \"anna, bert\"", "stats_users = \"carl\"",
                             "tls = \"require\"", "uri = \"host=db.example port=6000 sslmode=require\"", "tls_cert_file = \"/c\""}) {
        INFO(line << "\n" << text);
        CHECK(has(text, line));
    }
}

TEST_CASE("what has no counterpart is said with its line, and values that may be secret are not repeated") {
    const auto text = imported("[databases]\nshop = host=a port=5432 dbname=shop_v2 user=owner password=hunter2 pool_size=5\nbank = host=b\n[users]\nanna = pool_mode=session\n[peers]\n1 = host=c\n"
                               "[pgbouncer]\nreserve_pool_size = 5\nserver_reset_query = DISCARD ALL\nmade_up = 7\nquery_wait_timeout = 0\npool_mode = quick\nlisten_addr = 127.0.0.1,10.0.0.1\n");
    CHECK(text.find("hunter2") == std::string::npos);
    for (const auto* part : {":2: [databases] shop: no counterpart: a database has the server's own name here", ":2: [databases] shop: user: no counterpart: clients log in at the server under their own names",
                             ":2: [databases] shop: pool_size: no counterpart: settings of single databases", ":3: [databases] bank: is on another server", ":5: [users] anna: no counterpart",
                             ":7: [peers] 1: no counterpart", ":9: reserve_pool_size = 5: no counterpart: add it to pool.size", ":10: server_reset_query = DISCARD ALL: not needed",
                             ":11: made_up = 7: no counterpart", ":12: query_wait_timeout = 0: pool.max_wait is one day at the most", ":13: pool_mode = quick: pool.mode must be",
                             ":14: listen_addr = 127.0.0.1,10.0.0.1: only the first address was taken"}) {
        INFO(part << "\n" << text);
        CHECK(text.find(part) != std::string::npos);
    }
    CHECK(has(text, "max_wait = \"1d\""));
}

TEST_CASE("logins: a user list that is named goes first, and rules count only where PgBouncer used them") {
    const std::string files = "[databases]\n* = host=a\n[pgbouncer]\nlisten_addr = 127.0.0.1\nauth_file = users.txt\nauth_hba_file = hba.conf\n";
    CHECK(has(imported(files, "/etc/userlist.txt"), "auth_file = \"/etc/userlist.txt\""));
    CHECK(has(imported(files + "auth_type = hba\n"), "hba_file = \"hba.conf\""));
    CHECK_FALSE(has(imported(files + "auth_type = md5\n"), "hba_file = \"hba.conf\""));
    CHECK(imported("[databases]\n* = host=a\n[pgbouncer]\nauth_type = trust\n").find("auth_type = trust: no counterpart") != std::string::npos);
}

TEST_CASE("other files are included, and mistakes have a place") {
    const TempFile more("[pgbouncer]\ndefault_pool_size = 7\n");
    CHECK(has(imported("[databases]\n* = host=a\n%include " + more.path() + "\n"), "size = 7"));
    CHECK(has(imported("[databases]\n* = host=a\n%include " + more.path().substr(more.path().rfind('/') + 1) + "\n"), "size = 7"));
    const std::pair<const char*, const char*> mistakes[] = {{"[databases]\nnonsense\n", ":2: "}, {"key = 1\n", ":1: a key stands before"}, {"[databases\n", ":1: a section ends"},
                                                            {"[other]\na = b\n", ":2: unknown section"}, {"%include /not/there\n", ":1: cannot read /not/there"},
                                                            {"[databases]\na = host='x\n", ":2: a connection string with a quote"}};
    for (const auto& [text, problem] : mistakes) {
        INFO(text);
        CHECK_THROWS_WITH(imported(text), Catch::Contains(problem));
    }
    CHECK_THROWS_AS(import_pgbouncer("/not/there", ""), ConfigError);
}

TEST_CASE("connection strings") {
    using Words = std::vector<std::pair<std::string, std::string>>;
    CHECK(connection_words("host=a  port = 1 dbname='it''s x' user=''") == Words{{"host", "a"}, {"port", "1"}, {"dbname", "it's x"}, {"user", ""}});
    CHECK(connection_words("").empty());
    CHECK(connection_words("a=") == Words{{"a", ""}});
    CHECK_THROWS_AS(connection_words("host"), std::invalid_argument);
}

TEST_CASE("the command") {
    std::ostringstream out, err;
    CHECK(run_import({}, out, err) == 2);
    CHECK(run_import({"a", "b", "c"}, out, err) == 2);
    CHECK(run_import({"--help"}, out, err) == 0);
    CHECK(out.str().starts_with("Usage: larder import"));
}
