// The part of Proxy that shows the cache by relation, and purges it.
#include <algorithm>
#include <map>
#include <tuple>

#include "base/log.h"
#include "proxy/proxy.h"

namespace larder::proxy {
namespace {

// Every relation that was read or written so far. Counters live as long as the process, so a pointer may be kept.
struct KnownRelation {
    std::string database, name;  // as the catalogue spells it; empty: it does not know the relation
    Oid oid;
    cache::RelationCounters* counters;
};

// By the address of their counters, so that a noted counter can be told to whom it belongs.
using KnownRelations = std::map<const void*, KnownRelation, std::less<>>;

KnownRelations known_relations(const session::UpstreamState& upstream) {
    KnownRelations known;
    for (const session::DatabaseState* state : upstream.databases()) {
        const auto facts = state->facts();
        for (const auto& [oid, counters] : state->counters().relations()) {
            known.emplace(counters, KnownRelation{state->name(), facts ? facts->catalogue->qualified_name(oid) : "", oid, &state->counters().relation(oid)});
        }
    }
    return known;
}

// Whose counter this is; null for one of a server, a database or a row.
const KnownRelation* owner_of(const KnownRelations& known, const cache::Counter* counter) {
    auto after = known.upper_bound(counter);
    if (after == known.begin()) return nullptr;
    const KnownRelation& candidate = std::prev(after)->second;
    return candidate.counters->holds(counter) ? &candidate : nullptr;
}

// Each relation that the answer depends on, once.
std::vector<const KnownRelation*> owners_of(const KnownRelations& known, const cache::CachedResult& result) {
    std::vector<const KnownRelation*> owners;
    for (std::size_t i = 0; i < result.note_count(); ++i) {
        const auto* owner = owner_of(known, result.note()[i].counter);
        if (owner != nullptr && std::find(owners.begin(), owners.end(), owner) == owners.end()) owners.push_back(owner);
    }
    return owners;
}

CacheEntryRow entry_row(const KnownRelations& known, const cache::CachedResult& result, std::uint32_t hits, Instant at) {
    static constexpr char kHex[] = "0123456789abcdef";
    CacheEntryRow row;
    for (std::uint64_t hash = cache::hash_key(result.key()), i = 0; i < 16; ++i, hash <<= 4) row.key.push_back(kHex[hash >> 60]);
    for (const auto* owner : owners_of(known, result)) {
        row.database = printable(owner->database);
        row.relations.push_back(owner->name.empty() ? std::to_string(owner->oid) : printable(owner->name));
    }
    row.bytes = result.bytes();
    row.rows = static_cast<std::uint64_t>(std::max<std::int64_t>(0, result.cost().rows));
    row.server_us = static_cast<std::uint64_t>(std::max<std::int64_t>(0, result.cost().server_us));
    row.hits = hits;
    row.counters = result.note_count();
    row.age_seconds = static_cast<double>((at - result.stored()).count()) / 1e6;
    row.is_fresh = result.is_fresh();
    return row;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_same_name(const std::string& a, const std::string& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

// Whoever means one of two names that differ in case gets both dropped, which costs a miss and no more.
bool is_meant(const KnownRelation& known, const std::string& database, const std::string& relation) {
    if (known.name.empty() || (!database.empty() && known.database != database)) return false;
    return is_same_name(known.name, relation) || is_same_name(known.name.substr(known.name.find('.') + 1), relation);
}

}  // namespace

std::vector<RelationRow> Proxy::relations() const {
    const auto known = known_relations(shared_.upstream);
    std::map<const KnownRelation*, std::pair<std::uint64_t, std::uint64_t>> weights;
    shared_.cache.visit_entries(kEntriesWeighedMax, [&](const cache::ResultRef& result, std::uint32_t) {
        for (const auto* owner : owners_of(known, *result)) {
            auto& [entries, bytes] = weights[owner];
            ++entries, bytes += result->bytes();
        }
    });
    std::vector<RelationRow> rows;
    for (const auto& [address, relation] : known) {
        const std::uint64_t word = relation.counters->scan.load();
        const auto weight = weights.find(&relation);
        const auto [entries, bytes] = weight == weights.end() ? std::pair<std::uint64_t, std::uint64_t>{} : weight->second;
        rows.push_back({printable(relation.database), printable(relation.name), relation.oid, word & cache::Counter::kVersionMask,
                        word / cache::Counter::kOneInFlight, entries, bytes});
    }
    std::sort(rows.begin(), rows.end(), [](const RelationRow& a, const RelationRow& b) { return std::tie(a.database, a.oid) < std::tie(b.database, b.oid); });
    return rows;
}

std::vector<CacheEntryRow> Proxy::cache_entries(std::size_t max) const {
    const auto known = known_relations(shared_.upstream);
    std::vector<CacheEntryRow> rows;
    const Instant at = now();
    shared_.cache.visit_entries(max, [&](const cache::ResultRef& result, std::uint32_t hits) { rows.push_back(entry_row(known, *result, hits, at)); });
    return rows;
}

std::optional<std::size_t> Proxy::purge_relation(const std::string& database, const std::string& relation) {
    const auto known = known_relations(shared_.upstream);
    std::vector<const KnownRelation*> meant;
    for (const auto& [address, one] : known) {
        if (is_meant(one, database, relation)) meant.push_back(&one);
    }
    if (meant.empty()) return std::nullopt;
    // The counters first: an answer that is being read now must not be stored after the purge.
    for (const auto* one : meant) {
        shared_.upstream.foreign_moves.tell_of_purge(one->counters->scan);
        one->counters->move_all();
    }
    const auto dropped = shared_.cache.purge_if([&](const cache::CachedResult& result) {
        const auto owners = owners_of(known, result);
        return std::any_of(meant.begin(), meant.end(), [&](const auto* one) { return std::find(owners.begin(), owners.end(), one) != owners.end(); });
    });
    for (const auto* one : meant)
        tell({.kind = EventKind::purge,
              .database = printable(one->database),
              .relation = printable(one->name),
              .source = "cache",
              .text = "what depends on it was dropped"});
    return dropped;
}

bool Proxy::kill_client(std::uint64_t id) {
    const auto all = clients();
    if (std::none_of(all.begin(), all.end(), [&](const ClientRow& row) { return row.id == id; })) return false;
    // One of them has it.
    for (const auto& worker : workers_) worker->post_kill(id);
    return true;
}

}  // namespace larder::proxy
