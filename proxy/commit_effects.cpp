#include "proxy/commit_effects.h"

#include <algorithm>
#include <iterator>

namespace larder::proxy {
namespace {

constexpr Oid kFirstUserOid = 16384;
constexpr Oid kTypes = 1247, kRelations = 1259, kSchemas = 2615;  // pg_type, pg_class, pg_namespace

// Catalogues that hold statistics and large objects: no fact and no answer that is kept depends on them.
bool is_without_facts(Oid catalogue) {
    constexpr Oid kStatistic = 2619, kStatisticExtData = 3429, kLargeObject = 2613, kLargeObjectMetadata = 2995;
    return catalogue == kStatistic || catalogue == kStatisticExtData || catalogue == kLargeObject || catalogue == kLargeObjectMetadata;
}

// Those that are written to when a temporary table is made. They are compared with the facts; at all others the facts are dropped at once.
bool is_of_temporary_tables(Oid catalogue) {
    constexpr Oid kCatalogues[] = {kTypes, 1249, kRelations, 2604, 2606, 2608, 2609, 2610, 2611, kSchemas, 2224};  // type, attribute, class, attrdef, constraint, depend, description, index, inherits, namespace, sequence
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
    look_at_databases();
    for (const auto& known : databases_) {
        if (is_ddl || commit.is_anything) known.database->want_files();
    }
    if (commit.is_anything && !is_own) return drop_everything();
    if (!is_own) {
        definitions_changed(commit);
        for (const auto& file : commit.written) written(file);
        for (const auto& relation : commit.invalidated) invalidated(relation);
        if (commit.moves_catalogue_files) check_all();
    }
    for (const auto& file : commit.dropped) {
        if (const auto* known = database_of(file.database)) files_of(*known).dropped.insert(file.file);
    }
}

// What was known before the commit: it may be more by the time that the last of its files is looked at, and must be the same for all.
void CommitEffects::look_at_databases() {
    databases_.clear();
    for (auto* database : upstream_.databases()) {
        const bool is_in_doubt = database->are_files_wanted();  // before the look: if it is not, these are the files of now
        databases_.push_back({database, is_in_doubt, database->files()});
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

void CommitEffects::written(const protocol::WalWritten& file) {
    if (file.database == 0) return shared_catalogue_written(file.file);
    const auto* known = database_of(file.database);
    if (known == nullptr) {
        for (const auto& other : databases_) {
            if (other.files != nullptr && !other.is_in_doubt && !other.database->are_files_wanted()) continue;  // it is another one
            other.database->want_files();
            drop(*other.database);
            check(*other.database);
        }
        return;
    }
    auto& database = *known->database;
    auto& files = files_of(*known);
    const auto found = files.known->relations.find(file.file);
    if (found == files.known->relations.end() || found->second == session::RelationFiles::kSeveral || files.dropped.contains(file.file)) {
        database.want_files();
        drop(database);
        check(database);
    } else if (found->second >= kFirstUserOid) {
        // A relation that is newer than the facts may be what a name in them stands for now.
        if (!drop(database, found->second)) drop(database);
    } else {
        catalogue_written(database, found->second, file);
    }
}

// What lasts may be gone again before anybody has compared: a trigger, a policy, a function; a relation or a type whose name stood before another's.
void CommitEffects::catalogue_written(session::DatabaseState& database, Oid catalogue, const protocol::WalWritten& file) {
    if (is_without_facts(catalogue)) return;
    bool lasts = !is_of_temporary_tables(catalogue);
    if (catalogue == kRelations) lasts = file.has_lasting_relation;
    if (catalogue == kTypes) lasts = file.has_lasting_type || file.has_update;
    if (catalogue == kSchemas) lasts = file.has_update;
    if (lasts) end_facts(database);
    else check(database);
}

void CommitEffects::end_facts(session::DatabaseState& database) {
    ++counts_.checks;
    database.want_files();
    upstream_.foreign_moves.tell_of_feed(database.counters().catalogue, lsn_);
    database.counters().catalogue.move();
    database.want_facts();
}

// Whoever writes to pg_class and has a relation's definition read anew, without giving it another file, may have given it another name or
// another owner: as with what lasts, that may be undone before anybody has compared.
void CommitEffects::definitions_changed(const protocol::WalCommit& commit) {
    for (const auto& known : databases_) {
        if (known.files == nullptr) continue;
        const bool is_written = std::any_of(commit.written.begin(), commit.written.end(), [&](const auto& file) {
            if (file.database != known.files->database) return false;
            const auto found = known.files->relations.find(file.file);
            return found != known.files->relations.end() && found->second == kRelations;
        });
        if (is_written && gives_no_file(commit, known)) end_facts(*known.database);
    }
}

// It has the definition read anew of a relation that the facts know, and drops no file of it; nor one that is not known, which may be that
// of an index: TRUNCATE, REINDEX and the like are no change of a name.
bool CommitEffects::gives_no_file(const protocol::WalCommit& commit, const Known& known) const {
    const auto facts = known.database->facts();
    if (facts == nullptr) return false;
    std::unordered_set<Oid> with_file;
    for (const auto& file : commit.dropped) {
        if (file.database != known.files->database) continue;
        const auto found = known.files->relations.find(file.file);
        if (found == known.files->relations.end()) return false;
        with_file.insert(found->second);
    }
    return std::any_of(commit.invalidated.begin(), commit.invalidated.end(), [&](const protocol::WalRelation& relation) {
        return relation.database == known.files->database && !with_file.contains(relation.relation) && facts->catalogue->find_relation(relation.relation) != nullptr;
    });
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
    const auto* known = database_of(relation.database);
    if (known == nullptr) return;        // its files come first, and dropped all
    if (relation.relation == 0) {
        drop(*known->database);
        check(*known->database);
    } else {
        drop(*known->database, relation.relation);
    }
}

CommitEffects::Files& CommitEffects::files_of(const Known& known) {
    auto& files = files_[known.database];
    if (known.files != files.known) files = {known.files, {}};
    return files;
}

const CommitEffects::Known* CommitEffects::database_of(Oid oid) const {
    for (const auto& known : databases_) {
        if (known.files != nullptr && known.files->database == oid) return &known;
    }
    return nullptr;
}

}  // namespace larder::proxy
