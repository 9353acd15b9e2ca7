// From rows to a snapshot: verdicts over functions first, then trees and write closures, then views.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "rules/catalogue_impl.h"
#include "rules/write_closure.h"

namespace larder::rules {

class CatalogueBuilder {
public:
    explicit CatalogueBuilder(CatalogueRows rows);
    std::shared_ptr<const Catalogue> build();

private:
    void judge_functions();
    void name_functions();
    bool judge_sql_bodies();
    void judge_operators_and_types();
    void add_relations();
    void join_trees();
    void spread_read_reasons();
    void note_planning_code();
    void understand_triggers();
    void close_writes();
    void find_keys();
    void resolve_view(std::size_t index, int depth);
    void read_through(Relation& view, const sql::Facts& facts, int depth);
    void write_through(Relation& view, const std::vector<const Relation*>& bases);
    std::size_t bytes() const;

    CatalogueRows rows_;
    std::shared_ptr<Catalogue> catalogue_;
    Catalogue::Impl& impl_;
    TreeRoots roots_;
    // Trigger functions whose bodies are understood.
    struct UnderstoodTrigger {
        std::vector<std::pair<Oid, WriteEvent>> writes;
        std::optional<std::vector<std::string>> sets;  // columns of NEW; nothing: any
    };
    std::optional<UnderstoodTrigger> understand(const FunctionRow& function) const;
    bool keeps_keys(Oid function, const Relation& relation) const;
    std::unordered_map<Oid, UnderstoodTrigger> triggers_;
    bool has_code_types_ = false;              // some type runs code that is not harmless
    std::unordered_set<Oid> reads_code_;       // tables whose policies run code when they are read
    std::unordered_set<std::size_t> visited_;  // views that are resolved, or being resolved
};

}  // namespace larder::rules
