// A small PostgreSQL: what of its behaviour the freshness protocol relies on, one step at a time.
//
// READ COMMITTED snapshots taken when a statement starts to execute (of the extended protocol: at Bind), REPEATABLE READ
// ones at a block's first statement; row locks; table locks of four modes; autocommit, blocks, savepoints, and the implicit
// transactions of pipelines up to Sync. A commit is first durable and becomes visible some steps later, before its answer.
// DDL is transactional and changes what other statements write or read. A backend goes on with what it has received when
// its client is gone, and only then ends.
//
// Time is the simulation's step count, which every action moves: two events never share a step.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "protocol/frame.h"
#include "simulation/random.h"
#include "simulation/statement.h"

namespace larder::simulation {

// What one row, or the view's definition, was, in the order in which it became visible.
struct Version {
    std::uint64_t value;
    Step visible_at;
};
using History = std::vector<Version>;

struct RowId {
    int table, row;
    friend auto operator<=>(const RowId&, const RowId&) = default;
};

enum class LockMode : std::uint8_t { access_share, row_exclusive, share_row_exclusive, access_exclusive };

// The part of the state that catalogue facts are made of.
struct ModelCatalogue {
    bool has_trigger = false, has_key = false;
    int view_table = 0;
};

struct Snapshot {
    std::array<std::array<std::uint64_t, kRows>, kTables> values{};
    KeyedTable keyed{};
};

struct Transaction {
    struct Changes {
        std::map<RowId, std::uint64_t> rows;
        KeyedChanges keyed;
        std::optional<bool> has_trigger, has_key;
        std::optional<int> view_table;
        bool empty() const { return rows.empty() && keyed.empty() && !has_trigger && !has_key && !view_table; }
    };
    Changes changes;
    std::optional<Changes> savepoint;
    std::vector<std::pair<int, LockMode>> table_locks;
    std::vector<RowId> row_locks;
    bool is_repeatable = false;
    std::optional<Snapshot> snapshot;  // repeatable read: once it was taken
};

class Backend;

class ModelServer {
public:
    ModelServer(Random& random, Step& now);
    ~ModelServer();

    Backend& connect();                      // a new connection; the server keeps it until it is gone
    bool is_alive(std::int32_t pid) const;
    void forget_gone();
    const std::vector<std::unique_ptr<Backend>>& backends() const { return backends_; }

    const History& history(RowId id) const { return rows_[static_cast<std::size_t>(id.table)][static_cast<std::size_t>(id.row)]; }
    const History& view_history() const { return view_; }
    const std::vector<KeyedVersion>& keyed_history() const { return keyed_; }
    const ModelCatalogue& catalogue() const { return catalogue_; }
    bool has_transactions() const { return !transactions_.empty(); }
    Random& random() { return random_; }
    Step now() const { return now_; }

private:
    friend class Backend;
    Transaction& begin();
    void end(Transaction& transaction);                  // locks are released; nothing becomes visible
    void make_visible(Transaction& transaction);         // commit, and end()
    bool lock_table(Transaction& transaction, int table, LockMode mode);
    bool lock_row(Transaction& transaction, RowId id);
    Snapshot committed() const;

    Random& random_;
    Step& now_;
    std::array<std::array<History, kRows>, kTables> rows_;
    History view_;
    std::vector<KeyedVersion> keyed_;
    ModelCatalogue catalogue_;
    std::vector<std::unique_ptr<Transaction>> transactions_;
    std::vector<std::unique_ptr<Backend>> backends_;
    std::int32_t next_pid_ = 100;
};

// One server process.
class Backend {
public:
    Backend(ModelServer& server, std::int32_t pid) : server_(server), pid_(pid) {}

    std::int32_t pid() const { return pid_; }
    bool is_gone() const { return is_gone_; }

    // --- the wire to it: bytes on their way, and its end
    std::string wire;
    bool is_wire_closed = false;             // nothing more will be put on the wire
    void deliver(std::size_t bytes);         // moves bytes off the wire

    // --- what it says; dropped once `is_deaf`
    std::string output;
    bool is_deaf = false;

    void step();                             // does a little
    void cancel();                           // a CancelRequest arrived
    bool has_work() const { return stage_ != Stage::idle || !input_.empty() || (wire.empty() && is_wire_closed); }

private:
    enum class Stage : std::uint8_t { idle, running, answering, committing, committed };
    // What a commit is part of.
    enum class After : std::uint8_t { commit_statement, last_statement, end_of_message };
    struct Portal {
        Statement statement;
        std::string rows;                    // of a read: from the snapshot at Bind
        int row_count = 0;
        bool is_done = false;
    };

    void next_message();
    void on_message(const protocol::Frame& frame);
    void on_bind(Bytes body);
    void run();
    bool acquire(const Statement& statement);
    bool acquire_update(const Statement& statement);
    void execute(const Statement& statement);
    bool control_transaction(const Statement& statement);
    void change(const Statement& statement);
    void write_row(RowId id, std::uint64_t value);
    void read(const Statement& statement, std::string& rows, int& row_count);
    KeyedTable keyed_view() const;
    bool acquire_keyed(const KeyedStatement& statement);
    void change_keyed(const KeyedStatement& statement);
    std::vector<KeyedAnswerRow> read_keyed(const KeyedStatement& statement);
    void answer();
    void start_commit(After after);
    void commit();
    void committed();
    void fail(Bytes sqlstate, Bytes message);
    void end_of_message();
    void roll_back();
    void ready();
    void put(Bytes bytes);
    void sleep(bool is_commit);
    Transaction& transaction();
    std::uint64_t visible(const Snapshot& snapshot, RowId id) const;
    int view_table() const;
    bool has_trigger() const;
    bool has_key() const;

    ModelServer& server_;
    const std::int32_t pid_;
    std::string input_;
    bool is_logged_in_ = false, is_gone_ = false;
    char status_ = 'I';
    bool is_skipping_ = false;
    bool is_cancelled_ = false;
    Transaction* transaction_ = nullptr;

    Stage stage_ = Stage::idle;
    After after_ = After::end_of_message;
    std::uint64_t pause_ = 0;
    std::uint64_t waited_ = 0;
    char message_ = '\0';                    // in hand: 'Q', 'B', 'E', 'S'
    std::vector<Statement> statements_;      // of 'Q'
    std::size_t at_ = 0;
    Statement in_hand_;                      // the one that is executed now
    std::string portal_;                     // of 'B' and 'E'
    std::string rows_;
    int row_count_ = 0;
    std::string tag_;
    std::map<std::string, std::string> prepared_;
    std::map<std::string, Portal> portals_;
};

}  // namespace larder::simulation
