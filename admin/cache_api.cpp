#include "admin/cache_api.h"

#include <algorithm>
#include <map>
#include <string>

#include "admin/documents.h"
#include "admin/page.h"
#include "admin/relation_use.h"

namespace larder::admin {
namespace {

json::object entry_object(const CacheEntryRow& entry) {
    return {
        {"key", entry.key},
        {"database", text_or_null(entry.database)},
        {"relations", json::array(entry.relations.begin(), entry.relations.end())},
        {"bytes", entry.bytes},
        {"rows", entry.rows},
        {"hits", entry.hits},
        {"server_seconds", seconds(entry.server_us)},
        {"age_seconds", entry.age_seconds},
        {"counters", entry.counters},
        {"fresh", entry.is_fresh},
    };
}

json::object relation_object(const RelationUse& use) {
    return {
        {"database", use.relation.database},
        {"relation", text_or_null(use.relation.relation)},
        {"oid", use.relation.oid},
        {"version", use.relation.version},
        {"in_flight", use.relation.in_flight},
        {"reads", use.reads},
        {"hits", use.hits},
        {"writes", use.writes},
        {"entries", use.relation.entries},
        {"entry_bytes", use.relation.entry_bytes},
    };
}

double measure(const CacheEntryRow& entry, std::string_view sort) {
    if (sort == "hits") return static_cast<double>(entry.hits);
    if (sort == "age") return entry.age_seconds;
    return static_cast<double>(entry.bytes);
}

}  // namespace

HttpReply answer_cache(const HttpRequest&, const Sources& sources) { return document(cache_object(sources.snapshot.snapshot())); }

HttpReply answer_cache_entries(const HttpRequest& request, const Sources& sources) {
    HttpReply refused;
    const auto page = page_of(request, {"sort", "relation"}, refused);
    if (!page) return refused;
    const auto parameters = parameters_of(request.query);
    const auto given = [&](std::string_view name) { return parameters.contains(name) ? parameters.at(name) : std::string_view(); };
    const auto sort = given("sort");
    if (!sort.empty() && sort != "bytes" && sort != "hits" && sort != "age") return problem(400, "Bad parameter", "sort is one of bytes, hits and age");
    const auto relation = percent_decoded(given("relation"));
    if (!relation) return problem(400, "Bad parameter", "a % must stand before two hexadecimal digits");
    auto entries = sources.snapshot.cache_entries(kEntriesWeighedMax);
    if (!relation->empty()) {
        std::erase_if(entries, [&](const auto& entry) { return std::find(entry.relations.begin(), entry.relations.end(), *relation) == entry.relations.end(); });
    }
    std::sort(entries.begin(), entries.end(), [&](const auto& a, const auto& b) {
        const double x = measure(a, sort), y = measure(b, sort);
        return x != y ? x > y : a.key < b.key;
    });
    return paged_document("entries", entries, *page, entry_object);
}

HttpReply answer_cache_purge(const HttpRequest& request, const Sources& sources) {
    std::map<std::string_view, std::string> wanted;
    for (const auto& [name, value] : parameters_of(request.query)) {
        const auto decoded = percent_decoded(value);
        const bool is_known = name == "relation" || name == "tag" || name == "fingerprint" || name == "database";
        if (!decoded || decoded->empty() || !is_known)
            return problem(400, "Bad parameter", "the parameters are one of relation, tag and fingerprint, and with it database; without them everything is dropped");
        wanted[name] = *decoded;
    }
    const auto database = wanted.extract("database");
    if (wanted.size() != 1 && !(wanted.empty() && database.empty())) return problem(400, "Bad parameter", "one of relation, tag and fingerprint is to be given, or none and no database");
    if (wanted.empty()) {
        const auto entries = sources.snapshot.snapshot().cache.entries;
        sources.snapshot.purge_cache();
        return document({{"dropped", entries}});
    }
    const auto& [what, name] = *wanted.begin();
    const auto in = database.empty() ? std::string() : database.mapped();
    if (what == "tag") return document({{"dropped", sources.snapshot.purge_tag(in, name)}});
    if (what == "fingerprint") {
        const auto dropped = sources.snapshot.purge_fingerprint(in, name);
        return dropped ? document({{"dropped", *dropped}}) : problem(400, "Bad parameter", "a fingerprint has up to 16 hexadecimal digits; /api/v1/queries has those of statements");
    }
    const auto dropped = sources.snapshot.purge_relation(in, name);
    if (!dropped) return problem(404, "Not found", "no relation of this name was read or written so far");
    return document({{"dropped", *dropped}});
}

HttpReply answer_relations(const HttpRequest& request, const Sources& sources) {
    HttpReply refused;
    const auto page = page_of(request, {}, refused);
    if (!page) return refused;
    return paged_document("relations", relation_uses(sources.snapshot, sources.traffic), *page, relation_object);
}

}  // namespace larder::admin
