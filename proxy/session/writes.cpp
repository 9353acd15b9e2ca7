#include "proxy/session/writes.h"

#include "base/planted_fault.h"

namespace larder::session {

// For a planted fault alone.
[[maybe_unused]] static void leave_out(cache::WriteSet& set, const cache::Counter& counter) {
    std::erase(set.counters, &counter);
    set.moves_catalogue = false;
}

void Writes::sending(const ResolvedPlan& plan, const std::vector<rules::Parameter>& parameters, bool in_block, Context& context) {
    if (plan.writes.empty()) return;
    has_written_ = true;
    note_facts(plan.facts.get());
    add(plan.writes, plan.exclusive);
    add_rows(plan, parameters);
    if (is_planted(PlantedFault::opaque_leaves_catalogue) && plan.plan.writes.any && plan.facts) leave_out(pending_, plan.database->counters().catalogue);
    if (is_planted(PlantedFault::opaque_leaves_all) && plan.plan.writes.any && plan.facts) pending_.clear();
    if (is_planted(PlantedFault::mark_after_outcome)) return;
    // What takes an ACCESS EXCLUSIVE lock is in flight from now on, also inside a block: PostgreSQL would make readers wait.
    if (!in_block) mark(*plan.database, pending_, context);
    else if (!plan.exclusive.empty()) mark(*plan.database, plan.exclusive, context);
}

void Writes::sending_unknown(DatabaseState& database, bool in_block, Context& context) {
    has_written_ = true;
    cache::WriteSet anything;
    anything.add(database.counters().any);
    anything.add(database.counters().catalogue);
    anything.moves_catalogue = true;
    add(anything, {});
    if (!in_block && !is_planted(PlantedFault::mark_after_outcome)) mark(database, pending_, context);
}

void Writes::may_commit(DatabaseState& database, Context& context) {
    if (!pending_.empty()) mark(database, pending_, context);
}

void Writes::settled(char status) {
    if (status == 'I') {
        if (ticket_.is_open()) ticket_.end();
        pending_.clear();
        exclusive_.clear();
        facts_ = nullptr;
        facts_mixed_ = false;
        has_written_ = false;
        rows_ = 0;
        return;
    }
    if (!ticket_.is_open()) return;
    if (exclusive_.empty()) ticket_.end();
    else ticket_.end_all_but(exclusive_.counters);
}

void Writes::lost(Context& context, std::int32_t backend_pid) {
    if (is_planted(PlantedFault::unknown_outcome_ended)) ticket_.end();
    if (ticket_.is_open()) context.unknown_outcomes.keep(std::move(ticket_), backend_pid);
    ticket_ = {};
    pending_.clear();
    exclusive_.clear();
    has_written_ = false;
    rows_ = 0;
}

void Writes::add_rows(const ResolvedPlan& plan, const std::vector<rules::Parameter>& parameters) {
    for (const auto& row : plan.row_writes) {
        auto* counter = rows_ >= kRowsMax ? nullptr : row.known != nullptr ? row.known : row_counter(*plan.database, *row.row, parameters);
        if (counter != nullptr) ++rows_;
        pending_.add(counter != nullptr ? *counter : *row.otherwise);
    }
}

void Writes::add(const cache::WriteSet& set, const cache::WriteSet& exclusive) {
    pending_.merge(set);
    exclusive_.merge(exclusive);
}

void Writes::note_facts(const CatalogueFacts* facts) {
    if (facts == nullptr) return;  // planned without facts: its set has `any` and `catalogue` already
    if (facts_ == nullptr) {
        facts_ = facts;
        server_word_ = facts->server_word;
        catalogue_word_ = facts->catalogue_word;
    } else if (server_word_ != facts->server_word || catalogue_word_ != facts->catalogue_word) {
        facts_mixed_ = true;
    }
}

bool Writes::facts_hold(const DatabaseState& database) const {
    if (is_planted(PlantedFault::write_facts_unchecked)) return true;
    if (facts_mixed_) return false;
    if (facts_ == nullptr) return true;  // nothing was resolved, so nothing can be resolved wrongly
    return database.server().server.load() == server_word_ && database.counters().catalogue.load() == catalogue_word_;
}

void Writes::mark(DatabaseState& database, cache::WriteSet set, Context& context) {
    // The order is the protocol's: outstanding first, the catalogue's version after. DDL that moves it later waits for us.
    ticket_.enlist(database.counters().outstanding());
    if (!facts_hold(database)) set.add(database.counters().any);
    ticket_.begin(database.counters().outstanding(), set);
    if (is_planted(PlantedFault::end_at_sending)) ticket_.end();
    context.metrics.write_marks.add();
    if (set.moves_catalogue || ticket_.holds(database.counters().any)) context.metrics.opaque_marks.add();
}

}  // namespace larder::session
