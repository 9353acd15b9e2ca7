// The part of Proxy that drops answers for reasons that no counter tells of: all of them, those of a tag, those of a shape.
//
// First those that are being read, or are on their way to or from the second level, are kept out (Cache::keep_out), then what is there is
// dropped: nothing that was read before the call is given to who asks after it.
#include <algorithm>

#include "base/log.h"
#include "proxy/proxy.h"
#include "proxy/quarantine.h"
#include "proxy/session/cache_key.h"
#include "proxy/session/statement_memo.h"
#include "sql/analyse.h"

namespace larder::proxy {
namespace {

// An answer's statement and where it was asked; `env` is null where nobody with these settings has been here for long.
struct Origin {
    Bytes text;
    std::shared_ptr<const rules::SessionEnv> env;
};

std::optional<Origin> origin_of(const cache::CachedResult& answer, const rules::EnvironmentPool& environments) {
    const auto parts = session::split_key(answer.key());
    if (!parts) return std::nullopt;
    return Origin{parts->text, environments.find(parts->env_id)};
}

bool is_of(const Origin& origin, const std::string& database) { return database.empty() || origin.env == nullptr || origin.env->database == database; }

}  // namespace

template <class IsUnwanted>
std::size_t Proxy::purge(const IsUnwanted& is_unwanted) {
    shared_.cache.keep_out(now());
    if (shared_.redis) shared_.redis->index.clear();
    return shared_.cache.purge_if([&](const cache::CachedResult& answer) {
        const auto origin = origin_of(answer, shared_.environments);
        return !origin || is_unwanted(*origin);
    });
}

void Proxy::purge_cache() {
    shared_.cache.keep_out(now());
    shared_.cache.purge_all();
    if (shared_.redis) shared_.redis->index.clear();
    tell({.kind = EventKind::purge, .source = "cache", .text = "every cached answer was dropped"});
}

// What cannot be told is dropped: that costs a miss.
std::size_t Proxy::purge_tag(const std::string& database, const std::string& tag) {
    const auto rules = shared_.rules.get();
    const bool is_of_rule = rules->has_tag(tag);
    const auto dropped = purge([&](const Origin& origin) {
        // Its own comment would have to name it.
        if (!is_of(origin, database) || (!is_of_rule && origin.text.find(tag) == Bytes::npos)) return false;
        if (origin.env == nullptr) return true;
        auto* const state = shared_.upstream.find_database(origin.env->database);
        const auto facts = state == nullptr ? nullptr : state->valid_facts();
        if (facts == nullptr) return true;
        session::Statement statement(origin.text, 0, origin.env->is_lexing_safe());
        const auto& tags = statement.plan(*state, facts, origin.env, rules).plan.tags;
        return std::find(tags.begin(), tags.end(), tag) != tags.end();
    });
    tell({.kind = EventKind::purge, .database = printable(database), .tags = {printable(tag)}, .source = "cache", .text = "what carries the tag was dropped"});
    return dropped;
}

std::optional<std::size_t> Proxy::purge_fingerprint(const std::string& database, const std::string& fingerprint) {
    const auto wanted = read_fingerprint(fingerprint);
    if (!wanted) return std::nullopt;
    const auto dropped = purge([&](const Origin& origin) { return is_of(origin, database) && sql::fingerprint(origin.text) == *wanted; });
    tell({.kind = EventKind::purge, .database = printable(database), .source = "cache", .text = "the answers of the statement " + fingerprint_text(*wanted) + " were dropped"});
    return dropped;
}

}  // namespace larder::proxy
