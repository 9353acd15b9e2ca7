// Conversions from nodes to plain values.
#include <algorithm>
#include <charconv>
#include <iterator>

#include "sql/walker.h"

namespace larder::sql {

Name name_of(const List* parts) {
    const auto all = cells(parts);
    Name name;
    if (!all.empty()) name.name = string_of(node_of(all.back()));
    if (all.size() > 1) name.schema = string_of(node_of(all[all.size() - 2]));
    return name;
}

Name name_of(const RangeVar& relation) {
    return Name{std::string(text_of(relation.schemaname)), std::string(text_of(relation.relname))};
}

RelationUse use_of(const RangeVar& relation) {
    RelationUse use;
    use.name = name_of(relation);
    if (relation.alias) use.alias = text_of(relation.alias->aliasname);
    use.only = !relation.inh;
    return use;
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

bool is_temporary(const RangeVar& relation) {
    constexpr char kTemporary = 't';  // RELPERSISTENCE_TEMP
    return relation.relpersistence == kTemporary || text_of(relation.schemaname).starts_with("pg_temp");
}

namespace {

std::optional<Value> integer_value(std::string_view digits) {
    // The lexer gives integers beyond 32 bits as Float; a point or an exponent makes it a numeric, which is no key.
    Value value{Value::Kind::integer, 0, {}};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value.integer);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return value;
}

std::optional<Value> value_of_constant(const A_Const& constant) {
    if (constant.isnull) return Value{Value::Kind::null, 0, {}};
    switch (constant.val.node.type) {
    case T_Integer: return Value{Value::Kind::integer, constant.val.ival.ival, {}};
    case T_Float: return integer_value(text_of(constant.val.fval.fval));
    case T_Boolean: return Value{Value::Kind::boolean, constant.val.boolval.boolval ? 1 : 0, {}};
    case T_String: return Value{Value::Kind::string, 0, std::string(text_of(constant.val.sval.sval))};
    default: return std::nullopt;
    }
}

// A value under a cast that leaves it what it is. More than one cast: not known. `is_array`: the cast is one to an array of such a type.
std::optional<Value> value_of_cast(const TypeCast& cast, bool is_array = false) {
    static constexpr std::string_view kTypes[] = {"int2", "int4", "int8", "bool", "uuid", "text", "varchar"};
    if (is(cast.arg, T_TypeCast) || !cast.typeName || cast.typeName->typmods ||
        cells(cast.typeName->arrayBounds).size() != (is_array ? 1u : 0u) || cast.typeName->setof || cast.typeName->pct_type)
        return std::nullopt;
    Name type = name_of(cast.typeName->names);
    if (cells(cast.typeName->names).size() > 2 || (!type.schema.empty() && type.schema != "pg_catalog")) return std::nullopt;
    if (std::find(std::begin(kTypes), std::end(kTypes), type.name) == std::end(kTypes)) return std::nullopt;
    auto value = value_of(cast.arg);
    if (!value || value->kind == Value::Kind::null) return std::nullopt;
    value->cast = std::move(type.name);
    value->is_catalog_type = !type.schema.empty();
    return value;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

std::optional<Value> value_of(const Node* node) {
    if (is(node, T_A_Const)) return value_of_constant(as<A_Const>(node));
    if (is(node, T_TypeCast)) return value_of_cast(as<TypeCast>(node));
    if (is(node, T_ParamRef)) {
        // Number 0 is a bare `?`, which libpg_query accepts in some places and PostgreSQL does not.
        const int number = as<ParamRef>(node).number;
        if (number > 0) return Value{Value::Kind::parameter, number, {}};
    }
    return std::nullopt;
}

std::optional<Value> array_parameter(const Node* node) {
    const auto is_parameter = [](const Node* at) { return is(at, T_ParamRef); };
    const bool is_cast = is(node, T_TypeCast) && is_parameter(as<TypeCast>(node).arg);
    if (!is_cast && !is_parameter(node)) return std::nullopt;
    auto value = is_cast ? value_of_cast(as<TypeCast>(node), true) : value_of(node);
    if (value) value->is_array = true;
    return value;
}

bool is_system_column(std::string_view name) {
    static constexpr std::string_view kNames[] = {"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"};
    return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

bool names_the_clock(std::string_view text) {
    static constexpr std::string_view kWords[] = {"now", "today", "tomorrow", "yesterday"};
    for (std::size_t at = 0; at < text.size();) {
        if (!is_letter(text[at])) {
            ++at;
            continue;
        }
        std::size_t end = at;
        while (end < text.size() && is_letter(text[end])) ++end;
        const std::string_view word = text.substr(at, end - at);
        if (word.size() >= 3 && word.size() <= 9) {
            const std::string folded = lower(word);
            for (const std::string_view known : kWords)
                if (folded == known) return true;
        }
        at = end;
    }
    return false;
}

namespace {

template <class T>
void sort_unique(std::vector<T>& list) {
    if (list.size() <= kRepeatsLookedFor) return;  // add_once() has seen them all
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
}

}  // namespace

void remove_repeats(Facts& facts) {
    sort_unique(facts.functions);
    sort_unique(facts.operators);
    sort_unique(facts.types);
    sort_unique(facts.row_fields);
    sort_unique(facts.value_fields);
    sort_unique(facts.value_functions);
}

}  // namespace larder::sql
