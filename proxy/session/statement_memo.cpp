#include "proxy/session/statement_memo.h"

#include <algorithm>

#include "cache/cache.h"
#include "proxy/session/explain.h"
#include "sql/analyse.h"

namespace larder::session {

namespace {

constexpr std::string_view kOwnPrefix = "larder.";

LarderCommand command_of(const sql::TextFacts& facts, Bytes text) {
    if (!facts.parsed) {
        const auto explained = explained_statement(text);
        if (explained.empty()) return {};
        return {.kind = LarderCommand::Kind::explain, .setting = {}, .value = std::string(explained)};
    }
    if (!facts.is_single()) return {};
    const auto& only = facts.statements.front();
    if (only.settings.size() != 1 || !only.settings.front().name.starts_with(kOwnPrefix)) return {};
    const auto& change = only.settings.front();
    LarderCommand command;
    command.setting = change.name.substr(kOwnPrefix.size());
    command.is_local = change.is_local;
    switch (only.kind) {
        case sql::Kind::set:
            command.kind = change.is_reset ? LarderCommand::Kind::reset : LarderCommand::Kind::set;
            if (!change.values.empty()) command.value = change.values.front();
            return command;
        case sql::Kind::reset:
            command.kind = LarderCommand::Kind::reset;
            return command;
        case sql::Kind::show:
            command.kind = LarderCommand::Kind::show;
            return command;
        default:
            return {};  // set_config('larder.trace', …) inside a SELECT is PostgreSQL's to answer
    }
}

// Kinds of which a text says everything but what runs behind the names in it; and those behind which nothing runs.
bool is_judged_by_facts(const sql::Facts& facts) {
    if (!facts.understood || !facts.settings.empty() || facts.reset_all || facts.sets_unknown_setting || facts.selects_into || facts.creates_temp) return false;
    using sql::Kind;
    switch (facts.kind) {
        case Kind::select: case Kind::insert: case Kind::update: case Kind::delete_: case Kind::merge: case Kind::copy_from: case Kind::copy_to:
        case Kind::declare_cursor: case Kind::explain:
        case Kind::begin: case Kind::commit: case Kind::rollback: case Kind::savepoint: case Kind::release: case Kind::rollback_to: case Kind::empty: return true;
        default: return false;
    }
}

bool is_judged_by_facts(const sql::TextFacts& text) {
    return text.parsed && std::all_of(text.statements.begin(), text.statements.end(), [](const auto& facts) { return is_judged_by_facts(facts); });
}

// Instead of moving `catalogue` it is registered, and judged when facts are there.
void leave_unjudged(ResolvedPlan& resolved, bool is_single) {
    resolved.is_unjudged = true;
    auto& plan = resolved.plan;
    plan.writes.catalogue = false;
    plan.writes.any = true;
    plan.changes_environment = plan.changes_environment_locally = plan.may_release_locks = false;
    // Of a longer text the plan says what its BEGIN and COMMIT do, and that stays.
    if (is_single) plan.may_commit_inside = plan.ends_block = plan.touches_transaction_modes = false;
}

void resolve_rows(ResolvedPlan& resolved, DatabaseState& database) {
    if (resolved.plan.reason == rules::Reason::none) {
        for (const auto& read : resolved.plan.row_reads) resolved.row_reads.push_back(resolve(database, read));
    }
    const auto counter_of = [&](const rules::KeyRef& key, rules::KeyCounter counter) {
        auto& counters = key_counters(database, key);
        return counter == rules::KeyCounter::all ? &counters.all : &counters.absent;
    };
    for (const auto& move : resolved.plan.writes.keys) resolved.writes.add(*counter_of(move.key, move.counter));
    for (const auto& move : resolved.plan.writes.rows) {
        auto row = resolve(database, move.row);
        row.otherwise = counter_of(move.row.key, move.otherwise);
        resolved.writes_parameters |= row.known == nullptr;
        resolved.row_writes.push_back(row);
    }
}

void resolve_counters(ResolvedPlan& resolved, DatabaseState& database) {
    auto& counters = database.counters();
    const auto& plan = resolved.plan;
    if (plan.reason == rules::Reason::none) {
        resolved.reads = {&database.server().server, &counters.catalogue, &counters.any};
        for (const Oid root : plan.reads) resolved.reads.push_back(&counters.relation(root).scan);
    }
    const auto& writes = plan.writes;
    for (const Oid root : writes.scans) resolved.writes.add(counters.relation(root).scan);
    resolve_rows(resolved, database);
    if (writes.any) resolved.writes.add(counters.any);
    if (writes.catalogue) {
        resolved.writes.add(counters.catalogue);
        resolved.writes.moves_catalogue = true;
    }
    if (writes.server) resolved.writes.add(database.server().server);
    if (writes.exclusive) resolved.exclusive = resolved.writes;
}

}  // namespace

Statement::Statement(Bytes text, std::uint64_t hash, bool parse) : text_(text), hash_(hash) {
    if (parse) facts_ = sql::analyse(text_);
    else facts_.why_not = "the session's settings change how texts are read";
    kind_ = facts_.is_single() ? facts_.statements.front().kind : sql::Kind::unknown;
    is_ascii_ = std::all_of(text_.begin(), text_.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    command_ = command_of(facts_, text_);
}

const ResolvedPlan& Statement::plan(DatabaseState& database, const std::shared_ptr<const CatalogueFacts>& facts,
                                    const std::shared_ptr<const rules::SessionEnv>& env, const std::shared_ptr<const rules::UserRules>& rules) {
    for (std::size_t i = 0; i < plans_.size(); ++i) {
        auto& known = *plans_[i];
        if (known.facts == facts && known.env == env && known.rules == rules && known.database == &database) {
            if (i > 0) std::rotate(plans_.begin(), plans_.begin() + static_cast<std::ptrdiff_t>(i), plans_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
            return *plans_.front();
        }
    }
    if (rules->needs_fingerprint()) fingerprint();
    auto resolved = std::make_unique<ResolvedPlan>();
    resolved->facts = facts;
    resolved->env = env;
    resolved->rules = rules;
    resolved->database = &database;
    resolved->plan = rules::make_plan({facts_, text_, fingerprint_, facts ? facts->catalogue.get() : nullptr, env.get(), *rules});
    if (facts == nullptr && env != nullptr && resolved->plan.writes.catalogue && is_judged_by_facts(facts_)) leave_unjudged(*resolved, facts_.is_single());
    resolve_counters(*resolved, database);
    if (plans_.size() == kPlansMax) plans_.pop_back();
    plans_.insert(plans_.begin(), std::move(resolved));
    return *plans_.front();
}

std::uint64_t Statement::fingerprint() {
    if (!has_fingerprint_) fingerprint_ = sql::fingerprint(text_);
    has_fingerprint_ = true;
    return fingerprint_;
}

const std::string* Statement::description(const ResolvedPlan& plan, Bytes types) {
    for (const auto& known : plan.descriptions) {
        if (known.types == types) return &known.messages;
    }
    return nullptr;
}

void Statement::keep_description(const CatalogueFacts* facts, const rules::SessionEnv* env, std::string types, std::string messages) {
    constexpr std::size_t kDescriptionsMax = 4, kDescriptionBytesMax = 16 * 1024;
    if (messages.size() > kDescriptionBytesMax) return;
    for (const auto& plan : plans_) {
        if (plan->facts.get() != facts || plan->env.get() != env || description(*plan, types) != nullptr) continue;
        if (plan->descriptions.size() == kDescriptionsMax) plan->descriptions.erase(plan->descriptions.begin());
        plan->descriptions.push_back({types, messages});
    }
}

StatementMemo::StatementMemo(std::size_t statements_max, std::size_t bytes_max) : statements_max_(statements_max), bytes_max_(bytes_max) {}
StatementMemo::~StatementMemo() = default;

std::shared_ptr<Statement> StatementMemo::find(Bytes text, bool parse) {
    const auto hash = cache::hash_key(text);
    if (!parse) return std::make_shared<Statement>(text, hash, false);
    if (const auto found = by_hash_.find(hash); found != by_hash_.end()) {
        auto& statement = found->second;
        if (statement->text() == text) {
            if (statement->recency_ != recency_.begin()) recency_.splice(recency_.begin(), recency_, statement->recency_);
            return statement;
        }
        return std::make_shared<Statement>(text, hash, true);  // two texts with one hash: the second is not kept
    }
    auto statement = std::make_shared<Statement>(text, hash, true);
    recency_.push_front(statement.get());
    statement->recency_ = recency_.begin();
    by_hash_.emplace(hash, statement);
    bytes_ += text.size();
    while (by_hash_.size() > statements_max_ || bytes_ > bytes_max_) forget_oldest();
    return statement;
}

void StatementMemo::forget_oldest() {
    Statement* oldest = recency_.back();
    recency_.pop_back();
    bytes_ -= oldest->text().size();
    by_hash_.erase(oldest->hash_);
}

}  // namespace larder::session
