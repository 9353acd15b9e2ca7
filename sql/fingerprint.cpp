#include "sql/analyse.h"
#include "sql/hide_constants.h"
#include "sql/tree_depth.h"
#include "sql/walker.h"

namespace larder::sql {

// libpg_query's own walk knows no limit of depth. So ours goes first, and only a tree that it has seen in full and
// found shallow, spines included, is handed over.
bool is_shallow(const std::string& text) {
    const MemoryContext arena = pg_query_enter_memory_context();
    const PgQueryInternalParsetreeAndError result = pg_query_raw_parse(text.c_str());
    bool is_fine = !result.error && result.tree;
    for (const ListCell& cell : cells(result.tree)) {
        Facts facts;
        Walker walker(facts);
        walker.walk(as<RawStmt>(node_of(cell)).stmt);
        is_fine = is_fine && facts.understood && walker.has_seen_all() && walker.deepest() <= kTreeDepthMax;
    }
    std::free(result.stderr_buffer);
    if (result.error) pg_query_free_error(result.error);
    pg_query_exit_memory_context(arena);
    return is_fine;
}

std::uint64_t fingerprint(Bytes text) {
    if (text.size() > kParsedTextBytesMax || text.find('\0') != Bytes::npos) return 0;
    const std::string terminated(text);
    if (!is_shallow(terminated)) return 0;
    const PgQueryFingerprintResult result = pg_query_fingerprint(terminated.c_str());
    const std::uint64_t value = result.error ? 0 : result.fingerprint;
    pg_query_free_fingerprint_result(result);
    return value;
}

std::string normalised(Bytes text) {
    if (text.size() > kParsedTextBytesMax || text.find('\0') != Bytes::npos) return {};
    const std::string terminated(text);
    if (!is_shallow(terminated)) return {};
    const PgQueryNormalizeResult result = pg_query_normalize(terminated.c_str());
    std::string normal = result.error || !result.normalized_query ? std::string() : result.normalized_query;
    pg_query_free_normalize_result(result);
    return hide_constants(normal);
}

}  // namespace larder::sql
