#include "advisor/relation.h"

#include <algorithm>
#include <charconv>

namespace larder::advisor {

namespace {

double number(const Value& value) {
    double parsed = 0;
    if (value) std::from_chars(value->data(), value->data() + value->size(), parsed);
    return parsed;
}

unsigned oid_of(const Value& value) { return static_cast<unsigned>(number(value)); }
bool is_true(const Value& value) { return value == "t"; }
std::string text(const Value& value) { return value.value_or(""); }

// "1 3 2", as int2vector and array_to_string write it.
std::vector<int> numbers(const Value& value) {
    std::vector<int> found;
    const char* at = value ? value->data() : nullptr;
    const char* const end = value ? at + value->size() : nullptr;
    while (at != end) {
        int parsed = 0;
        const auto result = std::from_chars(at, end, parsed);
        if (result.ec == std::errc()) found.push_back(parsed);
        at = result.ptr == at ? at + 1 : result.ptr;
    }
    return found;
}

constexpr const char* kRelation =
    "SELECT c.oid, n.nspname, c.relname, quote_ident(c.relname), c.relkind, c.relpersistence = 't', "
    "n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast'), c.reltuples, "
    "CASE WHEN c.relpages > 0 OR c.relkind NOT IN ('r', 'm') THEN c.relpages ELSE pg_relation_size(c.oid) / current_setting('block_size')::int END, "
    "CASE WHEN c.relpages > 0 THEN c.relallvisible::float8 / c.relpages ELSE 0 END, s.n_mod_since_analyze, s.n_tup_upd, s.n_tup_ins, "
    "s.n_dead_tup, s.n_live_tup, CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid ELSE 0 END, "
    "c.relkind <> 'p' AND EXISTS (SELECT FROM pg_inherits h WHERE h.inhparent = c.oid), "
    "quote_ident(n.nspname) || '.', s.n_tup_del, quote_ident(n.nspname) || '.' || quote_ident(c.relname) "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid WHERE c.oid = $1";

// A partitioned table has statistics of its own, over all partitions (inherited).
constexpr const char* kColumns =
    "SELECT a.attnum, a.attname, quote_ident(a.attname), a.atttypid, t.typelem, format_type(a.atttypid, a.atttypmod), t.typcategory, a.attnotnull, "
    "t.typtype IN ('r', 'm'), s.attname IS NOT NULL, s.n_distinct, s.correlation, s.null_frac, coalesce(s.avg_width, 8), "
    "CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, NULL) END "
    "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid "
    "LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname AND s.inherited = (c.relkind = 'p') "
    "WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

constexpr const char* kIndexes =
    "SELECT c.relname, am.amname, pg_get_indexdef(i.indexrelid), pg_get_expr(i.indpred, i.indrelid), i.indisvalid, i.indisunique, i.indisprimary, "
    "i.indimmediate, EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')) OR i.indisreplident OR "
    "EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = i.indexrelid), "
    "i.indexprs IS NOT NULL, i.indkey, i.indnkeyatts, i.indclass::text || '/' || i.indcollation::text || '/' || i.indoption::text, "
    "s.idx_scan, CASE WHEN c.relkind = 'i' THEN pg_relation_size(c.oid) ELSE 0 END, quote_ident(c.relname) "
    "FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam "
    "LEFT JOIN pg_stat_all_indexes s ON s.indexrelid = i.indexrelid WHERE i.indrelid = $1 AND i.indislive ORDER BY c.relname";

}  // namespace

const Column* Relation::column(const std::string& wanted) const {
    const auto found = std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return c.name == wanted; });
    return found == columns.end() ? nullptr : &*found;
}

const Column* Relation::column(int number) const {
    const auto found = std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return c.number == number; });
    return found == columns.end() ? nullptr : &*found;
}

bool Relation::is_key(const std::vector<int>& numbers) const {
    return !has_children && std::any_of(indexes.begin(), indexes.end(), [&](const Index& index) {
        if (!index.is_unique || !index.is_valid || !index.is_immediate || !index.predicate.empty() || index.has_expressions) return false;
        return std::all_of(index.keys.begin(), index.keys.end(), [&](int key) {
            const Column* column = this->column(key);
            return column && column->is_not_null && std::find(numbers.begin(), numbers.end(), key) != numbers.end();
        });
    });
}

Relation* Relations::find(const std::string& schema, const std::string& name) {
    const std::string key = schema + '\0' + name;
    auto known = by_name_.find(key);
    if (known == by_name_.end()) {
        const auto rows = schema.empty()
            ? connection_.attempt_in_path("SELECT pg_catalog.to_regclass(pg_catalog.quote_ident($1))::pg_catalog.oid", {name})
            : connection_.attempt("SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
                                  {schema, name});
        known = by_name_.emplace(key, rows && !rows->empty() ? oid_of((*rows)[0][0]) : 0).first;
    }
    return known->second ? find(known->second) : nullptr;
}

Relation* Relations::find(unsigned oid) {
    const auto known = by_oid_.find(oid);
    if (known != by_oid_.end()) return known->second ? &*known->second : nullptr;
    return load(oid);
}

Relation* Relations::load(unsigned oid) {
    auto& kept = by_oid_[oid];
    const auto rows = connection_.ask(kRelation, {std::to_string(oid)});
    if (rows.empty()) return nullptr;
    const Row& row = rows[0];
    Relation& relation = kept.emplace();
    relation.oid = oid_of(row[0]);
    relation.schema = text(row[1]), relation.name = text(row[2]), relation.quoted = text(row[3]);
    relation.kind = text(row[4]).empty() ? 'r' : text(row[4])[0];
    relation.is_temporary = is_true(row[5]), relation.is_system = is_true(row[6]);
    relation.rows = number(row[7]), relation.pages = number(row[8]), relation.visible_share = number(row[9]);
    relation.changed_since_analyse = number(row[10]), relation.updates = number(row[11]), relation.inserts = number(row[12]);
    relation.dead_rows = number(row[13]), relation.live_rows = number(row[14]);
    relation.root = oid_of(row[15]);
    relation.has_children = is_true(row[16]);
    // Alone, since it is asked under the client's search_path, where an operator could be somebody else's.
    const auto visible = connection_.ask_in_path("SELECT pg_catalog.pg_table_is_visible($1)", {std::to_string(oid)});
    relation.prefix = text(row[17]);
    if (visible.empty() || !is_true(visible[0][0])) relation.quoted = relation.prefix + relation.quoted;
    relation.deletes = number(row[18]);
    relation.full = text(row[19]);
    load_columns(relation);
    load_indexes(relation);
    return &relation;
}

void Relations::load_columns(Relation& relation) {
    for (const Row& row : connection_.ask(kColumns, {std::to_string(relation.oid)})) {
        Column& column = relation.columns.emplace_back();
        column.number = static_cast<int>(number(row[0]));
        column.name = text(row[1]), column.quoted = text(row[2]);
        column.type = oid_of(row[3]), column.element_type = oid_of(row[4]);
        column.type_name = text(row[5]);
        column.category = text(row[6]).empty() ? 'X' : text(row[6])[0];
        column.is_not_null = is_true(row[7]) && !relation.has_children, column.is_range = is_true(row[8]), column.has_statistics = is_true(row[9]);
        column.distinct = number(row[10]), column.correlation = number(row[11]), column.null_share = number(row[12]);
        column.average_width = static_cast<int>(number(row[13]));
        column.base_type_name = text(row[14]);
    }
}

void Relations::load_indexes(Relation& relation) {
    for (const Row& row : connection_.ask(kIndexes, {std::to_string(relation.oid)})) {
        Index& index = relation.indexes.emplace_back();
        index.name = text(row[0]), index.method = text(row[1]), index.definition = text(row[2]), index.predicate = text(row[3]);
        index.is_valid = is_true(row[4]), index.is_unique = is_true(row[5]), index.is_primary = is_true(row[6]);
        index.is_immediate = is_true(row[7]), index.backs_constraint = is_true(row[8]), index.has_expressions = is_true(row[9]);
        index.all_columns = index.keys = numbers(row[10]);
        index.keys.resize(std::min(index.keys.size(), static_cast<std::size_t>(number(row[11]))));
        index.options = text(row[12]);
        index.scans = number(row[13]), index.bytes = number(row[14]);
        index.quoted = text(row[15]);
    }
}

std::vector<ForeignKey> Relations::foreign_keys(const std::string& side, unsigned oid) {
    std::vector<ForeignKey> keys;
    const auto rows = connection_.ask("SELECT conname, conrelid, confrelid, array_to_string(conkey, ' '), array_to_string(confkey, ' ') "
                                      "FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 AND " + side + " = $1 ORDER BY conname",
                                      {std::to_string(oid)});
    for (const Row& row : rows) {
        keys.push_back({text(row[0]), text(row[1]), text(row[2]), numbers(row[3]), numbers(row[4])});
    }
    return keys;
}

std::vector<ForeignKey> Relations::keys_that_reference(const Relation& relation) { return foreign_keys("confrelid", relation.oid); }
std::vector<ForeignKey> Relations::keys_of(const Relation& relation) { return foreign_keys("conrelid", relation.oid); }

}  // namespace larder::advisor
