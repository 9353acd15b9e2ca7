// Which trigger functions are understood, and what follows when they run (decision 17).
#include <algorithm>

#include "rules/catalogue_builder.h"
#include "rules/function_code.h"
#include "rules/statement_code.h"
#include "sql/trigger_body.h"

namespace larder::rules {
namespace {

using sql::Kind;

bool may_stand_in_a_body(const sql::Facts& facts) {
    switch (facts.kind) {
        case Kind::select: case Kind::insert: case Kind::update: case Kind::delete_: case Kind::merge: case Kind::notify: break;
        default: return false;
    }
    return facts.understood && facts.settings.empty() && !facts.reset_all && !facts.sets_unknown_setting && !facts.selects_into && !facts.creates_temp;
}

std::vector<WriteEvent> events_of(const sql::WriteUse& use) {
    switch (use.action) {
        case sql::WriteAction::insert:
            if (use.on_conflict_update) return {WriteEvent::insert, WriteEvent::update};
            return {WriteEvent::insert};
        case sql::WriteAction::update: return {WriteEvent::update};
        case sql::WriteAction::delete_: return {WriteEvent::delete_};
        case sql::WriteAction::merge: return {WriteEvent::insert, WriteEvent::update, WriteEvent::delete_};
        default: return {};
    }
}

}  // namespace

void CatalogueBuilder::understand_triggers() {
    if (has_code_types_) return;  // a variable of such a type runs its code with each assignment
    for (const auto& function : rows_.functions) {
        if (function.trigger_body.empty()) continue;
        if (auto trigger = understand(function)) triggers_.emplace(function.oid, std::move(*trigger));
    }
}

std::optional<CatalogueBuilder::UnderstoodTrigger> CatalogueBuilder::understand(const FunctionRow& function) const {
    static const std::vector<std::string> kNoPath;
    auto body = sql::analyse_trigger_body(function.trigger_body);
    if (!body) return std::nullopt;
    UnderstoodTrigger trigger;
    trigger.sets = std::move(body->sets);
    for (const auto& text : body->statements) {
        const auto& facts = text.statements.front();
        if (!may_stand_in_a_body(facts)) return std::nullopt;
        const auto code = judge_code(facts, *catalogue_, kNoPath, NameScope::session);
        if (code.may_write || code.may_change_session) return std::nullopt;
        for (const auto& use : facts.reads) {
            // What a view calls is not known yet here; a table's policies are.
            for (const auto* relation : catalogue_->find_named(use.name)) {
                if (relation->kind == RelationKind::view || relation->reading_is_opaque) return std::nullopt;
            }
        }
        for (const auto& use : facts.writes) {
            const auto events = events_of(use);
            if (events.empty()) return std::nullopt;
            for (const auto* relation : catalogue_->find_named(use.target.name)) {
                const bool is_table = relation->kind == RelationKind::table || relation->kind == RelationKind::partitioned_table;
                if (relation->is_system || !is_table) return std::nullopt;
                for (const auto event : events) trigger.writes.emplace_back(relation->oid, event);
            }
        }
    }
    return trigger;
}

// The trigger leaves the values of the relation's keys as they are written.
bool CatalogueBuilder::keeps_keys(Oid function, const Relation& relation) const {
    const auto trigger = triggers_.find(function);
    if (trigger == triggers_.end() || !trigger->second.sets) return false;
    const auto& sets = *trigger->second.sets;
    return std::none_of(relation.keys.begin(), relation.keys.end(), [&](const Key& key) {
        return std::any_of(key.columns.begin(), key.columns.end(), [&](std::size_t column) {
            return std::find(sets.begin(), sets.end(), relation.columns[column].name) != sets.end();
        });
    });
}

}  // namespace larder::rules
