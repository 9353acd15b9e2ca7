#include "proxy/session/explain.h"

#include <algorithm>
#include <set>
#include <string>

#include "base/log.h"
#include "cache/counter.h"

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

    std::string columns(const rules::KeyRef& ref) const {
        std::string columns;
        if (const auto* relation = find(ref.root); relation != nullptr && ref.key < relation->keys.size()) {
            for (const auto column : relation->keys[ref.key].columns)
                columns += (columns.empty() ? "" : ", ") + quoted(relation->columns[column].name);
        }
        return columns;
    }

    std::string key(const rules::KeyRef& ref) const { return relation(ref.root) + " (" + columns(ref) + ')'; }

private:
    const rules::Relation* find(Oid oid) const { return catalogue_ == nullptr ? nullptr : catalogue_->find_relation(oid); }

    const rules::Catalogue* catalogue_;
};

void add_counter(Explanation& out, std::string name, const cache::Counter& counter) {
    const auto word = counter.load();
    out.counters.push_back({std::move(name), word & cache::Counter::kVersionMask, word / cache::Counter::kOneInFlight});
}

// Of rows that depend on parameters it is not known which counters they have.
void add_rows(Explanation& out, const rules::RowRead& read, const ResolvedRowRead& resolved, const Names& names) {
    const auto key = names.key(read.key);
    const auto& parts = read.values.front().parts;
    const bool has_array = std::any_of(parts.begin(), parts.end(), [](const auto& part) { return part.is_array; });
    out.reads.push_back({names.relation(read.key.root), names.columns(read.key), read.values.size(), has_array});
    add_counter(out, "all of " + key, *resolved.all);
    for (const auto& row : resolved.rows) {
        if (row.known != nullptr) add_counter(out, "row of " + key, *row.known);
    }
    add_counter(out, "absent of " + key, *resolved.absent);
}

void add_reads(Explanation& out, const ResolvedPlan& resolved, const Names& names) {
    auto& counters = resolved.database->counters();
    for (const auto oid : resolved.plan.reads) out.reads.push_back({names.relation(oid), {}, 0});
    add_counter(out, "server", resolved.database->server().server);
    add_counter(out, "catalogue of " + quoted(resolved.database->name()), counters.catalogue);
    add_counter(out, "any of " + quoted(resolved.database->name()), counters.any);
    for (const auto oid : resolved.plan.reads) add_counter(out, "scan of " + names.relation(oid), counters.relation(oid).scan);
    for (std::size_t i = 0; i < resolved.row_reads.size(); ++i) add_rows(out, resolved.plan.row_reads[i], resolved.row_reads[i], names);
}

void add_writes(const rules::WritePlan& writes, const Names& names, std::vector<std::string>& lines) {
    // The keys that reads of single rows depend on instead of the scan; a relation without such keys has scans alone.
    std::set<Oid> keyed;
    std::set<rules::KeyRef> by_row;
    for (const auto& row : writes.rows) by_row.insert(row.row.key);
    for (const auto& key : by_row) keyed.insert(key.root);
    for (const auto& move : writes.keys) keyed.insert(move.key.root);
    for (const auto oid : writes.scans) lines.push_back((keyed.contains(oid) ? "drops answers that scan " : "drops every answer that reads ") + names.relation(oid));
    for (const auto& key : by_row) lines.push_back("drops answers that read these rows of " + names.key(key));
    for (const auto& move : writes.keys) {
        lines.push_back((move.counter == rules::KeyCounter::absent ? "drops answers that found no row in " : "drops every answer that reads rows of ") + names.key(move.key));
    }
    if (writes.any) lines.emplace_back("drops every answer of this database: what it writes is not known");
    if (writes.catalogue) lines.emplace_back("drops every answer of this database: it may change the schema or privileges");
    if (writes.server) lines.emplace_back("drops every answer: it may change roles or the server's settings");
}

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ", ") + printable(name);
    return text;
}

// What tells this answer from those of other sessions and of other parameters.
void add_key(Explanation& out, const rules::SessionEnv& env) {
    out.key.push_back("database " + printable(env.database) + ", role " + printable(env.current_user) + (env.session_user == env.current_user ? "" : ", logged in as " + printable(env.session_user)));
    out.key.push_back("search_path " + joined(env.search_path));
    std::string settings;
    for (const auto& name : {"DateStyle", "IntervalStyle", "TimeZone", "client_encoding", "extra_float_digits", "bytea_output"}) {
        settings += std::string(settings.empty() ? "" : ", ") + name + ' ' + printable(env.setting(name));
    }
    out.key.push_back(settings + ", and " + std::to_string(rules::kKeyedSettings.size()) + " settings in all (environment " + std::to_string(env.id) + ')');
    out.key.push_back(out.has_parameters ? "the text, the types, formats and values of its parameters, and the formats of its columns" : "the text, and the formats of its columns");
}

std::string promise_of(const UpstreamState& upstream, const rules::Plan& plan, bool waits_for_feed) {
    const auto seconds = [](std::int64_t us) { return std::to_string(us / 1'000'000) + "." + std::to_string(us / 100'000 % 10) + " s"; };
    if (waits_for_feed) return "barrier (it waits until the change feed has told of all that was committed before; nothing old is given)";
    if (plan.max_stale.count() > 0) return "ttl (a rule or comment allows old answers)";
    const auto bound_us = upstream.ttl_us_max(false);
    if (bound_us == 0) return "strict (every writer goes through this Larder)";
    if (upstream.ttl_us_max(!plan.reads_unlogged) == 0) return "strict for what is written through this Larder; bounded for other writers (the change feed tells of them)";
    return "strict for what is written through this Larder; ttl for other writers (no answer is older than " + seconds(std::max<std::int64_t>(bound_us, 0)) + ")" +
           (plan.reads_unlogged && upstream.is_feed_current() ? ", since it reads an unlogged table" : "");
}

}  // namespace

Bytes explained_statement(Bytes text) {
    skip_space(text);
    if (!take_word(text, "EXPLAIN") || !take_word(text, "LARDER")) return {};
    while (!text.empty() && (is_space(text.back()) || text.back() == ';')) text.remove_suffix(1);
    return text;
}

Explanation explain(const Statement& statement, const ResolvedPlan& resolved, const UpstreamState& upstream, const ExplainedState& state) {
    const auto& plan = resolved.plan;
    const Names names(resolved.facts.get());
    Explanation out;
    const auto because = [&out](rules::Reason reason) { out.reasons.emplace_back(rules::name(reason), rules::explain(reason)); };
    out.is_cacheable = statement.looks_cacheable() && plan.reason == rules::Reason::none;
    out.is_catalogue_loaded = resolved.facts != nullptr;
    out.has_parameters = state.has_parameters;
    if (plan.reason == rules::Reason::not_a_select) {
        out.verdict = "Passed on to PostgreSQL";
    } else {
        out.verdict = !out.is_cacheable ? "Not cached" : state.obstacle == rules::Reason::none ? "Cached" : "Cached, but not in this session now";
        if (plan.reason != rules::Reason::none) because(plan.reason);
        if (state.obstacle != rules::Reason::none && state.obstacle != plan.reason) because(state.obstacle);
    }
    out.rule = plan.rule;
    if (out.is_cacheable) {
        add_reads(out, resolved, names);
        out.promise = promise_of(upstream, plan, state.waits_for_feed);
        out.ttl_ms = std::chrono::duration_cast<std::chrono::milliseconds>(state.ttl).count();
        out.max_stale_ms = state.waits_for_feed ? 0 : plan.max_stale.count();
        out.tags = plan.tags;
        if (resolved.env != nullptr) add_key(out, *resolved.env);
        out.is_kept_now = state.is_kept_now;
    }
    add_writes(plan.writes, names, out.writes);
    if (!out.is_cacheable && plan.writes.empty()) out.writes.emplace_back("drops no answer");
    return out;
}

}  // namespace larder::session
