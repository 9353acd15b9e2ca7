#include "proxy/commit_effects.h"

#include <algorithm>
#include <iterator>

namespace larder::proxy {
namespace {

constexpr Oid kFirstUserOid = 16384;

// Catalogues that hold statistics and large objects: no fact and no answer that is kept depends on them.
bool is_without_facts(Oid catalogue) {
    constexpr Oid kStatistic = 2619, kStatisticExtData = 3429, kLargeObject = 2613, kLargeObjectMetadata = 2995;
    return catalogue == kStatistic || catalogue == kStatisticExtData || catalogue == kLargeObject || catalogue == kLargeObjectMetadata;
}

// Those that are written to when a temporary table is made. They are compared with the facts; at all others the facts are dropped at once.
bool is_of_temporary_tables(Oid catalogue) {
    constexpr Oid kCatalogues[] = {1247, 1249, 1259, 2604, 2606, 2608, 2609, 2610, 2611, 2615, 2224};  // type, attribute, class, attrdef, constraint, depend, description, index, inherits, namespace, sequence
    return std::find(std::begin(kCatalogues), std::end(kCatalogues), catalogue) != std::end(kCatalogues);
}

}  // namespace

void CommitEffects::begin() {
    files_.clear();
    lsn_ = 0;
    for (auto* database : upstream_.databases()) {
        database->want_files();
        database->want_check();
        drop(*database);
    }
}

void CommitEffects::apply(const SeenCommit& seen) {
    const auto& commit = seen.commit;
    lsn_ = commit.lsn;
    const bool is_own = is_marked(seen);
    const bool is_ddl = !commit.dropped.empty() || !commit.invalidated.empty() || commit.moves_catalogue_files;
    if (commit.written.empty() && !is_ddl && !commit.is_anything) return;  // a row lock, a sequence, an unlogged table
    ++counts_.commits;
    counts_.own_commits += is_own ? 1 : 0;
    for (auto* database : upstream_.databases()) {
        if (is_ddl || commit.is_anything) database->want_files();
    }
    if (commit.is_anything && !is_own) return drop_everything();
    if (!is_own) {
        for (const auto& file : commit.written) written(file);
        for (const auto& relation : commit.invalidated) invalidated(relation);
        if (commit.moves_catalogue_files) check_all();
    }
    for (const auto& file : commit.dropped) {
        if (auto* database = database_of(file.database)) files_of(*database).dropped.insert(file.file);
    }
}

// The session that sent it has marked all that it wrote. What it marked is what the facts said, so they must have been true: they are what they were,
// and nobody has written to the catalogue since they were compared.
bool CommitEffects::is_marked(const SeenCommit& seen) const {
    if (!seen.own) return false;
    const auto& database = *seen.own->database;
    return !database.is_check_owed() && database.counters().catalogue.load() == seen.own->catalogue_word;
}

void CommitEffects::drop_everything() {
    for (auto* database : upstream_.databases()) {
        drop(*database);
        check(*database);
    }
}

void CommitEffects::drop(session::DatabaseState& database) {
    upstream_.foreign_moves.tell_of_feed(database.counters().any, lsn_);
    database.counters().any.move();
    ++counts_.dropped_databases;
}

// False: the facts have no such relation.
bool CommitEffects::drop(session::DatabaseState& database, Oid relation) {
    const auto facts = database.facts();
    const auto* found = facts == nullptr ? nullptr : facts->catalogue->find_relation(relation);
    if (found == nullptr || found->root == 0) return false;
    auto& counters = database.counters().relation(found->root);
    upstream_.foreign_moves.tell_of_feed(counters.scan, lsn_);
    counters.move_all();
    ++counts_.dropped_relations;
    return true;
}

void CommitEffects::check(session::DatabaseState& database) {
    database.want_check();
    ++counts_.checks;
}

void CommitEffects::check_all() {
    for (auto* database : upstream_.databases()) check(*database);
}

void CommitEffects::written(const protocol::WalFile& file) {
    if (file.database == 0) return shared_catalogue_written(file.file);
    auto* database = database_of(file.database);
    if (database == nullptr) {
        for (auto* candidate : upstream_.databases()) {
            if (candidate->files() != nullptr && !candidate->are_files_wanted()) continue;  // it is another one
            candidate->want_files();
            drop(*candidate);
            check(*candidate);
        }
        return;
    }
    auto& files = files_of(*database);
    const auto found = files.known->relations.find(file.file);
    if (found == files.known->relations.end() || found->second == session::RelationFiles::kSeveral || files.dropped.contains(file.file)) {
        database->want_files();
        drop(*database);
        check(*database);
    } else if (found->second >= kFirstUserOid) {
        // A relation that is newer than the facts may be what a name in them stands for now.
        if (!drop(*database, found->second)) drop(*database);
    } else if (is_of_temporary_tables(found->second)) {
        check(*database);
    } else if (!is_without_facts(found->second)) {
        // A trigger, a policy, a function: it may be gone again before anybody has compared.
        ++counts_.checks;
        database->want_files();
        upstream_.foreign_moves.tell_of_feed(database->counters().catalogue, lsn_);
        database->counters().catalogue.move();
        database->want_facts();
    }
}

// Roles, memberships, databases, their settings: whoever lost a right has lost it by now.
void CommitEffects::shared_catalogue_written(std::uint32_t file) {
    constexpr std::uint32_t kDependencies = 1214, kDescriptions = 2396, kOrigins = 6000, kSubscriptions = 6100;
    if (file == kDependencies || file == kDescriptions || file == kOrigins || file == kSubscriptions) return;  // that of temporary tables, too
    for (auto* database : upstream_.databases()) database->want_files();  // one may have been made again under its name
    upstream_.foreign_moves.tell_of_feed(upstream_.counters.server, lsn_);
    upstream_.counters.server.move();
    ++counts_.checks;
}

// TRUNCATE, ALTER, REFRESH and the like give a relation another file; ANALYZE and VACUUM say this as well.
void CommitEffects::invalidated(const protocol::WalRelation& relation) {
    if (relation.database == 0) return;  // a shared catalogue, whose rows are in its file
    auto* database = database_of(relation.database);
    if (database == nullptr) return;     // its files come first, and dropped all
    if (relation.relation == 0) {
        drop(*database);
        check(*database);
    } else {
        drop(*database, relation.relation);
    }
}

CommitEffects::Files& CommitEffects::files_of(session::DatabaseState& database) {
    auto& files = files_[&database];
    if (auto known = database.files(); known != files.known) files = {std::move(known), {}};
    return files;
}

session::DatabaseState* CommitEffects::database_of(Oid oid) {
    for (auto* database : upstream_.databases()) {
        const auto files = database->files();
        if (files != nullptr && files->database == oid) return database;
    }
    return nullptr;
}

}  // namespace larder::proxy
