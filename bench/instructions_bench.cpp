// One kind of conversation, many times, through a Session without sockets: what is counted is Larder's own work per
// request, in instructions, which a busy machine does not change.
//
//   bench_instructions SCENARIO COUNT      run under callgrind with --toggle-collect='*counted*' (bench/instructions)
//   bench_instructions --list
//
// Only run_counted() and what it calls is collected, so that logging in and warming up cost nothing. Every answer is
// checked for its length, and every hit for having been one.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "cache/cache.h"
#include "protocol/authentication.h"
#include "protocol/backend.h"
#include "protocol/frontend.h"
#include "protocol/startup.h"
#include "proxy/session/session.h"
#include "proxy/session/statement_memo.h"
#include "rules/catalogue.h"

namespace larder::bench {
namespace {

using namespace std::string_literals;

constexpr std::size_t kReadBufferBytes = 128 * 1024;  // as the worker's
constexpr int kLargeRows = 10'000;                    // of 114 bytes each

[[noreturn]] void die(const char* what) {
    std::fprintf(stderr, "bench_instructions: %s\n", what);
    std::exit(1);
}

class NoOutcomes : public session::UnknownOutcomes {
public:
    void keep(cache::WriteTicket, std::int32_t) override { die("an outcome is unknown"); }
};

class NoWaiter : public cache::FlightWaiter {
public:
    void on_result(cache::ResultRef) override {}
    void on_no_result(bool) override {}
};

std::string query(Bytes text) {
    std::string out;
    protocol::Query{text}.append_to(out);
    return out;
}

// What pgbench and most drivers send for a statement that is prepared.
std::string execution(Bytes statement, Bytes value) {
    std::string out;
    const protocol::ValueList::Value values[] = {value};
    protocol::append_bind(out, {}, statement, {}, values, {});
    protocol::Describe{protocol::Target::portal, {}}.append_to(out);
    protocol::Execute{{}, 0}.append_to(out);
    out.append(protocol::kSync);
    return out;
}

std::string ready(char status) { return std::string(protocol::ready_for_query(status)); }

std::string complete(Bytes tag) {
    std::string out;
    protocol::CommandComplete{tag}.append_to(out);
    return out;
}

std::string rows(int count, std::size_t pad_bytes) {
    const std::string pad(pad_bytes, 'x');
    const protocol::Field fields[] = {{.name = "v", .type = 20, .type_bytes = 8}, {.name = "pad", .type = 25, .type_bytes = -1}};
    std::string out;
    protocol::append_row_description(out, fields);
    const protocol::ValueList::Value values[] = {Bytes("4711"), Bytes(pad)};
    for (int i = 0; i < count; ++i) protocol::append_data_row(out, values);
    return out + complete("SELECT " + std::to_string(count));
}

const std::string& row() {
    static const std::string bytes = rows(1, 80);
    return bytes;
}

// One upstream with one table, one client that is logged in, and a server that says what the scenario says.
class Talk {
public:
    Talk() {
        upstream_.set_instance_number(42);
        upstream_.set_not_serving(rules::Reason::none);
        publish_catalogue();
        log_in();
    }
    ~Talk() {
        session::Outputs out{to_client_, to_server_};
        session_->on_client_closed(out);
    }

    // From the client, in pieces as a worker reads them. Returns how many bytes came back to it, and leaves those for the server.
    std::size_t client(Bytes bytes) { return feed(bytes, true); }
    std::size_t server(Bytes bytes) { return feed(bytes, false); }
    std::size_t server_bytes() const { return server_bytes_; }
    std::uint64_t hits() const { return context_.metrics.hits.value(); }
    void pass_time() { context_.now.us += 5'000; }
    void expect(std::size_t got, std::size_t wanted) const {
        if (got != wanted) die("an answer has the wrong length");
    }

private:
    std::size_t feed(Bytes bytes, bool from_client) {
        session::Outputs out{to_client_, to_server_};
        std::size_t received = 0;
        server_bytes_ = 0;
        while (!bytes.empty()) {
            const Bytes piece = bytes.substr(0, kReadBufferBytes);
            const std::size_t used = from_client ? session_->on_client_bytes(piece, out) : session_->on_server_bytes(piece, out);
            if (used == 0) die("the session does not go on");
            bytes.remove_prefix(used);
            received += to_client_.size();
            server_bytes_ += to_server_.size();
            write_out(to_client_);
            write_out(to_server_);
            const auto needs = session_->take_needs();
            if (needs.connect_server) wants_server_ = true;
            else if (needs.any()) die("the session wants something");
        }
        return received;
    }

    static void write_out(session::OutputQueue& queue) {
        while (!queue.empty()) {
            Bytes pieces[64];
            const std::size_t count = queue.pieces(pieces, 64);
            std::size_t bytes = 0;
            for (std::size_t i = 0; i < count; ++i) bytes += pieces[i].size();
            queue.consume(bytes);
        }
        queue.clear();
    }

    void publish_catalogue() {
        rules::CatalogueRows catalogue;
        catalogue.database = "shop";
        catalogue.server_version_num = 150000;
        rules::RelationRow table;
        table.oid = 101;
        table.schema = "public";
        table.name = "t";
        table.kind = rules::RelationKind::table;
        catalogue.relations = {table};
        auto& database = upstream_.database("shop");
        auto facts = std::make_shared<session::CatalogueFacts>();
        facts->server_word = upstream_.counters.server.load();
        facts->catalogue_word = database.counters().catalogue.load();
        facts->catalogue = rules::Catalogue::build(std::move(catalogue));
        if (!database.publish(std::move(facts))) die("the catalogue was refused");
    }

    void log_in() {
        session::ClientInfo info;
        info.id = 1;
        info.key = *protocol::CancelKey::make(99, "key4");
        info.key_secret_long = std::string(32, 'k');
        session_ = std::make_unique<session::Session>(context_, info, waiter_);
        protocol::StartupParametersBuilder parameters;
        parameters.add("user", "app").add("database", "shop");
        std::string startup;
        parameters.append_message_to(startup);
        client(startup);
        if (!wants_server_) die("the session does not connect");
        session::Outputs out{to_client_, to_server_};
        session_->on_server_connected(false, out);
        write_out(to_server_);
        std::string login(protocol::kAuthenticationOk);
        protocol::BackendKeyData{7, "1234"}.append_to(login);
        server(login + ready('I'));
        answer({"f", "t", "t", "7"});
        std::vector<std::string> values = {"app", "app", "{pg_catalog,public}", "none"};
        for (const auto name : rules::kKeyedSettings) values.push_back(setting(name));
        answer(values);
        if (!session_->is_logged_in()) die("the session is not logged in");
    }

    static std::string setting(std::string_view name) {
        if (name == "standard_conforming_strings") return "on";
        if (name == "backslash_quote") return "safe_encoding";
        if (name == "transform_null_equals") return "off";
        if (name == "client_encoding") return "UTF8";
        if (name == "default_transaction_isolation") return "read committed";
        return name == "search_path" ? "public" : "x";
    }

    // Of a question of the session's own.
    void answer(const std::vector<std::string>& columns) {
        std::vector<protocol::ValueList::Value> values;
        for (const auto& column : columns) values.emplace_back(Bytes(column));
        std::string data;
        protocol::append_data_row(data, values);
        server("1\0\0\0\4" "2\0\0\0\4"s + data + complete("SELECT 1") + "3\0\0\0\4" "3\0\0\0\4"s + ready('I'));
    }

    session::UpstreamState upstream_{4711};
    cache::Cache cache_{cache::CacheLimits{.bytes_max = 256u << 20, .entry_bytes_max = 4u << 20}};
    rules::EnvironmentPool environments_;
    NoOutcomes outcomes_;
    NoWaiter waiter_;
    session::StatementMemo memo_{1000, 1 << 20};
    session::TrafficRecords traffic_{1000};
    session::Context context_{.now = Instant{1'000'000},
                              .upstream = upstream_,
                              .cache = cache_,
                              .environments = environments_,
                              .unknown_outcomes = outcomes_,
                              .rules = std::make_shared<rules::UserRules>(),
                              .has_upstream_login = true,
                              .memo = &memo_,
                              .traffic = &traffic_,
                              .clock_us = [] { return now().us; }};
    std::unique_ptr<session::Session> session_;
    session::OutputQueue to_client_, to_server_;
    std::size_t server_bytes_ = 0;
    bool wants_server_ = false;
};

// --- scenarios: each prepares its talk and returns what is done once per request

using Step = std::function<void(int)>;

Step repeat_hit(Talk& talk, std::string request, const std::string& answer) {
    talk.client(request);
    talk.expect(talk.server(answer), answer.size());
    return [&talk, request = std::move(request), bytes = answer.size()](int) { talk.expect(talk.client(request), bytes); };
}

Step repeat_fetch(Talk& talk, std::string request, std::string answer) {
    return [&talk, request = std::move(request), answer = std::move(answer)](int) {
        talk.expect(talk.client(request), 0);
        talk.expect(talk.server_bytes(), request.size());
        talk.expect(talk.server(answer), answer.size());
    };
}


void prepare(Talk& talk, Bytes text) {
    std::string message;
    protocol::append_parse(message, "s", text);
    message.append(protocol::kSync);
    talk.client(message);
    talk.server("1\0\0\0\4"s + ready('I'));
}

std::string bound(const std::string& answer) { return "2\0\0\0\4"s + answer + ready('I'); }

Step hit_simple(Talk& talk) { return repeat_hit(talk, query("SELECT v, pad FROM t WHERE k = 1"), row() + ready('I')); }

Step hit_prepared(Talk& talk) {
    prepare(talk, "SELECT v, pad FROM t WHERE k = $1");
    return repeat_hit(talk, execution("s", "1"), bound(row()));
}

Step hit_extended(Talk& talk) {
    std::string request;
    protocol::append_parse(request, {}, "SELECT v, pad FROM t WHERE k = $1");
    return repeat_hit(talk, request + execution({}, "1"), "1\0\0\0\4"s + bound(row()));
}

Step hit_large(Talk& talk) { return repeat_hit(talk, query("SELECT v, pad FROM t"), rows(kLargeRows, 95) + ready('I')); }

Step block(Talk& talk) {
    const auto first = query("SELECT v, pad FROM t WHERE k = 1"), second = query("SELECT v, pad FROM t WHERE k = 2");
    repeat_hit(talk, first, row() + ready('I'));
    repeat_hit(talk, second, row() + ready('I'));
    return [&talk, first, second, begin = query("BEGIN"), commit = query("COMMIT")](int) {
        talk.client(begin);
        talk.server(complete("BEGIN") + ready('T'));
        talk.expect(talk.client(first), row().size() + 6);
        talk.expect(talk.client(second), row().size() + 6);
        talk.client(commit);
        talk.server(complete("COMMIT") + ready('I'));
    };
}

Step pass_simple(Talk& talk) { return repeat_fetch(talk, query("/* larder: off */ SELECT v, pad FROM t WHERE k = 1"), row() + ready('I')); }

Step pass_prepared(Talk& talk) {
    prepare(talk, "/* larder: off */ SELECT v, pad FROM t WHERE k = $1");
    return repeat_fetch(talk, execution("s", "1"), bound(row()));
}

Step pass_large(Talk& talk) { return repeat_fetch(talk, query("/* larder: off */ SELECT v, pad FROM t"), rows(kLargeRows, 95) + ready('I')); }

Step cold_simple(Talk& talk) {
    return [&talk, answer = row() + ready('I')](int number) {
        const auto request = query("SELECT v, pad FROM t WHERE k = " + std::to_string(100'000 + number));
        talk.expect(talk.client(request), 0);
        talk.pass_time();
        talk.expect(talk.server(answer), answer.size());
    };
}

Step cold_prepared(Talk& talk) {
    prepare(talk, "SELECT v, pad FROM t WHERE k = $1");
    return [&talk, answer = bound(row())](int number) {
        const auto request = execution("s", std::to_string(100'000 + number));
        talk.expect(talk.client(request), 0);
        talk.pass_time();
        talk.expect(talk.server(answer), answer.size());
    };
}

Step write_simple(Talk& talk) { return repeat_fetch(talk, query("UPDATE t SET v = v + 1 WHERE k = 1"), complete("UPDATE 1") + ready('I')); }

struct Scenario {
    Step (*make)(Talk&);
    std::uint64_t hits_per_request;
};

const std::map<std::string, Scenario> kScenarios = {
    {"hit-simple", {hit_simple, 1}},      {"hit-prepared", {hit_prepared, 1}}, {"hit-extended", {hit_extended, 1}}, {"hit-large", {hit_large, 1}},
    {"block", {block, 2}},                {"pass-simple", {pass_simple, 0}},   {"pass-prepared", {pass_prepared, 0}}, {"pass-large", {pass_large, 0}},
    {"cold-simple", {cold_simple, 0}},    {"cold-prepared", {cold_prepared, 0}}, {"write-simple", {write_simple, 0}},
};

}  // namespace

// Not inlined and of external linkage: callgrind finds it by its name.
__attribute__((noinline)) void run_counted(const Step& step, int first, int count) {
    for (int i = 0; i < count; ++i) step(first + i);
}

int run(const std::string& name, int count) {
    const auto found = kScenarios.find(name);
    if (found == kScenarios.end() || count <= 0) die("usage: bench_instructions SCENARIO COUNT; --list names the scenarios");
    constexpr int kWarmUp = 20;
    Talk talk;
    const Step step = found->second.make(talk);
    for (int i = 0; i < kWarmUp; ++i) step(i);
    const auto hits_before = talk.hits();
    run_counted(step, kWarmUp, count);
    if (talk.hits() - hits_before != found->second.hits_per_request * static_cast<std::uint64_t>(count)) die("a hit was none, or the other way round");
    return 0;
}

int list() {
    for (const auto& [name, scenario] : kScenarios) std::printf("%s\n", name.c_str());
    return 0;
}

}  // namespace larder::bench

int main(int argc, char** argv) {
    if (argc == 2 && std::strcmp(argv[1], "--list") == 0) return larder::bench::list();
    if (argc != 3) return std::fprintf(stderr, "usage: bench_instructions SCENARIO COUNT | --list\n"), 2;
    return larder::bench::run(argv[1], std::atoi(argv[2]));
}
