#include "proxy/commit_effects.h"

namespace larder::proxy {
namespace {

constexpr Oid kFirstUserOid = 16384;

// Catalogues that hold statistics and large objects: no fact and no answer that is kept depends on them.
bool is_without_facts(Oid catalogue) {
    constexpr Oid kStatistic = 2619, kStatisticExtData = 3429, kLargeObject = 2613, kLargeObjectMetadata = 2995;
    return catalogue == kStatistic || catalogue == kStatisticExtData || catalogue == kLargeObject || catalogue == kLargeObjectMetadata;
}

}  // namespace

void CommitEffects::begin() {
    files_.clear();
    for (auto* database : upstream_.databases()) {
        database->want_files();
        database->want_check();
        drop(*database);
    }
}

void CommitEffects::apply(const SeenCommit& seen) {
    const auto& commit = seen.commit;
    const bool is_ddl = !commit.dropped.empty() || !commit.invalidated.empty() || commit.moves_catalogue_files;
    if (commit.written.empty() && !is_ddl && !commit.is_anything) return;  // a row lock, a sequence, an unlogged table
    ++counts_.commits;
    counts_.own_commits += seen.is_own ? 1 : 0;
    for (auto* database : upstream_.databases()) {
        if (is_ddl || commit.is_anything) database->want_files();
    }
    if (commit.is_anything && !seen.is_own) return drop_everything();
    if (!seen.is_own) {
        for (const auto& file : commit.written) written(file);
        for (const auto& relation : commit.invalidated) invalidated(relation);
        if (commit.moves_catalogue_files) check_all();
    }
    for (const auto& file : commit.dropped) {
        if (auto* database = database_of(file.database)) files_of(*database).dropped.insert(file.file);
    }
}

void CommitEffects::drop_everything() {
    for (auto* database : upstream_.databases()) {
        drop(*database);
        check(*database);
    }
}

void CommitEffects::drop(session::DatabaseState& database) {
    database.counters().any.move();
    ++counts_.dropped_databases;
}

void CommitEffects::drop(session::DatabaseState& database, Oid relation) {
    const auto facts = database.facts();
    const auto* found = facts == nullptr ? nullptr : facts->catalogue->find_relation(relation);
    if (found == nullptr || found->root == 0) return;
    database.counters().relation(found->root).move_all();
    ++counts_.dropped_relations;
}

void CommitEffects::check(session::DatabaseState& database) {
    database.want_check();
    ++counts_.checks;
}

void CommitEffects::check_all() {
    for (auto* database : upstream_.databases()) check(*database);
}

void CommitEffects::written(const protocol::WalFile& file) {
    if (file.database == 0) {  // roles, databases, their settings
        for (auto* other : upstream_.databases()) other->want_files();  // one may have been made again under its name
        return check_all();
    }
    auto* database = database_of(file.database);
    if (database == nullptr) {
        for (auto* candidate : upstream_.databases()) {
            if (candidate->files() != nullptr) continue;  // it is another one
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
        drop(*database, found->second);
    } else if (!is_without_facts(found->second)) {
        check(*database);
    }
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
