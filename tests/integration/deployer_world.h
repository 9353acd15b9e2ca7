// What tests of deployments share: a table on a real PostgreSQL, traffic that a test sets, and a history in a folder of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

#include <catch2/catch.hpp>

#include <libpq-fe.h>
#include <unistd.h>

#include "advisor/deployer.h"

namespace larder::advisor {

using std::chrono::milliseconds;

struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
};

inline const char* server_uri() {
    const char* uri = std::getenv("LARDER_TEST_PGURI");
    if (uri == nullptr || *uri == '\0') {
        std::cout << "LARDER_TEST_PGURI names no server\n";
        std::exit(77);
    }
    return uri;
}

class Session {
public:
    Session() : connection_(PQconnectdb(server_uri())) { REQUIRE(PQstatus(connection_.get()) == CONNECTION_OK); }
    // The first value of the first row, or "".
    std::string run(const std::string& text) {
        PGresult* result = PQexec(connection_.get(), text.c_str());
        const auto status = PQresultStatus(result);
        const std::string value = PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "";
        PQclear(result);
        INFO(text << ": " << PQerrorMessage(connection_.get()));
        REQUIRE((status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK));
        return value;
    }
    // Until COMMIT an index is not built, and not dropped.
    void hold_table() {
        run("BEGIN");
        run("INSERT INTO deployed VALUES (0, 0)");
    }
    // Scans the index, and has that counted.
    void use_index() {
        run("SET enable_seqscan = off");
        run("SELECT count(*) FROM deployed WHERE k = 5");
        run("SELECT pg_stat_force_next_flush()");
        run("SELECT 1");
    }
    // Without waiting for what comes of it.
    void send(const std::string& text) { REQUIRE(PQsendQuery(connection_.get(), text.c_str()) == 1); }
    // What becomes of a statement that is not to succeed.
    void try_run(const std::string& text) { PQclear(PQexec(connection_.get(), text.c_str())); }
    // "": no such index.
    std::string is_valid(const std::string& index) { return run("SELECT i.indisvalid FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid WHERE relname = '" + index + "'"); }

private:
    std::unique_ptr<PGconn, Finish> connection_;
};

// What was before the watch, and, once that was asked for, what came since.
class Traffic final : public TrafficSource {
public:
    Work statement(const std::string&) const override {
        if (++asked_ == 1) return {100, 900'000};
        if (asked_ == 2 && since_) since_();
        return {100 + statement_since.calls, 900'000 + statement_since.microseconds};
    }
    Work statement_with_hits(const std::string& subject) const override { return statement(subject); }
    Work writers(const std::string&, unsigned table) const override {
        if (table == 0) return {};
        return asked_ == 1 ? Work{1000, 50'000} : Work{1000 + writers_since.calls, 50'000 + writers_since.microseconds};
    }
    Work statement_since{100, 100 * 50}, writers_since;
    std::function<void()> since_;

private:
    mutable std::atomic<int> asked_ = 0;
};

// A table of its own for each test, and a history in a folder that goes with it.
struct World {
    World() : folder(std::filesystem::temp_directory_path() / ("larder-deployer-" + std::to_string(::getpid()))) {
        std::filesystem::create_directories(folder);
        session.run("DROP TABLE IF EXISTS deployed; CREATE TABLE deployed AS SELECT i AS id, i % 1000 AS k FROM generate_series(1, 20000) i");
        options.uri = [](const std::string&) { return std::string(server_uri()); };
        options.history_file = folder / "history.jsonl";
        options.lock_timeout = milliseconds(100);
        options.retry_wait = milliseconds(50);
        options.poll = milliseconds(20);
        options.watch.time = std::chrono::seconds(0);
    }
    ~World() {
        session.try_run("DROP TABLE IF EXISTS deployed");
        std::filesystem::remove_all(folder);
    }
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    static Order order(const std::string& create = "CREATE INDEX CONCURRENTLY deployed_k ON public.deployed (k)") {
        Order order;
        order.title = "Make an index", order.kind = "btree_single", order.subject = "key", order.statement = "SELECT * FROM deployed WHERE k = $1";
        order.deploy = {create}, order.undo = {"DROP INDEX CONCURRENTLY public.deployed_k"}, order.asked_by = "postgres";
        return order;
    }

    static Order drop_order() {
        Order order;
        order.kind = "drop_index", order.asked_by = "postgres";
        order.deploy = {"DROP INDEX CONCURRENTLY public.deployed_k"}, order.undo = {"CREATE INDEX deployed_k ON public.deployed USING btree (k)"};
        return order;
    }

    // A hang is ctest's to end.
    static Deployment wait_for(const Deployer& deployer, int id, std::initializer_list<DeploymentState> states) {
        for (;;) {
            const auto found = deployer.find(id);
            REQUIRE(found);
            for (const auto state : states) {
                if (found->state == state) return *found;
            }
            std::this_thread::sleep_for(milliseconds(5));
        }
    }

    // What an earlier process left: `begun_by` as in Deployment.
    void write_history(int id, const Order& ordered, DeploymentState state, const std::string& begun_by, std::size_t steps_done = 0) const {
        History history(options.history_file);
        Deployment left;
        left.id = id, left.order = ordered, left.state = state, left.begun_by = begun_by, left.steps_done = steps_done;
        history.append(left);
    }

    Session session;
    Traffic traffic;
    DeployerOptions options;
    std::filesystem::path folder;
};

// A deployment that a writer holds up, and that is tried until he is gone.
struct HeldUp : World {
    HeldUp() {
        options.watch.time = std::chrono::hours(1);
        options.attempts = 1000;
        deployer = std::make_unique<Deployer>(options, traffic);
        writer.hold_table();
        id = deployer->deploy(order()).id;
        while (deployer->progress().find("attempt") == std::string::npos) std::this_thread::sleep_for(milliseconds(5));
    }
    void let_go() { writer.run("COMMIT"); }

    Session writer;
    std::unique_ptr<Deployer> deployer;
    int id = 0;
};

inline std::string last_text(const Deployment& deployment) { return deployment.events.back().text; }

}  // namespace larder::advisor
