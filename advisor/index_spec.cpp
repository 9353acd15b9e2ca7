#include "advisor/index_spec.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdio>

namespace larder::advisor {

namespace {

constexpr std::size_t kNameBytesMax = 63;
constexpr double kUpdatesPerRow = 2;  // since the statistics were reset: the tree's "frequent updates"

std::string key_text(const IndexKey& key) {
    std::string text = key.column ? key.subject : "(" + key.subject + ")";
    if (!key.operator_class.empty()) text += " " + key.operator_class;
    if (key.descending) text += " DESC";
    if (key.nulls_first != key.descending) text += key.nulls_first ? " NULLS FIRST" : " NULLS LAST";
    return text;
}

std::string quoted_if_needed(const std::string& name) {
    const bool is_plain = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c >= 0x80;
    });
    if (is_plain && !std::isdigit(static_cast<unsigned char>(name[0]))) return name;
    std::string quoted = "\"";
    for (const char c : name) quoted += c == '"' ? "\"\"" : std::string(1, c);
    return quoted + "\"";
}

// The first bytes, without half a character of UTF-8 at the end.
std::string cut(const std::string& text, std::size_t bytes) {
    if (text.size() <= bytes) return text;
    while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
    return text.substr(0, bytes);
}

// Six digits that tell two definitions apart where the name's other parts do not: IF NOT EXISTS must not take one for the other. (FNV-1a)
std::string mark_of(const std::string& definition) {
    std::uint32_t hash = 2166136261u;
    for (const unsigned char c : definition) hash = (hash ^ c) * 16777619u;
    char text[16];
    std::snprintf(text, sizeof text, "%06x", static_cast<unsigned>(hash & 0xFFFFFFu));
    return text;
}

// Letters and digits of an expression, in a row: "lower(email)" is "lower_email".
std::string name_part(const std::string& subject) {
    std::string part;
    for (const char c : subject) {
        if (std::isalnum(static_cast<unsigned char>(c))) part += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        else if (!part.empty() && part.back() != '_') part += '_';
    }
    while (part.ends_with('_')) part.pop_back();
    return part.substr(0, 24);
}

}  // namespace

std::string IndexSpec::definition(const std::string& table) const {
    std::string text = table;
    if (method != "btree") text += " USING " + method;
    text += " (";
    for (std::size_t i = 0; i < keys.size(); ++i) text += (i ? ", " : "") + key_text(keys[i]);
    text += ")";
    if (!include.empty()) {
        text += " INCLUDE (";
        for (std::size_t i = 0; i < include.size(); ++i) text += (i ? ", " : "") + include[i];
        text += ")";
    }
    if (!where.empty()) text += " WHERE " + where;
    return text;
}

std::string IndexSpec::hypothetical(const std::string& table) const {
    if (stand_in.empty()) return "CREATE INDEX ON " + definition(table);
    std::string text = stand_in;
    text.replace(text.find('%'), 1, table);
    return text;
}

std::string IndexSpec::name() const {
    std::string name = cut(relation->name, 24);
    for (const auto& key : keys) name += "_" + name_part(key.subject);
    if (!include.empty()) name += "_covering";
    if (!where.empty()) name += "_partial";
    if (method != "btree") name += "_" + method;
    const bool is_usual = where.empty() && include.empty() && name.size() <= kNameBytesMax - 7 && relation->name.size() <= 24 &&
                          std::all_of(keys.begin(), keys.end(), [](const IndexKey& key) { return key.column != 0 && !key.descending && key.operator_class.empty(); });
    name = cut(name, kNameBytesMax - 14);
    while (name.ends_with('_')) name.pop_back();
    if (!is_usual) name += "_" + mark_of(signature());
    std::string free = name + "_idx";
    for (int n = 2; std::any_of(relation->indexes.begin(), relation->indexes.end(), [&](const Index& i) { return i.name == free; }); ++n) {
        free = name + "_idx" + std::to_string(n);
    }
    return quoted_if_needed(free);
}

std::string IndexSpec::kind() const {
    if (!kind_hint.empty()) return kind_hint;
    if (method == "brin") return "brin";
    if (method == "gin") return "gin_array";
    if (method != "btree" && method != "hash") return "gist";
    if (!where.empty()) return "btree_partial";
    if (!include.empty()) return "btree_covering";
    if (std::any_of(keys.begin(), keys.end(), [](const IndexKey& key) { return key.column == 0; })) return "btree_expression";
    return keys.size() > 1 ? "btree_composite" : "btree_single";
}

int IndexSpec::weight() const {
    int weight = 10 * static_cast<int>(keys.size()) + 8 * static_cast<int>(include.size());
    for (const auto& key : keys) {
        if (key.column == 0) weight += 5;
    }
    const bool is_written_much = relation->updates > kUpdatesPerRow * relation->rows;
    if (!where.empty()) weight += names_a_value && !is_written_much ? 12 : 3;
    if (method == "brin") weight -= 8;
    return weight;
}

std::string IndexSpec::ddl() const { return "CREATE INDEX " + name() + " ON " + definition(relation->full); }

std::string IndexSpec::concurrent_ddl() const {
    if (relation->kind == 'p') return ddl();
    return "CREATE INDEX CONCURRENTLY IF NOT EXISTS " + name() + " ON " + definition(relation->full);
}

std::string IndexSpec::undo() const { return "DROP INDEX CONCURRENTLY " + relation->prefix + name(); }

bool starts_like(const Index& index, const IndexSpec& spec) {
    if (!index.is_valid || index.method != spec.method || !index.predicate.empty() || !spec.where.empty() || !spec.include.empty()) return false;
    if (index.keys.size() < spec.keys.size()) return false;
    for (std::size_t i = 0; i < spec.keys.size(); ++i) {
        const IndexKey& key = spec.keys[i];
        if (key.column == 0 || key.column != index.keys[i] || !key.operator_class.empty() || key.descending || key.nulls_first) return false;
    }
    return true;
}

}  // namespace larder::advisor
