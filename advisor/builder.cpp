#include "advisor/builder.h"

#include <algorithm>

namespace larder::advisor {

namespace {

using std::chrono::milliseconds;

constexpr const char* kLockNotAvailable = "55P03";
constexpr const char* kDeadlock = "40P01";
constexpr const char* kCancelled = "57014";
constexpr int kCleanUpAttempts = 3;
constexpr int kWaitsMax = 10;  // times the wait before the second attempt
constexpr milliseconds kOtherBuildWait{1'000};

bool is_worth_retrying(const QueryError& e) { return e.sqlstate() == kLockNotAvailable || e.sqlstate() == kDeadlock; }

// Of a relation's name as CREATE INDEX gives it: its schema, or else what search_path finds.
constexpr const char* kNamed = " c.relname = $1 AND CASE WHEN $2 = '' THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = $2 END";

std::string qualified(const DeployStep& step) { return (step.schema.empty() ? "" : quoted_name(step.schema) + ".") + quoted_name(step.name); }

std::string refused_by_server(const QueryError& e) {
    const std::string said = std::string(e.what()) + " (SQLSTATE " + e.sqlstate() + ").";
    return e.sqlstate() == "42501" ? "PostgreSQL refused it: " + said + " Larder logs in with the user of its upstream URI, who has to own the table." : "PostgreSQL refused it: " + said;
}

}  // namespace

std::string why_not_deployed(const std::vector<std::string>& deploy, const std::vector<std::string>& undo) {
    if (deploy.empty()) return "There is no statement to run.";
    std::vector<DeployStep> dropped;
    for (const auto& sql : undo) {
        dropped.push_back(read_step(sql));
        if (dropped.back().kind == StepKind::refused) return dropped.back().why_refused;
    }
    for (const auto& sql : deploy) {
        const auto step = read_step(sql);
        if (step.kind == StepKind::refused) return step.why_refused;
        const auto undone_by = step.kind == StepKind::create_index ? StepKind::drop_index : step.kind == StepKind::create_rule ? StepKind::drop_rule : StepKind::drop_statistics;
        // Another thing carries it out, which has no part in taking back what PostgreSQL did.
        if (is_rule_step(step.kind) && deploy.size() > 1) return "A rule is deployed by itself.";
        const bool is_undone = std::any_of(dropped.begin(), dropped.end(), [&](const DeployStep& drop) { return drop.kind == undone_by && drop.name == step.name && drop.schema == step.schema; });
        const bool makes = step.kind == StepKind::create_index || step.kind == StepKind::create_statistics || step.kind == StepKind::create_rule;
        if (makes && !is_undone) return "Nothing would drop " + step.name + " again.";
    }
    return {};
}

Builder::Builder(BuildOptions options) : options_(std::move(options)), connection_(options_.uri, options_.lock_timeout) {}
Builder::~Builder() = default;

void Builder::run(const std::string& sql) {
    const auto step = read_step(sql);
    if (step.kind == StepKind::refused) throw BuildError(step.why_refused);
    if (is_rule_step(step.kind)) throw BuildError("A rule is nothing for PostgreSQL.");
    try {
        if (step.kind == StepKind::create_index) refuse_partitioned(step), refuse_taken_name(step);
        attempt_often(step);
    } catch (const QueryError& e) {
        if (e.sqlstate() == kCancelled) throw BuildStopped("It was cancelled.");
        if (is_worth_retrying(e)) throw BuildLocked("Somebody holds a lock that is in the way: " + std::string(e.what()) + ".");
        throw BuildError(refused_by_server(e));
    }
}

void Builder::take_back(const std::string& step, const std::vector<std::string>& undo) {
    const auto done = read_step(step);
    for (const auto& sql : undo) {
        const auto back = read_step(sql);
        const bool is_of_one_schema = back.schema == done.schema || back.schema.empty() || done.schema.empty();
        if (back.name != done.name || !is_of_one_schema) continue;
        const bool drops = done.kind == StepKind::create_index && back.kind == StepKind::drop_index;
        const bool makes = done.kind == StepKind::drop_index && back.kind == StepKind::create_index;
        if (drops && find_index(done) != Found::nothing) run(sql);
        else if (makes && find_index(done) == Found::nothing) run(sql);
        else if (done.kind == StepKind::create_statistics && back.kind == StepKind::drop_statistics) run(sql);
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
    switch (find_index(step)) {
        case Found::nothing: return;
        case Found::valid: throw BuildError("An index " + step.name + " is there already.");
        case Found::invalid: throw BuildError("An invalid index " + step.name + " is there: DROP INDEX CONCURRENTLY " + qualified(step) + " first.");
    }
}

void Builder::attempt_often(const DeployStep& step) {
    for (int attempt = 1;; ++attempt) {
        try {
            if (attempt > 1 && step.kind == StepKind::create_index) drop_invalid_once(step);
            return run_once(step);
        } catch (const QueryError& e) {
            if (!is_worth_retrying(e) || attempt >= options_.attempts) {
                if (step.kind == StepKind::create_index) drop_invalid(step);
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

Builder::Found Builder::find_index(const DeployStep& step) {
    const auto found = connection_.run(std::string("SELECT i.indisvalid AND i.indisready FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                                                   "JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid WHERE") + kNamed, {step.name, step.schema});
    if (found.empty()) return Found::nothing;
    return found[0][0] == "t" ? Found::valid : Found::invalid;
}

void Builder::drop_invalid_once(const DeployStep& step) {
    if (find_index(step) == Found::invalid) connection_.run("DROP INDEX CONCURRENTLY IF EXISTS " + qualified(step));
}

// Tried even if the caller wants to stop: it waits for locks like the build did, but only for so long.
void Builder::drop_invalid(const DeployStep& step) {
    for (int attempt = 1; find_index(step) == Found::invalid; ++attempt) {
        try {
            drop_invalid_once(step);
        } catch (const QueryError& e) {
            const std::string left = "An invalid index is left, since it could not be dropped: " + std::string(e.what()) + ". DROP INDEX CONCURRENTLY " + qualified(step) + " does.";
            if (!is_worth_retrying(e)) throw BuildError(left);
            if (attempt >= kCleanUpAttempts) throw BuildLocked(left);
        }
    }
}

bool Builder::clean_up(const std::string& create_index) {
    const auto step = read_step(create_index);
    if (step.kind != StepKind::create_index) return true;
    const auto goes_on = [&] {
        return !connection_.run("SELECT 1 FROM pg_catalog.pg_stat_activity WHERE application_name = $1 AND pid <> pg_catalog.pg_backend_pid() AND state = 'active' AND datname = pg_catalog.current_database() LIMIT 1",
                                {BuildConnection::kApplicationName}).empty();
    };
    while (find_index(step) == Found::invalid && goes_on()) {
        if (!wait(kOtherBuildWait)) throw BuildStopped("A build of an earlier Larder still goes on.");
    }
    drop_invalid(step);
    return find_index(step) == Found::valid;
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
