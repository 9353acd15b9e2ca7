// From a commit in the log to the counters that it moves: what of the cache is old now.
//
// A file belongs to a relation, as the database's own catalogue says. A file that is not known, or of a relation that the facts do not have, moves
// all of its database. What is written to a catalogue may be DDL. Where it may as well be a temporary table the facts are compared
// soon (catalogue_service.h), and until then no commit counts as this Larder's own, since its session may have marked by old facts. Where it is
// none the facts are dropped at once, since what was done may be undone before anybody has compared, with answers kept of the time between:
// at any other catalogue, and where the log shows a relation that lasts, a domain, or another name for a relation that is known.
// Threads: one; the counters' readers are others.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <unordered_set>
#include <vector>

#include "proxy/commit_queue.h"
#include "proxy/session/upstream_state.h"

namespace larder::proxy {

struct FeedCounts {
    std::uint64_t commits = 0;           // that changed something
    std::uint64_t own_commits = 0;       // of them, those whose sessions had marked what they wrote
    std::uint64_t dropped_relations = 0; // times that a relation was marked as changed
    std::uint64_t dropped_databases = 0; // times that all of a database was
    std::uint64_t checks = 0;            // times that the catalogue's facts were to be compared
};

class CommitEffects {
public:
    explicit CommitEffects(session::UpstreamState& upstream) : upstream_(upstream) {}

    void apply(const SeenCommit& seen);
    // The stream begins: nothing that was noted before can be trusted, and the files are read again.
    void begin();
    const FeedCounts& counts() const { return counts_; }

private:
    // What a database's files were when they were read, without those that were dropped since: their numbers may come again.
    struct Files {
        std::shared_ptr<const session::RelationFiles> known;
        std::unordered_set<std::uint32_t> dropped;
    };
    // One look at all databases serves all files of a commit.
    struct Known {
        session::DatabaseState* database;
        bool is_in_doubt;                                     // another database may have its name by now
        std::shared_ptr<const session::RelationFiles> files;  // null: they are not known
    };
    void look_at_databases();
    bool is_marked(const SeenCommit& seen) const;
    void drop_everything();
    void drop(session::DatabaseState& database);
    bool drop(session::DatabaseState& database, Oid relation);
    void definitions_changed(const protocol::WalCommit& commit);
    void shared_catalogue_written(std::uint32_t file);
    void written(const protocol::WalWritten& file);
    void catalogue_written(session::DatabaseState& database, Oid catalogue, const protocol::WalWritten& file);
    void end_facts(session::DatabaseState& database);
    bool gives_no_file(const protocol::WalCommit& commit, const Known& known) const;
    void invalidated(const protocol::WalRelation& relation);
    void check(session::DatabaseState& database);
    void check_all();
    Files& files_of(const Known& known);
    const Known* database_of(Oid oid) const;

    session::UpstreamState& upstream_;
    std::map<session::DatabaseState*, Files> files_;
    std::vector<Known> databases_;  // of the commit in hand
    FeedCounts counts_;
    protocol::Lsn lsn_ = 0;  // of the commit whose effects are made; 0: the stream begins
};

}  // namespace larder::proxy
