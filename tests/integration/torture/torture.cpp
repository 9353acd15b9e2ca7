// Torture: many writers and readers on a real PostgreSQL through Larder, and a checker that knows what each read may see.
//
//   torture URI SECONDS [SEED]      ends with 0 if every read was right; prints what was wrong, and counts
//
// Model. A register is a value that lives somewhere in the database (a row, a row changed by a cascade, a whole table and what its trigger writes)
// and is only ever raised. One writer at a time writes it (a mutex of ours), so its history is a sequence. For each register
//   acknowledged   the newest value whose commit was acknowledged to its writer
//   observed       the newest value that any reader was given
//   issued         the newest value that any writer has sent
// A read that starts when max(acknowledged, observed) is m has to give at least m, and at most `issued` as it is when the read ends: that is
// linearizability of a monotonic register. Values that are rolled back are negative; a negative value is a dirty read.
// Rows that are changed together have to be seen together, and transfers keep the sum of all accounts: anything else is a torn read.
#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kRows = 12;          // few, so that readers and writers meet
constexpr int kFamilies = 4;
constexpr int kSlots = 6;
constexpr int kAccounts = 8;
constexpr int kAccountStart = 1000;
constexpr int kWriters = 4;
constexpr int kReaders = 8;
constexpr std::size_t kFailuresShown = 20;

struct Register {
    std::mutex writing;
    std::atomic<std::int64_t> issued{0};
    std::atomic<std::int64_t> acknowledged{0};
    std::atomic<std::int64_t> observed{0};
};

struct World {
    std::array<Register, kRows + 1> rows;          // counter.n, and by cascade shadow.n; [0] unused
    std::array<Register, kFamilies + 1> families;  // the key of parent, and by cascade child.parent_id; [0] unused
    std::array<Register, kSlots + 1> slots;        // slot.n, by name, by owner, and by an id that changes; [0] unused
    Register heap;                                 // the only row of a table that is truncated
    std::atomic<bool> running{true};
    std::atomic<bool> calm{false};                 // see change_schema()
    std::atomic<std::int64_t> reads{0}, writes{0}, changes{0};
    std::mutex failures_mutex;
    std::vector<std::string> failures;

    void fail(const std::string& what) {
        const std::lock_guard lock(failures_mutex);
        if (failures.size() < kFailuresShown) failures.push_back(what);
        running = false;
    }
};

void raise_to(std::atomic<std::int64_t>& value, std::int64_t least) {
    std::int64_t seen = value.load();
    while (seen < least && !value.compare_exchange_weak(seen, least)) {
    }
}

// An error of the server. A statement that ended so has changed nothing.
class ServerError : public std::runtime_error {
public:
    ServerError(std::string state, const std::string& text) : std::runtime_error(text), state_(std::move(state)) {}
    // Deadlocks are part of the game where several rows or tables are locked while DDL runs.
    bool is_deadlock() const { return state_ == "40P01"; }

private:
    std::string state_;
};

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

class Connection {
public:
    explicit Connection(const std::string& uri) : handle_(PQconnectdb(uri.c_str()), &PQfinish) {
        if (PQstatus(handle_.get()) != CONNECTION_OK) throw std::runtime_error(std::string("connect: ") + PQerrorMessage(handle_.get()));
        PQsetNoticeProcessor(handle_.get(), [](void*, const char*) {}, nullptr);
    }

    PGconn* raw() { return handle_.get(); }

    Result exec(const std::string& sql) { return checked(PQexec(raw(), sql.c_str())); }

    Result exec_params(const std::string& sql, const std::vector<std::string>& values, int result_format = 0) {
        const auto pointers = pointers_to(values);
        return checked(PQexecParams(raw(), sql.c_str(), static_cast<int>(values.size()), nullptr, pointers.data(), nullptr, nullptr, result_format));
    }

    // Prepared at its first use on this connection.
    Result exec_prepared(const std::string& sql, const std::vector<std::string>& values) {
        const auto known = std::find(prepared_.begin(), prepared_.end(), sql);
        const std::string name = "s" + std::to_string(known - prepared_.begin());
        if (known == prepared_.end()) {
            checked(PQprepare(raw(), name.c_str(), sql.c_str(), 0, nullptr));
            prepared_.push_back(sql);
        }
        const auto pointers = pointers_to(values);
        return checked(PQexecPrepared(raw(), name.c_str(), static_cast<int>(values.size()), pointers.data(), nullptr, nullptr, 0));
    }

    void copy_in(const std::string& sql, const std::string& data) {
        checked(PQexec(raw(), sql.c_str()));
        PQputCopyData(raw(), data.data(), static_cast<int>(data.size()));
        PQputCopyEnd(raw(), nullptr);
        checked(PQgetResult(raw()));
        while (Result rest{PQgetResult(raw()), &PQclear}) {
        }
    }

    Result checked(PGresult* result) {
        Result owned(result, &PQclear);
        const auto status = PQresultStatus(result);
        if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_COPY_IN || status == PGRES_PIPELINE_SYNC) return owned;
        const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        if (PQstatus(raw()) != CONNECTION_OK || !state) throw std::runtime_error(std::string("connection lost: ") + PQerrorMessage(raw()));
        throw ServerError(state, PQresultErrorMessage(result));
    }

    void leave_block() {
        if (PQtransactionStatus(raw()) != PQTRANS_IDLE) exec("ROLLBACK");
    }

private:
    static std::vector<const char*> pointers_to(const std::vector<std::string>& values) {
        std::vector<const char*> pointers;
        for (const auto& value : values) pointers.push_back(value.c_str());
        return pointers;
    }

    std::unique_ptr<PGconn, decltype(&PQfinish)> handle_;
    std::vector<std::string> prepared_;
};

std::int64_t number(const Result& result, int row = 0, int column = 0) {
    if (PQntuples(result.get()) <= row || PQgetisnull(result.get(), row, column)) throw std::runtime_error("a row is missing");
    if (PQfformat(result.get(), column) == 0) return std::atoll(PQgetvalue(result.get(), row, column));
    std::uint64_t value = 0;  // int8 in binary: eight bytes, the most significant first
    for (int i = 0; i < PQgetlength(result.get(), row, column); ++i) value = value << 8 | static_cast<unsigned char>(PQgetvalue(result.get(), row, column)[i]);
    return static_cast<std::int64_t>(value);
}

void set_up(const std::string& uri) {
    Connection connection(uri);
    for (const char* sql : {
             "CREATE TABLE counter (id int PRIMARY KEY, n bigint NOT NULL, note text, UNIQUE (id, n))",
             "CREATE TABLE shadow (id int PRIMARY KEY, n bigint NOT NULL, FOREIGN KEY (id, n) REFERENCES counter (id, n) ON UPDATE CASCADE ON DELETE CASCADE)",
             "CREATE TABLE parent (slot int PRIMARY KEY, id bigint UNIQUE NOT NULL)",
             "CREATE TABLE child (slot int PRIMARY KEY, parent_id bigint NOT NULL REFERENCES parent (id) ON UPDATE CASCADE ON DELETE CASCADE)",
             "CREATE TABLE heap (n bigint NOT NULL)",
             "CREATE TABLE echo (n bigint NOT NULL)",
             "CREATE TABLE slot (id serial PRIMARY KEY, name text UNIQUE, owner int NOT NULL, n bigint NOT NULL)",
             "CREATE INDEX ON slot (owner)",
             "CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL)",
             "CREATE VIEW plain_view AS SELECT id, n FROM counter",
             "CREATE VIEW joined_view AS SELECT c.id, c.n, s.n AS shadow_n FROM counter c JOIN shadow s USING (id)",
             "CREATE FUNCTION echo() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN UPDATE echo SET n = NEW.n; RETURN NULL; END$$",
             "CREATE TRIGGER echo AFTER INSERT ON heap FOR EACH ROW EXECUTE FUNCTION echo()",
             "CREATE FUNCTION set_counter(int, bigint) RETURNS bigint LANGUAGE plpgsql AS $$BEGIN UPDATE counter SET n = $2 WHERE id = $1; RETURN $2; END$$",
             "CREATE FUNCTION get_counter(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT n FROM counter WHERE id = $1'",
             "CREATE PROCEDURE set_and_commit(int, bigint) LANGUAGE plpgsql AS $$BEGIN UPDATE counter SET n = -$2 WHERE id = $1; ROLLBACK; "
             "UPDATE counter SET n = $2 WHERE id = $1; COMMIT; END$$",
         })
        connection.exec(sql);
    connection.exec("INSERT INTO counter SELECT i, 0, 'start' FROM generate_series(1, " + std::to_string(kRows) + ") i");
    connection.exec("INSERT INTO parent SELECT i, i FROM generate_series(1, " + std::to_string(kFamilies) + ") i");
    connection.exec("INSERT INTO child SELECT slot, id FROM parent");
    connection.exec("INSERT INTO shadow SELECT id, n FROM counter");
    connection.exec("INSERT INTO echo VALUES (0)");
    connection.exec("INSERT INTO heap VALUES (0)");
    connection.exec("INSERT INTO slot (name, owner, n) SELECT 'slot ' || i, i, 0 FROM generate_series(1, " + std::to_string(kSlots) + ") i");
    connection.exec("INSERT INTO account SELECT i, " + std::to_string(kAccountStart) + " FROM generate_series(1, " + std::to_string(kAccounts) + ") i");
}

// ---- writers

using Random = std::mt19937_64;

int pick(Random& random, int least, int most) { return std::uniform_int_distribution<int>(least, most)(random); }

// Code that Larder does not look into may be DDL, so that every entry goes and the catalogue is read again. Such ways are taken this
// rarely, or there would be no hit left to be wrong.
constexpr int kOpaqueOneIn = 60;
constexpr int kOpaqueReadOneIn = 3000;

template <typename Way>
const Way& draw(const World& world, const std::vector<Way>& ways, Random& random, int opaque_one_in) {
    for (;;) {
        const Way& way = ways[static_cast<std::size_t>(pick(random, 0, static_cast<int>(ways.size()) - 1))];
        if (!way.is_opaque || (!world.calm && pick(random, 1, opaque_one_in) == 1)) return way;
    }
}

// One way of setting counter.n of a row. Returns whether the value was committed.
struct RowWrite {
    const char* name;
    std::function<bool(Connection&, const std::string& id, const std::string& n)> run;
    bool is_opaque = false;
};

std::string update_text(const std::string& id, const std::string& n) { return "UPDATE counter SET n = " + n + " WHERE id = " + id; }

bool write_in_pipeline(Connection& connection, const std::string& id, const std::string& n) {
    PGconn* raw = connection.raw();
    const char* values[] = {n.c_str(), id.c_str()};
    PQenterPipelineMode(raw);
    PQsendQueryParams(raw, "UPDATE counter SET n = $1 WHERE id = $2", 2, nullptr, values, nullptr, nullptr, 0);
    PQsendQueryParams(raw, "SELECT n FROM counter WHERE id = $1", 1, nullptr, values + 1, nullptr, nullptr, 0);
    PQpipelineSync(raw);
    std::string error, seen;
    bool synced = false;
    while (!synced) {
        Result result(PQgetResult(raw), &PQclear);
        if (!result) {
            if (PQstatus(raw) != CONNECTION_OK) throw std::runtime_error("connection lost in a pipeline");
            continue;
        }
        const auto status = PQresultStatus(result.get());
        if (status == PGRES_PIPELINE_SYNC) synced = true;
        else if (status == PGRES_TUPLES_OK) seen = PQgetvalue(result.get(), 0, 0);
        else if (status == PGRES_FATAL_ERROR) error = PQresultErrorMessage(result.get());
    }
    PQexitPipelineMode(raw);
    if (!error.empty()) throw ServerError(error.find("deadlock") != std::string::npos ? "40P01" : "XXXXX", error);
    if (seen != n) throw std::runtime_error("a pipeline wrote " + n + " and then read " + seen);
    return true;
}

bool write_with_rollback(Connection& connection, const std::string& id, const std::string& n) {
    connection.exec("BEGIN");
    connection.exec(update_text(id, "-" + n));
    const auto own = number(connection.exec("SELECT n FROM counter WHERE id = " + id));
    if (own != -std::atoll(n.c_str())) throw std::runtime_error("a block does not see its own write of -" + n + " but " + std::to_string(own));
    connection.exec("ROLLBACK");
    return false;
}

const std::vector<RowWrite>& row_writes() {
    static const std::vector<RowWrite> all = {
        {"simple", [](auto& c, auto& id, auto& n) { c.exec(update_text(id, n)); return true; }},
        {"parameters", [](auto& c, auto& id, auto& n) { c.exec_params("UPDATE counter SET n = $1 WHERE id = $2", {n, id}); return true; }},
        {"prepared", [](auto& c, auto& id, auto& n) { c.exec_prepared("UPDATE counter SET n = $2::bigint WHERE id = $1::int", {id, n}); return true; }},
        {"block", [](auto& c, auto& id, auto& n) { c.exec("BEGIN"); c.exec(update_text(id, "-" + n)); c.exec(update_text(id, n)); c.exec("COMMIT"); return true; }},
        {"rolled back", write_with_rollback},
        {"failed block", [](auto& c, auto& id, auto& n) {
             c.exec("BEGIN");
             c.exec(update_text(id, "-" + n));
             try { c.exec("SELECT 1 / 0"); } catch (const ServerError&) { c.exec("COMMIT"); }  // which rolls back
             return false;
         }},
        {"savepoint", [](auto& c, auto& id, auto& n) {
             c.exec("BEGIN");
             c.exec("SAVEPOINT s");
             c.exec(update_text(id, "-" + n));
             c.exec("ROLLBACK TO s");
             c.exec(update_text(id, n));
             c.exec("END");
             return true;
         }},
        {"on conflict", [](auto& c, auto& id, auto& n) { c.exec("INSERT INTO counter (id, n) VALUES (" + id + ", " + n + ") ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n"); return true; }},
        {"several statements", [](auto& c, auto& id, auto& n) { c.exec("SELECT 1; " + update_text(id, "-" + n) + "; " + update_text(id, n) + "; SELECT 2"); return true; }},
        {"several statements that fail", [](auto& c, auto& id, auto& n) { try { c.exec(update_text(id, "-" + n) + "; SELECT 1 / 0"); } catch (const ServerError&) {} return false; }},
        {"blocks in one string", [](auto& c, auto& id, auto& n) { c.exec("BEGIN; " + update_text(id, "-" + n) + "; ROLLBACK; BEGIN; " + update_text(id, n) + "; COMMIT"); return true; }},
        {"view", [](auto& c, auto& id, auto& n) { c.exec("UPDATE plain_view SET n = " + n + " WHERE id = " + id); return true; }},
        {"function", [](auto& c, auto& id, auto& n) { c.exec_params("SELECT set_counter($1, $2)", {id, n}); return true; }, true},
        {"procedure that commits", [](auto& c, auto& id, auto& n) { c.exec("CALL set_and_commit(" + id + ", " + n + ")"); return true; }, true},
        {"do", [](auto& c, auto& id, auto& n) { c.exec("DO $$BEGIN EXECUTE 'UPDATE counter SET n = " + n + " WHERE id = " + id + "'; END$$"); return true; }, true},
        {"cte", [](auto& c, auto& id, auto& n) { c.exec("WITH u AS (" + update_text(id, n) + " RETURNING n) SELECT n FROM u"); return true; }},
        {"delete and insert", [](auto& c, auto& id, auto& n) { c.exec("BEGIN"); c.exec("DELETE FROM counter WHERE id = " + id); c.exec_params("INSERT INTO counter (id, n) VALUES ($1, $2)", {id, n}); c.exec("INSERT INTO shadow VALUES (" + id + ", " + n + ")"); c.exec("COMMIT"); return true; }},
        {"delete and copy", [](auto& c, auto& id, auto& n) { c.exec("BEGIN"); c.exec("DELETE FROM counter WHERE id = " + id); c.copy_in("COPY counter (id, n) FROM STDIN", id + "\t" + n + "\n"); c.copy_in("COPY shadow FROM STDIN", id + "\t" + n + "\n"); c.exec("COMMIT"); return true; }},
        {"merge", [](auto& c, auto& id, auto& n) { c.exec("MERGE INTO counter USING (VALUES (" + id + ")) v (id) ON counter.id = v.id WHEN MATCHED THEN UPDATE SET n = " + n); return true; }},
        {"other key", [](auto& c, auto& id, auto& n) { c.exec("BEGIN"); c.exec("UPDATE counter SET id = -id, n = -" + n + " WHERE id = " + id); c.exec("UPDATE counter SET id = -id, n = " + n + " WHERE id = -" + id); c.exec("COMMIT"); return true; }},
        {"sloppy key", [](auto& c, auto& id, auto& n) { c.exec("UPDATE counter SET n = " + n + " WHERE id::text = '" + id + "'"); return true; }},
        {"pipeline", write_in_pipeline},
    };
    return all;
}

// The same of slot.n: rows that are found by one of three keys, and whose ids come from a sequence.
const std::vector<RowWrite>& slot_writes() {
    static const std::vector<RowWrite> all = {
        {"slot by name", [](auto& c, auto& i, auto& n) { c.exec_params("UPDATE slot SET n = $1 WHERE name = $2", {n, "slot " + i}); return true; }},
        {"slot by owner", [](auto& c, auto& i, auto& n) { c.exec("UPDATE slot SET n = " + n + " WHERE owner = " + i); return true; }},
        {"slot by id", [](auto& c, auto& i, auto& n) {
             const auto id = std::to_string(number(c.exec("SELECT id FROM slot WHERE name = 'slot " + i + "'")));
             c.exec_params("UPDATE slot SET n = $1 WHERE id = $2", {n, id});
             return true;
         }},
        {"slot upserted", [](auto& c, auto& i, auto& n) { c.exec_params("INSERT INTO slot (name, owner, n) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET n = excluded.n", {"slot " + i, i, n}); return true; }},
        {"slot with a new id", [](auto& c, auto& i, auto& n) { c.exec("UPDATE slot SET id = DEFAULT, n = " + n + " WHERE name = 'slot " + i + "'"); return true; }},
        {"slot given away and back", [](auto& c, auto& i, auto& n) {
             c.exec("BEGIN");
             c.exec("UPDATE slot SET owner = -owner, name = 'away " + i + "', n = -" + n + " WHERE owner = " + i);
             c.exec("UPDATE slot SET owner = " + i + ", name = 'slot " + i + "', n = " + n + " WHERE name = 'away " + i + "'");
             c.exec("COMMIT");
             return true;
         }},
        {"slot deleted and inserted", [](auto& c, auto& i, auto& n) {
             c.exec("BEGIN");
             c.exec("DELETE FROM slot WHERE name = 'slot " + i + "'");
             c.exec_params("INSERT INTO slot (name, owner, n) VALUES ($1, $2, $3)", {"slot " + i, i, n});
             c.exec("COMMIT");
             return true;
         }},
        {"a row besides", [](auto& c, auto&, auto&) { c.exec("INSERT INTO slot (owner, n) VALUES (0, 0)"); return false; }},
        {"rows besides taken away", [](auto& c, auto&, auto&) { c.exec("DELETE FROM slot WHERE owner = 0"); return false; }},
    };
    return all;
}

// Runs one write of a register; what it wrote counts as acknowledged if it says so.
template <typename Write>
void write_register(World& world, Register& target, Connection& connection, const std::string& name, const Write& write) {
    const std::lock_guard lock(target.writing);
    const auto n = ++target.issued;
    try {
        if (write(std::to_string(n))) raise_to(target.acknowledged, n);
        ++world.writes;
    } catch (const ServerError& error) {
        connection.leave_block();
        if (!error.is_deadlock()) world.fail("write '" + name + "': " + error.what());
    }
}

void transfer(World& world, Connection& connection, Random& random) {
    const int from = pick(random, 1, kAccounts - 1), to = pick(random, from + 1, kAccounts), amount = pick(random, 1, 50);
    const auto move = [](int id, int by) { return "UPDATE account SET balance = balance + " + std::to_string(by) + " WHERE id = " + std::to_string(id); };
    try {
        if (pick(random, 0, 1)) {
            connection.exec("BEGIN");
            connection.exec(move(from, -amount));
            connection.exec(move(to, amount));
            connection.exec(pick(random, 0, 4) ? "COMMIT" : "ROLLBACK");
        } else {
            connection.exec(move(from, -amount) + "; " + move(to, amount));
        }
        ++world.writes;
    } catch (const ServerError& error) {
        connection.leave_block();
        if (!error.is_deadlock()) world.fail(std::string("transfer: ") + error.what());
    }
}

void write_once(World& world, Connection& connection, Random& random) {
    const int kind = pick(random, 0, 99);
    if (kind < 35) {
        const int slot = pick(random, 1, kSlots);
        const auto& way = draw(world, slot_writes(), random, kOpaqueOneIn);
        write_register(world, world.slots[static_cast<std::size_t>(slot)], connection, way.name,
                       [&](const std::string& n) { return way.run(connection, std::to_string(slot), n); });
    } else if (kind < 65) {
        const int row = pick(random, 1, kRows);
        const auto& way = draw(world, row_writes(), random, kOpaqueOneIn);
        write_register(world, world.rows[static_cast<std::size_t>(row)], connection, way.name,
                       [&](const std::string& n) { return way.run(connection, std::to_string(row), n); });
    } else if (kind < 80) {
        const int slot = pick(random, 1, kFamilies);
        write_register(world, world.families[static_cast<std::size_t>(slot)], connection, "cascade", [&](const std::string& n) {
            connection.exec_params("UPDATE parent SET id = $1::bigint * 100 + $2::int WHERE slot = $2::int", {n, std::to_string(slot)});
            return true;
        });
    } else if (kind < 81 && !world.calm) {
        write_register(world, world.heap, connection, "truncate", [&](const std::string& n) {
            connection.exec("BEGIN");
            connection.exec("TRUNCATE heap");
            connection.exec("INSERT INTO heap VALUES (" + n + ")");
            connection.exec("COMMIT");
            return true;
        });
    } else {
        transfer(world, connection, random);
    }
}

// Adds and drops a column now and then: every plan and every entry over the table has to go. On a busy machine the catalogue is read
// for longer than two changes are apart, and then nothing is ever served. So a few changes are followed by a calm without DDL and
// without code that may be DDL, each calm twice as long as the last.
void change_schema(World& world, const std::string& uri, std::uint64_t seed) {
    Connection connection(uri);
    Random random(seed);
    constexpr int kChangesInARow = 4;
    std::chrono::milliseconds calm{500};
    for (int change = 0; world.running; ++change) {
        std::this_thread::sleep_for(std::chrono::milliseconds(pick(random, 300, 900)));
        if (change % kChangesInARow == kChangesInARow - 1) {
            world.calm = true;
            for (const auto end = std::chrono::steady_clock::now() + calm; world.running && std::chrono::steady_clock::now() < end;)
                std::this_thread::sleep_for(std::chrono::milliseconds(20));
            world.calm = false;
            calm *= 2;
        }
        try {
            switch (pick(random, 0, 3)) {
                case 0: connection.exec("ALTER TABLE counter ADD COLUMN IF NOT EXISTS extra int DEFAULT 7"); break;
                case 1: connection.exec("ALTER TABLE counter DROP COLUMN IF EXISTS extra"); break;
                case 2: connection.exec("CREATE OR REPLACE VIEW plain_view AS SELECT id, n FROM counter WHERE true"); break;
                default: connection.exec("VACUUM ANALYZE counter"); break;
            }
            ++world.changes;
        } catch (const ServerError& error) {
            if (!error.is_deadlock()) world.fail(std::string("schema: ") + error.what());
        }
    }
}

// ---- readers

// Checks one value against what was known before its read began.
struct Expectation {
    World& world;
    Register& target;
    std::int64_t least;

    Expectation(World& w, Register& r) : world(w), target(r), least(std::max(r.acknowledged.load(), r.observed.load())) {}

    void check(std::int64_t value, const std::string& name, const std::string& what) {
        const auto most = target.issued.load();
        std::ostringstream text;
        if (value < 0) text << "dirty read: '" << name << "' of " << what << " gave " << value << ", which was rolled back";
        else if (value < least) text << "stale read: '" << name << "' of " << what << " gave " << value << " after " << least << " was acknowledged or seen";
        else if (value > most) text << "impossible: '" << name << "' of " << what << " gave " << value << ", " << most << " is the newest";
        if (!text.str().empty()) world.fail(text.str());
        raise_to(target.observed, value);
    }
};

struct RowRead {
    const char* name;
    std::function<std::int64_t(Connection&, const std::string& id)> run;
    bool is_opaque = false;
};

std::int64_t pair_of(const Result& result) {
    if (number(result, 0, 0) != number(result, 0, 1))
        throw std::runtime_error("torn read: " + std::to_string(number(result, 0, 0)) + " beside " + std::to_string(number(result, 0, 1)));
    return number(result);
}

std::int64_t read_twice_in_a_fixed_snapshot(Connection& c, const std::string& id) {
    c.exec("BEGIN ISOLATION LEVEL REPEATABLE READ");
    const auto first = number(c.exec("SELECT n FROM counter WHERE id = " + id));
    const auto second = number(c.exec_params("SELECT n FROM counter WHERE id = $1", {id}));
    const auto third = number(c.exec("SELECT n FROM shadow WHERE id = " + id));
    c.exec("COMMIT");
    if (first != second || first != third) throw std::runtime_error("REPEATABLE READ gave " + std::to_string(first) + ", " + std::to_string(second) + " and " + std::to_string(third));
    return first;
}

std::int64_t read_in_a_block(Connection& c, const std::string& id) {
    c.exec("BEGIN");
    const auto first = number(c.exec("SELECT n FROM counter WHERE id = " + id));
    const auto second = number(c.exec("SELECT n FROM counter WHERE id = " + id));
    c.exec("COMMIT");
    if (second < first) throw std::runtime_error("stale read: a block read " + std::to_string(first) + " and then " + std::to_string(second));
    return first;
}

const std::vector<RowRead>& row_reads() {
    static const std::vector<RowRead> all = {
        {"simple", [](auto& c, auto& id) { return number(c.exec("SELECT n FROM counter WHERE id = " + id)); }},
        {"parameters", [](auto& c, auto& id) { return number(c.exec_params("SELECT n FROM counter WHERE id = $1", {id})); }},
        {"binary", [](auto& c, auto& id) { return number(c.exec_params("SELECT n FROM counter WHERE id = $1", {id}, 1)); }},
        {"prepared", [](auto& c, auto& id) { return number(c.exec_prepared("SELECT n FROM counter WHERE id = $1::int", {id})); }},
        {"shadow", [](auto& c, auto& id) { return number(c.exec("SELECT n FROM shadow WHERE id = " + id)); }},
        {"shadow prepared", [](auto& c, auto& id) { return number(c.exec_prepared("SELECT n FROM shadow WHERE id = $1::int", {id})); }},
        {"join", [](auto& c, auto& id) { return pair_of(c.exec("SELECT c.n, s.n FROM counter c JOIN shadow s ON s.id = c.id WHERE c.id = " + id)); }},
        {"join view", [](auto& c, auto& id) { return pair_of(c.exec_params("SELECT n, shadow_n FROM joined_view WHERE id = $1", {id})); }},
        {"view", [](auto& c, auto& id) { return number(c.exec("SELECT n FROM plain_view WHERE id = " + id)); }},
        {"subquery", [](auto& c, auto& id) { return number(c.exec("SELECT (SELECT n FROM counter WHERE id = " + id + ")")); }},
        {"aggregate", [](auto& c, auto& id) { return number(c.exec("SELECT max(n) FROM counter WHERE id IN (" + id + ", 0)")); }},
        {"function", [](auto& c, auto& id) { return number(c.exec_params("SELECT get_counter($1)", {id})); }, true},
        {"block", read_in_a_block},
        {"repeatable read", read_twice_in_a_fixed_snapshot},
    };
    return all;
}

void read_row(World& world, Connection& connection, Random& random) {
    const int row = pick(random, 1, kRows);
    const auto& way = draw(world, row_reads(), random, kOpaqueReadOneIn);
    Expectation expectation(world, world.rows[static_cast<std::size_t>(row)]);
    expectation.check(way.run(connection, std::to_string(row)), way.name, "row " + std::to_string(row));
}

void read_all_rows(World& world, Connection& connection) {
    std::vector<Expectation> expectations;
    for (int row = 1; row <= kRows; ++row) expectations.emplace_back(world, world.rows[static_cast<std::size_t>(row)]);
    const auto result = connection.exec("SELECT c.id, c.n, s.n FROM counter c LEFT JOIN shadow s USING (id) ORDER BY c.id");
    if (PQntuples(result.get()) != kRows) throw std::runtime_error("torn read: " + std::to_string(PQntuples(result.get())) + " rows");
    for (int row = 0; row < kRows; ++row) {
        if (number(result, row, 1) != number(result, row, 2)) throw std::runtime_error("torn read of row " + std::to_string(row + 1));
        expectations[static_cast<std::size_t>(row)].check(number(result, row, 1), "all rows", "row " + std::to_string(row + 1));
    }
}

void read_family(World& world, Connection& connection, Random& random) {
    const int slot = pick(random, 1, kFamilies);
    const auto text = std::to_string(slot);
    Expectation expectation(world, world.families[static_cast<std::size_t>(slot)]);
    const auto result = pick(random, 0, 1) ? connection.exec("SELECT parent_id, parent_id FROM child WHERE slot = " + text)
                                           : connection.exec_params("SELECT c.parent_id, p.id FROM child c JOIN parent p ON p.id = c.parent_id WHERE p.slot = $1", {text});
    if (PQntuples(result.get()) != 1) throw std::runtime_error("torn read: a child without its parent");
    expectation.check(number(result) / 100, "child", "family " + text);
}

// By each of its keys; by its id, which is read before and may belong to nobody any more.
void read_slot(World& world, Connection& connection, Random& random) {
    const auto slot = std::to_string(pick(random, 1, kSlots)), name = "slot " + slot;
    Expectation expectation(world, world.slots[static_cast<std::size_t>(std::atoi(slot.c_str()))]);
    const auto check = [&](std::int64_t n, const char* what) { expectation.check(n, what, name); };
    switch (pick(random, 0, 6)) {
        case 0: return check(number(connection.exec("SELECT n FROM slot WHERE name = '" + name + "'")), "slot by name");
        case 1: return check(number(connection.exec_params("SELECT n FROM slot WHERE name = $1", {name})), "slot by name, a parameter");
        case 2: return check(number(connection.exec_params("SELECT n FROM slot WHERE owner = $1", {slot}, 1)), "slot by owner");
        case 3: {
            const auto result = connection.exec("SELECT max(n), count(*) FROM slot WHERE owner = " + slot);
            if (number(result, 0, 1) != 1) throw std::runtime_error("torn read: " + std::to_string(number(result, 0, 1)) + " rows of " + name);
            return check(number(result), "slot counted");
        }
        case 4:
            if (number(connection.exec("SELECT count(*) FROM slot WHERE owner > 0")) != kSlots) throw std::runtime_error("torn read: slots are missing");
            return;
        default: {
            const auto id = std::to_string(number(connection.exec_params("SELECT id FROM slot WHERE name = $1", {name})));
            const auto result = connection.exec_params("SELECT n, owner FROM slot WHERE id = $1", {id});
            if (PQntuples(result.get()) == 1 && number(result, 0, 1) == std::atoi(slot.c_str())) check(number(result), "slot by id");
            return;
        }
    }
}

void read_accounts(Connection& connection, Random& random) {
    constexpr std::int64_t kTotal = kAccounts * kAccountStart;
    std::int64_t sum = 0;
    if (pick(random, 0, 1)) {
        sum = number(connection.exec("SELECT sum(balance) FROM account"));
    } else {
        const auto result = connection.exec_params("SELECT balance FROM account ORDER BY id", {});
        for (int row = 0; row < PQntuples(result.get()); ++row) sum += number(result, row);
    }
    if (sum != kTotal) throw std::runtime_error("torn read: the accounts sum to " + std::to_string(sum));
}

void read_once(World& world, Connection& connection, Random& random) {
    const int kind = pick(random, 0, 29);
    if (kind >= 20) {
        read_slot(world, connection, random);
    } else if (kind < 12) {
        read_row(world, connection, random);
    } else if (kind < 14) {
        read_all_rows(world, connection);
    } else if (kind < 16) {
        read_family(world, connection, random);
    } else if (kind < 17) {
        Expectation expectation(world, world.heap);
        if (pick(random, 0, 1)) expectation.check(number(connection.exec("SELECT max(n) FROM heap")), "heap", "the truncated table");
        else expectation.check(pair_of(connection.exec("SELECT h.n, e.n FROM heap h, echo e")), "heap and its trigger's table", "the truncated table");
    } else {
        read_accounts(connection, random);
    }
    ++world.reads;
}

// A thread's life: one connection, replaced now and then; anything that is not a deadlock ends the run.
void live(World& world, const std::string& uri, std::uint64_t seed, const std::function<void(Connection&, Random&)>& step) {
    Random random(seed);
    try {
        while (world.running) {
            Connection connection(uri);
            for (int i = 0; i < 3000 && world.running; ++i) {
                try {
                    step(connection, random);
                } catch (const ServerError& error) {
                    connection.leave_block();
                    if (!error.is_deadlock()) world.fail(error.what());
                }
            }
        }
    } catch (const std::exception& failure) {
        world.fail(failure.what());
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::cerr << "usage: torture URI SECONDS [SEED]\n";
        return 2;
    }
    const std::string uri = argv[1];
    const int seconds = std::atoi(argv[2]);
    const std::uint64_t seed = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1;
    World world;
    try {
        set_up(uri);
    } catch (const std::exception& failure) {
        std::cerr << "set-up: " << failure.what() << '\n';
        return 2;
    }
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < kWriters; ++i)
        threads.emplace_back([&, i] {
            live(world, uri, seed * 1000 + i, [&](Connection& connection, Random& random) {
                write_once(world, connection, random);
                // Without pauses nothing would live long enough to be read twice.
                std::this_thread::sleep_for(std::chrono::milliseconds(pick(random, 0, 40)));
            });
        });
    for (std::uint64_t i = 0; i < kReaders; ++i)
        threads.emplace_back([&, i] { live(world, uri, seed * 1000 + 500 + i, [&](Connection& c, Random& r) { read_once(world, c, r); }); });
    threads.emplace_back([&] {
        try {
            change_schema(world, uri, seed * 1000 + 999);
        } catch (const std::exception& failure) {
            world.fail(failure.what());
        }
    });
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (world.running && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    world.running = false;
    for (auto& thread : threads) thread.join();
    std::cout << "seed " << seed << ": " << world.reads << " reads, " << world.writes << " writes, " << world.changes << " schema changes\n";
    for (const auto& failure : world.failures) std::cout << "WRONG: " << failure << '\n';
    return world.failures.empty() && world.reads > 0 && world.writes > 0 ? 0 : 1;
}
