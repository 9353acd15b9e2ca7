#include "proxy/session/explain.h"

#include <algorithm>
#include <set>
#include <string>

namespace larder::session {

namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

void skip_space(Bytes& text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
}

// Takes `word`, in capital letters, and the white space that must follow it.
bool take_word(Bytes& text, std::string_view word) {
    if (text.size() <= word.size() || !is_space(text[word.size()])) return false;
    for (std::size_t i = 0; i < word.size(); ++i) {
        if ((text[i] & ~0x20) != word[i]) return false;
    }
    text.remove_prefix(word.size());
    skip_space(text);
    return true;
}

std::string quoted(const std::string& name) {
    const auto is_plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
    if (!name.empty() && std::all_of(name.begin(), name.end(), is_plain) && (name.front() > '9')) return name;
    std::string out = "\"";
    for (const char c : name) out.append(c == '"' ? 2 : 1, c);
    return out + '"';
}

class Names {
public:
    explicit Names(const CatalogueFacts* facts) : catalogue_(facts == nullptr ? nullptr : facts->catalogue.get()) {}

    std::string relation(Oid oid) const {
        const auto* relation = find(oid);
        return relation == nullptr ? "relation " + std::to_string(oid) : quoted(relation->schema) + '.' + quoted(relation->name);
    }

    std::string key(const rules::KeyRef& ref) const {
        std::string columns;
        if (const auto* relation = find(ref.root); relation != nullptr && ref.key < relation->keys.size()) {
            for (const auto column : relation->keys[ref.key].columns)
                columns += (columns.empty() ? "" : ", ") + quoted(relation->columns[column].name);
        }
        return relation(ref.root) + " (" + columns + ')';
    }

private:
    const rules::Relation* find(Oid oid) const { return catalogue_ == nullptr ? nullptr : catalogue_->find_relation(oid); }

    const rules::Catalogue* catalogue_;
};

void add_reads(const ResolvedPlan& resolved, const Names& names, std::vector<std::string>& lines) {
    for (const auto oid : resolved.plan.reads) lines.push_back("  depends on every change of " + names.relation(oid));
    for (const auto& read : resolved.plan.row_reads) {
        const auto& parts = read.values.front().parts;
        const bool has_array = std::any_of(parts.begin(), parts.end(), [](const auto& part) { return part.is_array; });
        lines.push_back("  depends on " +
                        (has_array ? "one row for each element of an array"
                                   : std::to_string(read.values.size()) + (read.values.size() == 1 ? " row" : " rows")) +
                        " of " + names.key(read.key));
    }
    lines.push_back("  depends on the schema, on privileges, and on writes whose target is not known");
}

void add_writes(const rules::WritePlan& writes, const Names& names, std::vector<std::string>& lines) {
    // The keys that reads of single rows depend on instead of the scan; a relation without such keys has scans alone.
    std::set<Oid> keyed;
    std::set<rules::KeyRef> by_row;
    for (const auto& row : writes.rows) by_row.insert(row.row.key);
    for (const auto& key : by_row) keyed.insert(key.root);
    for (const auto& move : writes.keys) keyed.insert(move.key.root);
    for (const auto oid : writes.scans) lines.push_back((keyed.contains(oid) ? "  drops answers that scan " : "  drops every answer that reads ") + names.relation(oid));
    for (const auto& key : by_row) lines.push_back("  drops answers that read these rows of " + names.key(key));
    for (const auto& move : writes.keys) {
        lines.push_back((move.counter == rules::KeyCounter::absent ? "  drops answers that found no row in " : "  drops every answer that reads rows of ") + names.key(move.key));
    }
    if (writes.any) lines.emplace_back("  drops every answer of this database: what it writes is not known");
    if (writes.catalogue) lines.emplace_back("  drops every answer of this database: it may change the schema or privileges");
    if (writes.server) lines.emplace_back("  drops every answer: it may change roles or the server's settings");
}

std::string age(std::chrono::microseconds span) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(span).count();
    return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

}  // namespace

Bytes explained_statement(Bytes text) {
    skip_space(text);
    if (!take_word(text, "EXPLAIN") || !take_word(text, "LARDER")) return {};
    while (!text.empty() && (is_space(text.back()) || text.back() == ';')) text.remove_suffix(1);
    return text;
}

std::vector<std::string> explain(const Statement& statement, const ResolvedPlan& resolved, const ExplainedState& state) {
    const auto& plan = resolved.plan;
    const Names names(resolved.facts.get());
    std::vector<std::string> lines;
    const auto because = [&lines](rules::Reason reason) {
        lines.push_back(std::string("  ").append(rules::name(reason)).append(": ").append(rules::explain(reason)));
    };
    const bool may_be_kept = statement.looks_cacheable() && plan.reason == rules::Reason::none;
    if (plan.reason == rules::Reason::not_a_select) {
        lines.emplace_back("Passed on to PostgreSQL");
    } else {
        if (!may_be_kept) lines.emplace_back("Not cached");
        else lines.emplace_back(state.obstacle == rules::Reason::none ? "Cached" : "Cached, but not in this session now");
        if (plan.reason != rules::Reason::none) because(plan.reason);
        if (state.obstacle != rules::Reason::none && state.obstacle != plan.reason) because(state.obstacle);
    }
    if (!plan.rule.empty()) lines.push_back("  rule \"" + plan.rule + '"');
    if (may_be_kept) {
        add_reads(resolved, names, lines);
        lines.push_back(state.ttl.count() > 0 ? "  lives " + age(state.ttl) + " at most" : "  lives until one of these moves");
        if (plan.max_stale.count() > 0 && !state.waits_for_feed) lines.push_back("  may be up to " + age(plan.max_stale) + " old although one of these moved (max_stale), but for this session's own writes");
        if (state.waits_for_feed) lines.emplace_back("  waits until the change feed has told of all that was committed before (freshness barrier); nothing old is given");
        for (const auto& tag : plan.tags) lines.push_back("  tag " + tag);
        if (state.has_parameters)
            lines.emplace_back("  each set of parameters has an answer of its own");
        else
            lines.emplace_back(state.is_kept_now ? "  an answer is in the cache now" : "  no answer is in the cache now");
    }
    add_writes(plan.writes, names, lines);
    if (!may_be_kept && plan.writes.empty()) lines.emplace_back("  drops no answer");
    if (resolved.facts == nullptr) lines.emplace_back("  (the catalogue is not loaded yet, and until then the worst is assumed: ask again in a moment)");
    return lines;
}

}  // namespace larder::session
