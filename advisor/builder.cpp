#include "advisor/builder.h"

#include <algorithm>

namespace larder::advisor {

namespace {

using std::chrono::milliseconds;

constexpr const char* kLockNotAvailable = "55P03";
constexpr const char* kDeadlock = "40P01";
constexpr const char* kCancelled = "57014";
constexpr const char* kDuplicateTable = "42P07";   // which indexes are for this
constexpr const char* kDuplicateObject = "42710";
constexpr int kCleanUpAttempts = 3;
constexpr int kWaitsMax = 10;  // times the wait before the second attempt
constexpr milliseconds kBackendEndWait{100};

bool is_worth_retrying(const QueryError& e) { return e.sqlstate() == kLockNotAvailable || e.sqlstate() == kDeadlock; }

// Of a relation with its schema.
constexpr const char* kNamed = " c.relname = $1 AND n.nspname = $2";

std::string qualified(const DeployStep& step) { return quoted_name(step.schema) + "." + quoted_name(step.name); }

// The statement of `undo` that takes this step back; null if there is none.
const std::string* undo_of(const DeployStep& done, const std::vector<std::string>& undo) {
    const auto kind = done.kind == StepKind::create_index ? StepKind::drop_index : done.kind == StepKind::drop_index ? StepKind::create_index
                    : done.kind == StepKind::create_rule ? StepKind::drop_rule : StepKind::drop_statistics;
    const auto found = std::find_if(undo.begin(), undo.end(), [&](const std::string& sql) {
        const auto back = read_step(sql);
        return back.kind == kind && back.name == done.name && back.schema == done.schema;
    });
    return found == undo.end() ? nullptr : &*found;
}

std::string refused_by_server(const QueryError& e) {
    const std::string said = std::string(e.what()) + " (SQLSTATE " + e.sqlstate() + ").";
    return e.sqlstate() == "42501" ? "PostgreSQL refused it: " + said + " Larder logs in with the user of its upstream URI, who has to own the table." : "PostgreSQL refused it: " + said;
}

}  // namespace

std::string why_not_deployed(const std::vector<std::string>& deploy, const std::vector<std::string>& undo) {
    if (deploy.empty()) return "There is no statement to run.";
    for (const auto* statements : {&undo, &deploy}) {
        for (const auto& sql : *statements) {
            const auto step = read_step(sql);
            if (step.kind == StepKind::refused) return step.why_refused;
            if (!step.is_in_full) return why_not_in_full(step);
        }
    }
    for (const auto& sql : deploy) {
        const auto step = read_step(sql);
        // Another thing carries it out, which has no part in taking back what PostgreSQL did.
        if (is_rule_step(step.kind) && deploy.size() > 1) return "A rule is deployed by itself.";
        const auto* back = undo_of(step, undo);
        const bool makes = step.kind == StepKind::create_index || step.kind == StepKind::create_statistics || step.kind == StepKind::create_rule;
        if (makes && back == nullptr) return "Nothing would drop " + step.name + " again.";
        if (step.kind != StepKind::drop_index) continue;
        if (back == nullptr) return "Nothing would make " + step.name + " again.";
        if (read_step(*back).is_unique) return "The index " + step.name + " is unique: it may be what keeps doubled rows out. Drop it by hand if another one does that.";
    }
    return {};
}

Builder::Builder(BuildOptions options) : options_(std::move(options)), connection_(options_.uri, options_.lock_timeout) {}
Builder::~Builder() = default;

void Builder::run(const std::string& sql, const std::vector<std::string>& undo, const std::function<void()>& on_begin) {
    const auto step = read_step(sql);
    try {
        check(step, undo);
    } catch (const QueryError& e) {
        throw BuildError(refused_by_server(e));
    }
    if (on_begin) on_begin();
    execute(step);
}

void Builder::check(const DeployStep& step, const std::vector<std::string>& undo) {
    if (step.kind == StepKind::refused) throw BuildError(step.why_refused);
    if (is_rule_step(step.kind)) throw BuildError("A rule is nothing for PostgreSQL.");
    if (!step.is_in_full) throw BuildError(why_not_in_full(step));
    if (step.kind == StepKind::create_index) refuse_partitioned(step), refuse_taken_name(step);
    if (step.kind == StepKind::create_statistics && has_statistics(step)) throw BuildTaken("Statistics " + step.name + " are there already.");
    if (step.kind != StepKind::drop_index) return;
    const auto* definition = undo_of(step, undo);
    if (definition == nullptr) throw BuildError("It is not said what the index " + step.name + " was, so that it could not be made again. Nothing was dropped.");
    refuse_other_index(step, *definition);
}

void Builder::execute(const DeployStep& step) {
    try {
        attempt_often(step);
    } catch (const QueryError& e) {
        if (e.sqlstate() == kDuplicateTable || e.sqlstate() == kDuplicateObject) throw BuildTaken(refused_by_server(e));
        if (e.sqlstate() == kCancelled) throw BuildStopped("It was cancelled.");
        if (is_worth_retrying(e)) throw BuildLocked("Somebody holds a lock that is in the way: " + std::string(e.what()) + ".");
        throw BuildError(refused_by_server(e));
    }
}

void Builder::take_back(const std::string& sql, const std::vector<std::string>& undo, const std::string& definition) {
    const auto done = read_step(sql);
    const bool is_undone = done.kind == StepKind::create_index || done.kind == StepKind::drop_index || done.kind == StepKind::create_statistics;
    if (!is_undone) return;
    const auto* back = undo_of(done, undo);
    if (!done.is_in_full) throw BuildError(why_not_in_full(back ? read_step(*back) : done));
    if (back == nullptr) throw BuildError("It is not said how to undo: " + sql);
    if (done.kind == StepKind::create_index) return take_index_back(done, read_step(*back), definition);
    if (done.kind == StepKind::drop_index) return make_index_again(done, *back);
    if (has_statistics(done)) execute(read_step(*back));
}

void Builder::take_index_back(const DeployStep& done, const DeployStep& drop, const std::string& definition) {
    const auto found = find_index(done);
    if (!found) return;
    const bool is_same = definition.empty() ? read_step(found->definition).shape == done.shape && read_step(found->definition).table == done.table : found->definition == definition;
    if (!is_same || found->is_bound || found->is_unique != done.is_unique) {
        throw BuildError("The index " + qualified(done) + " is not the one that was made: it is now " + found->definition + (found->is_bound ? ", and belongs to a constraint" : "") +
                         ". It was left; if it is not wanted, run by hand: " + drop.sql);
    }
    execute(drop);
}

// A drop that was cut off may have left it invalid.
void Builder::make_index_again(const DeployStep& dropped, const std::string& definition) {
    if (const auto found = find_index(dropped)) {
        if (found->definition != definition) {
            throw BuildError("Another index " + qualified(dropped) + " was made since: " + found->definition + ". The one that was dropped was: " + definition);
        }
        if (found->is_valid) return;
        execute(dropped);
    }
    execute(read_step(definition));
}

std::string Builder::definition(const std::string& create_index) {
    const auto step = read_step(create_index);
    const auto found = step.kind == StepKind::create_index ? find_index(step) : std::nullopt;
    return found ? found->definition : "";
}

std::string Builder::backend() {
    const auto found = connection_.run("SELECT pid || ' ' || extract(epoch FROM backend_start) FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()");
    return found.empty() ? "" : found[0][0].value_or("");
}

void Builder::end_backend(const std::string& backend) {
    constexpr const char* kThat = " FROM pg_catalog.pg_stat_activity WHERE pid || ' ' || extract(epoch FROM backend_start) = $1";
    try {
        connection_.run(std::string("SELECT pg_catalog.pg_terminate_backend(pid)") + kThat, {backend});
    } catch (const QueryError&) {
        // Its login was another one, which this one may not end: it is waited for.
    }
    for (auto waited = milliseconds(0); !connection_.run(std::string("SELECT 1") + kThat, {backend}).empty(); waited += kBackendEndWait) {
        if (waited >= kBackendEndMax) throw BuildLocked("The server process " + backend.substr(0, backend.find(' ')) + " still works on what was cut off.");
        if (!wait(kBackendEndWait)) throw BuildStopped("The server process of a build that was cut off still works.");
    }
}

void Builder::refuse_partitioned(const DeployStep& step) {
    const auto found = connection_.run(std::string("SELECT c.relkind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm', 'p') AND") + kNamed,
                                       {step.table, step.schema});
    if (found.empty()) throw BuildError("There is no table " + step.table + ".");
    if (found[0][0] == "p") {
        throw BuildError("The table is partitioned, and PostgreSQL builds such an index only with writers locked out. Make it ON ONLY the table, then CONCURRENTLY on each "
                         "partition, and attach those.");
    }
}

void Builder::refuse_taken_name(const DeployStep& step) {
    const auto found = find_index(step);
    if (!found) return;
    if (found->is_valid) throw BuildTaken("An index " + step.name + " is there already.");
    throw BuildTaken("An invalid index " + step.name + " is there: DROP INDEX CONCURRENTLY " + qualified(step) + " first.");
}

// It may have been dropped, made anew, or bound to a constraint since it was advised on.
void Builder::refuse_other_index(const DeployStep& drop, const std::string& definition) {
    const auto found = find_index(drop);
    const std::string name = "The index " + qualified(drop);
    if (!found) throw BuildError(name + " is not there any more.");
    if (found->definition != definition) {
        throw BuildError(name + " is not the one that was advised on: it is now " + found->definition + ". Nothing was dropped; wait for new advice, or drop it by hand.");
    }
    if (found->is_unique) throw BuildError(name + " is unique: it may be what keeps doubled rows out. Nothing was dropped; drop it by hand if another one does that.");
    if (found->is_bound) throw BuildError(name + " belongs to a constraint, a replica identity or a partitioned index. Nothing was dropped.");
}

void Builder::attempt_often(const DeployStep& step) {
    for (int attempt = 1;; ++attempt) {
        try {
            if (attempt > 1 && step.kind == StepKind::create_index) drop_invalid_once(step);
            return run_once(step);
        } catch (const QueryError& e) {
            if (!is_worth_retrying(e) || attempt >= options_.attempts) {
                if (step.kind == StepKind::create_index && e.sqlstate() != kDuplicateTable) drop_invalid(step);
                throw;
            }
            if (options_.on_progress) options_.on_progress("somebody holds a lock that is in the way; attempt " + std::to_string(attempt + 1) + " follows");
        }
        if (!wait(std::min(attempt, kWaitsMax) * options_.retry_wait)) throw BuildStopped("It was stopped while it waited for a lock.");
    }
}

void Builder::run_once(const DeployStep& step) {
    connection_.run(step.sql, {}, [this] {
        tell_progress();
        return wait(milliseconds(0));
    });
}

std::optional<Builder::Found> Builder::find_index(const DeployStep& step) {
    const auto found = connection_.run(std::string("SELECT i.indisvalid AND i.indisready, i.indisunique, i.indisreplident OR c.relispartition OR "
                                                   "EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = c.oid), pg_catalog.pg_get_indexdef(c.oid) "
                                                   "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                                                   "JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid WHERE") + kNamed, {step.name, step.schema});
    if (found.empty()) return std::nullopt;
    const auto& row = found[0];
    return Found{row[0] == "t", row[1] == "t", row[2] == "t", row[3].value_or("")};
}

bool Builder::has_statistics(const DeployStep& step) {
    return !connection_.run("SELECT 1 FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace WHERE s.stxname = $1 AND n.nspname = $2", {step.name, step.schema}).empty();
}

// Its name was free when the build began.
bool Builder::is_left_invalid(const DeployStep& step) {
    const auto found = find_index(step);
    return found && !found->is_valid && !found->is_bound && read_step(found->definition).shape == step.shape;
}

void Builder::drop_invalid_once(const DeployStep& step) {
    if (is_left_invalid(step)) connection_.run("DROP INDEX CONCURRENTLY IF EXISTS " + qualified(step));
}

// Tried even if the caller wants to stop: it waits for locks like the build did, but only for so long.
void Builder::drop_invalid(const DeployStep& step) {
    for (int attempt = 1; is_left_invalid(step); ++attempt) {
        try {
            drop_invalid_once(step);
        } catch (const QueryError& e) {
            const std::string left = "An invalid index is left, since it could not be dropped: " + std::string(e.what()) + ". DROP INDEX CONCURRENTLY " + qualified(step) + " does.";
            if (!is_worth_retrying(e)) throw BuildError(left);
            if (attempt >= kCleanUpAttempts) throw BuildLocked(left);
        }
    }
}

unsigned Builder::table_oid(const DeployStep& step) {
    const auto found = connection_.run(std::string("SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE") + kNamed, {step.table, step.schema});
    return found.empty() ? 0 : static_cast<unsigned>(std::stoul(found[0][0].value_or("0")));
}

std::uint64_t Builder::scans(const DeployStep& create_index) {
    const auto found = connection_.run(std::string("SELECT pg_catalog.pg_stat_get_numscans(c.oid) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE") + kNamed,
                                       {create_index.name, create_index.schema});
    return found.empty() ? 0 : std::stoull(found[0][0].value_or("0"));
}

// https://www.postgresql.org/docs/15/progress-reporting.html: blocks while the table is read, tuples while the index is filled, lockers
// while older transactions are waited for.
void Builder::tell_progress() {
    if (!options_.on_progress) return;
    if (!watcher_) watcher_ = std::make_unique<BuildConnection>(options_.uri, options_.lock_timeout);
    const auto found = watcher_->run("SELECT phase, CASE WHEN blocks_total > 0 THEN 100 * blocks_done / blocks_total WHEN tuples_total > 0 THEN 100 * tuples_done / tuples_total END, "
                                     "CASE WHEN lockers_total > 0 THEN lockers_total - lockers_done END FROM pg_catalog.pg_stat_progress_create_index WHERE pid = $1",
                                     {std::to_string(connection_.backend_pid())});
    if (found.empty()) return;
    std::string text = found[0][0].value_or("");
    if (found[0][1]) text += ", " + *found[0][1] + " %";
    if (found[0][2]) text += ", " + *found[0][2] + " transactions are waited for";
    options_.on_progress(text);
}

bool Builder::wait(milliseconds time) {
    if (options_.wait) return options_.wait(time);
    connection_.rest(time);
    return true;
}

}  // namespace larder::advisor
