// What all sessions share about the PostgreSQL server behind Larder: its counters, its databases' catalogue facts, and
// whether anything may be served at all. Written by the control thread, read by every worker.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/thread_annotations.h"
#include "cache/counter.h"
#include "cache/write_ticket.h"
#include "proxy/session/console_rights.h"
#include "proxy/session/database_gate.h"
#include "proxy/session/foreign_moves.h"
#include "proxy/session/own_transactions.h"
#include "proxy/session/unjudged.h"
#include "rules/catalogue.h"
#include "rules/reason.h"

namespace larder::session {

// Catalogue facts and the counter words under which they are true. Immutable.
struct CatalogueFacts {
    std::shared_ptr<const rules::Catalogue> catalogue;
    std::uint64_t server_word = 0;     // noted before the load began, not in flight
    std::uint64_t catalogue_word = 0;
};

// Which relation each file of a database belongs to, as the write-ahead log names files. Immutable.
struct RelationFiles {
    static constexpr Oid kSeveral = 0;                   // of more than one, in several tablespaces
    Oid database = 0;
    std::unordered_map<std::uint32_t, Oid> relations;    // by relfilenode; of TOAST its owner; catalogues have OIDs below 16384
    bool may_ask_for_transaction = false;                // every role may call pg_current_xact_id_if_assigned()
};

// One database. Lives as long as the process. Threads: any.
class DatabaseState {
public:
    DatabaseState(std::string name, cache::ServerCounters& server);

    const std::string& name() const { return name_; }
    cache::ServerCounters& server() const { return server_; }
    cache::DatabaseCounters& counters() const { return counters_; }
    DatabaseGate& gate() { return gate_; }
    const DatabaseGate& gate() const { return gate_; }

    // The newest facts, valid or not; null before the first load. `generation` counts the publications.
    std::shared_ptr<const CatalogueFacts> facts(std::uint64_t* generation = nullptr) const;

    // The words were noted with nothing in flight, so equality also says that nothing is in flight now.
    bool are_valid(const CatalogueFacts& facts) const {
        return facts.server_word == server_.server.load() && facts.catalogue_word == counters_.catalogue.load();
    }
    // The newest, if they are valid; else null.
    std::shared_ptr<const CatalogueFacts> valid_facts() const;

    // Registers a statement that is about to be sent unjudged (unjudged.h); the caller keeps `statement` and sets `ended`.
    // `generation`: of the facts that it was planned without.
    Registered add_unjudged(std::shared_ptr<Unjudged> statement, std::uint64_t generation);
    // To be called after the words were noted and before the catalogue is read.
    void begin_load();
    // False: a statement that was under way may have changed what was read; the load has to be made again.
    bool publish(std::shared_ptr<const CatalogueFacts> facts);

    // Asks the control thread to load facts (again); cheap to call often. Answered by publish().
    void want_facts();
    bool facts_wanted() const { return wanted_.load(std::memory_order_acquire); }
    bool take_facts_wanted() { return wanted_.exchange(false, std::memory_order_acq_rel); }

    // The same for what the change feed needs: the files, and a look whether the catalogue has changed.
    std::shared_ptr<const RelationFiles> files() const;
    void publish(std::shared_ptr<const RelationFiles> files);
    void want_files() { files_wanted_.store(true, std::memory_order_release); }
    void want_check() { check_wanted_.store(true, std::memory_order_release); }
    // Or are being read: what is known of them may be of another database, that was dropped and had its name. (In the order of is_check_owed().)
    bool are_files_wanted() const {
        return files_wanted_.load(std::memory_order_acquire) || are_files_read_.load(std::memory_order_acquire) ||
               files_wanted_.load(std::memory_order_acquire);
    }
    bool is_check_wanted() const { return check_wanted_.load(std::memory_order_acquire); }
    // The wish has been heard: they are being read until they are published.
    void take_files_wanted() {
        are_files_read_.store(true, std::memory_order_release);
        files_wanted_.store(false, std::memory_order_release);
    }
    // The wish has been heard: the check is under way until it is said to have ended.
    bool take_check_wanted() {
        if (!check_wanted_.load(std::memory_order_acquire)) return false;
        is_checked_.store(true, std::memory_order_release);
        return check_wanted_.exchange(false, std::memory_order_acq_rel);
    }
    void check_ended() { is_checked_.store(false, std::memory_order_release); }
    // The catalogue may be another one than the facts say: nobody has looked since somebody wrote to it. (The wish is read again, since
    // it may have become a check between the first two looks.)
    bool is_check_owed() const {
        return check_wanted_.load(std::memory_order_acquire) || is_checked_.load(std::memory_order_acquire) || check_wanted_.load(std::memory_order_acquire);
    }

    // Every role may call pg_current_xact_id_if_assigned() here.
    bool may_ask_for_transaction() const { return may_ask_.load(std::memory_order_relaxed); }
    void set_may_ask_for_transaction(bool may_ask) { may_ask_.store(may_ask, std::memory_order_relaxed); }

private:
    std::string name_;
    cache::ServerCounters& server_;
    cache::DatabaseCounters& counters_;
    DatabaseGate gate_;
    std::atomic<bool> wanted_{false}, files_wanted_{false}, are_files_read_{false}, check_wanted_{false}, is_checked_{false},
        may_ask_{false};
    void forget_repeats() LARDER_REQUIRES(mutex_);
    static constexpr std::size_t kUnjudgedMax = 10'000;
    mutable Mutex mutex_;
    std::shared_ptr<const CatalogueFacts> facts_ LARDER_GUARDED_BY(mutex_);
    std::shared_ptr<const RelationFiles> files_ LARDER_GUARDED_BY(mutex_);
    std::uint64_t generation_ LARDER_GUARDED_BY(mutex_) = 0;
    std::vector<std::shared_ptr<Unjudged>> unjudged_ LARDER_GUARDED_BY(mutex_);
    std::uint64_t repeats_forgotten_ LARDER_GUARDED_BY(mutex_) = 0;  // how often: places in the list have changed
};

// Writes whose server connection ended before their outcome was known. Implemented by proxy/: keeps the marks until the
// backend is gone from pg_stat_activity of the same incarnation. Threads: any; does not block.
class UnknownOutcomes {
public:
    virtual ~UnknownOutcomes() = default;
    virtual void keep(cache::WriteTicket ticket, std::int32_t backend_pid) = 0;
};

// Threads: any, except what a comment says.
class UpstreamState {
public:
    // `process_number`: random, positive, for the life of this process.
    explicit UpstreamState(std::int32_t process_number);

    std::int32_t process_number() const { return process_number_; }

    cache::ServerCounters counters;
    ConsoleRights console_rights;

    // Made when it is not there yet, and never taken away: the name must be one that the server has let somebody into.
    DatabaseState& database(std::string_view name);
    std::vector<DatabaseState*> databases() const;
    DatabaseState* find_database(std::string_view name) const;  // null: nobody has got into it so far
    // Stands for all names that the server has not confirmed: until it has, a session that is logging in belongs here. It has no
    // facts, and no answer is ever kept under it.
    DatabaseState& strangers() { return strangers_; }

    // PAUSE and RESUME without a name: of every database, those that come later too. False: it was so already.
    bool pause_all();
    bool resume_all();
    bool are_all_paused() const;

    // Reason::none: entries may be looked up and stored. Else why not: no control connection (no_upstream), another
    // Larder is alive (another_larder), a standby (replica), turned off (cache_off).
    rules::Reason not_serving() const { return not_serving_.load(std::memory_order_acquire); }
    void set_not_serving(rules::Reason reason) { not_serving_.store(reason, std::memory_order_release); }

    // The random number under which the control connection holds the instance lock; 0 before the first. A new control
    // connection starts a new incarnation with a new number: first `counters.server` moves, then this is set. Server
    // connections check that a lock with this number exists on the server they reached, again after it has changed.
    std::int32_t instance_number() const { return instance_number_.load(std::memory_order_acquire); }
    void set_instance_number(std::int32_t number) { instance_number_.store(number, std::memory_order_release); }

    // A session found that its server connection reached a server without our instance lock: the control thread must
    // reconnect. The session has moved `counters.server` already.
    void report_foreign_server() { foreign_server_.store(true, std::memory_order_release); }
    bool take_foreign_server() { return foreign_server_.exchange(false, std::memory_order_acq_rel); }

    // With writers elsewhere no answer is given that is older, unless the change feed is there, up to date, and sees all that it reads
    // (which is not so of unlogged tables). 0: no bound.
    static constexpr std::int64_t kNothingIsKept = -1;
    std::int64_t ttl_us_max(bool is_seen_by_feed = true) const {
        return is_seen_by_feed && is_feed_current() ? 0 : ttl_us_max_.load(std::memory_order_relaxed);
    }
    // freshness.writers = "others": what nobody tells of may be written at any time. Set before the first session; until then true.
    bool has_writers_elsewhere() const { return has_writers_elsewhere_; }
    void set_writers_elsewhere(bool are_there) { has_writers_elsewhere_ = are_there; }
    void set_ttl_us_max(std::int64_t us) { ttl_us_max_.store(us, std::memory_order_relaxed); }

    // Written by the feed. Acquire and release: whoever sees that it is there sees that all older answers were dropped.
    bool is_feed_current() const { return is_feed_current_.load(std::memory_order_acquire); }
    void set_feed_current(bool is_current) { is_feed_current_.store(is_current, std::memory_order_release); }
    OwnTransactions own_transactions;
    ForeignMoves foreign_moves;

private:
    std::atomic<rules::Reason> not_serving_{rules::Reason::no_upstream};
    const std::int32_t process_number_;
    std::atomic<std::int32_t> instance_number_{0};
    std::atomic<bool> foreign_server_{false};
    std::atomic<std::int64_t> ttl_us_max_{0};
    std::atomic<bool> is_feed_current_{false};
    bool has_writers_elsewhere_ = true;
    mutable Mutex mutex_;
    DatabaseState strangers_;
    std::vector<std::unique_ptr<DatabaseState>> databases_ LARDER_GUARDED_BY(mutex_);
    bool are_all_paused_ LARDER_GUARDED_BY(mutex_) = false;
};

// The two-part keys of Larder's advisory locks, in pg_locks.classid: the control connection's exclusive one, with the
// instance number as pg_locks.objid, and the shared one of each server connection, with the process number as objid: a
// starting Larder waits until no backend lock of another process number is left, since such a backend may yet commit.
inline constexpr std::int32_t kInstanceLockClass = 0x4C415244;  // "LARD"
inline constexpr std::int32_t kBackendLockClass = 0x4C415245;

}  // namespace larder::session
