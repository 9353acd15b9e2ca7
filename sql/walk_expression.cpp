// Expressions: everything that may stand in a target list or a condition.
#include "sql/analyse.h"
#include "sql/walker.h"

namespace larder::sql {

void Walker::descend() {
    ++depth_;
    deepest_ = std::max(deepest_, depth_ + spine_);
}

bool Walker::is_too_deep() const { return depth_ > kTreeDepthMax; }

void Walker::expressions(const List* list) {
    for (const ListCell& cell : cells(list)) expression(node_of(cell));
}

// Goes one step down a left spine. Chains such as 1+1+1…, x::a::b…, a[1][2]… and NOT NOT … grow only this way, so they
// cost no stack however long they are.
const Node* Walker::spine_of(const Node* node) {
    switch (node->type) {
    case T_A_Expr: {
        const auto& binary = as<A_Expr>(node);
        operators_of(binary);
        if (binary.rexpr) expression(binary.rexpr);
        return binary.lexpr;
    }
    case T_TypeCast:
        type_name(as<TypeCast>(node).typeName);
        return as<TypeCast>(node).arg;
    case T_CollateClause: return as<CollateClause>(node).arg;
    case T_A_Indirection:
        expressions(as<A_Indirection>(node).indirection);
        return as<A_Indirection>(node).arg;
    case T_NullTest: return as_node(as<NullTest>(node).arg);
    case T_BooleanTest: return as_node(as<BooleanTest>(node).arg);
    default: return nullptr;
    }
}

void Walker::expression(const Node* node) {
    if (!node) return;
    const Level level(*this);
    if (is_too_deep()) return give_up();
    const bool is_certain = std::exchange(may_set_config_, false);
    for (;;) {
        switch (node->type) {
        case T_A_Expr:
        case T_TypeCast:
        case T_CollateClause:
        case T_A_Indirection:
        case T_NullTest:
        case T_BooleanTest:
            node = spine_of(node);
            if (!node) return;
            ++spine_;
            deepest_ = std::max(deepest_, depth_ + spine_);
            continue;
        default: break;
        }
        break;
    }
    switch (node->type) {
    case T_List: return expressions(reinterpret_cast<const List*>(node));
    case T_ColumnRef: return column(as<ColumnRef>(node));
    case T_String: return field(node);
    case T_A_Const: return constant(as<A_Const>(node));
    case T_ParamRef: return parameter(as<ParamRef>(node).number);
    case T_FuncCall:
        may_set_config_ = is_certain;
        return function_call(as<FuncCall>(node));
    case T_BoolExpr: return expressions(as<BoolExpr>(node).args);
    case T_SubLink: return sublink(as<SubLink>(node));
    case T_ResTarget:
        expressions(as<ResTarget>(node).indirection);
        may_set_config_ = is_certain;
        return expression(as<ResTarget>(node).val);
    case T_CaseExpr:
        if (as<CaseExpr>(node).arg) add_once(facts_.operators, Name{"", "="});
        expression(as_node(as<CaseExpr>(node).arg));
        expressions(as<CaseExpr>(node).args);
        return expression(as_node(as<CaseExpr>(node).defresult));
    case T_CaseWhen:
        expression(as_node(as<CaseWhen>(node).expr));
        return expression(as_node(as<CaseWhen>(node).result));
    case T_A_ArrayExpr: return expressions(as<A_ArrayExpr>(node).elements);
    case T_A_Indices:
        expression(as<A_Indices>(node).lidx);
        return expression(as<A_Indices>(node).uidx);
    case T_RowExpr: return expressions(as<RowExpr>(node).args);
    case T_CoalesceExpr: return expressions(as<CoalesceExpr>(node).args);
    case T_MinMaxExpr: return expressions(as<MinMaxExpr>(node).args);
    case T_GroupingFunc: return expressions(as<GroupingFunc>(node).args);
    case T_GroupingSet: return expressions(as<GroupingSet>(node).content);
    case T_NamedArgExpr: return expression(as_node(as<NamedArgExpr>(node).arg));
    case T_SQLValueFunction: return value_function(as<SQLValueFunction>(node));
    case T_XmlExpr:
        expressions(as<XmlExpr>(node).named_args);
        return expressions(as<XmlExpr>(node).args);
    case T_XmlSerialize:
        type_name(as<XmlSerialize>(node).typeName);
        return expression(as<XmlSerialize>(node).expr);
    case T_MultiAssignRef: return expression(as<MultiAssignRef>(node).source);
    case T_SortBy: return sort_by(as<SortBy>(node));
    case T_WindowDef: return window(as<WindowDef>(node));
    case T_ColumnDef: return column_definition(as<ColumnDef>(node));
    case T_TypeName: return type_name(&as<TypeName>(node));
    case T_IndexElem:
        return expression(as<IndexElem>(node).expr);
    case T_SetToDefault:
    case T_CurrentOfExpr:
    case T_A_Star:
    case T_Integer:
        return;
    default: return give_up();
    }
}

void Walker::parameter(int number) {
    facts_.parameters_max = std::max(facts_.parameters_max, number);
    if (number < 1 || number > kParametersCounted) return;
    auto& uses = facts_.parameter_uses;
    if (uses.size() < static_cast<std::size_t>(number)) uses.resize(static_cast<std::size_t>(number));
    auto& count = uses[static_cast<std::size_t>(number) - 1];
    if (count < 2) ++count;
}

// Only the last part can name a system column; if it is a star, it stands for none of them.
void Walker::column(const ColumnRef& node) {
    const auto parts = cells(node.fields);
    if (parts.empty()) return;
    column_name(node_of(parts.back()));
    const std::string_view name = string_of(node_of(parts.back()));
    if (parts.size() < 2 || name.empty()) return;
    const bool is_value = parts.size() == 2 && std::find(function_items_.begin(), function_items_.end(), string_of(node_of(parts[0]))) != function_items_.end();
    add_once(is_value ? facts_.value_fields : facts_.row_fields, std::string(name));
}

// A name in A_Indirection: (t).xmin is t.xmin, and (x).f may be f(x).
void Walker::field(const Node* node) {
    column_name(node);
    add_once(facts_.value_fields, std::string(string_of(node)));
}

// Of a target, SET a.b[i] = …: its names are columns and fields, nothing is called by them.
void Walker::assigned_part(const List* indirection) {
    for (const ListCell& cell : cells(indirection))
        if (!is(node_of(cell), T_String)) expression(node_of(cell));
}

void Walker::column_name(const Node* node) {
    if (node->type == T_String && is_system_column(text_of(as<String>(node).sval))) facts_.system_columns = true;
}

void Walker::constant(const A_Const& node) {
    // A string constant has no type of its own: compared with a timestamp column, 'now' is the clock's time.
    if (!node.isnull && node.val.node.type == T_String && names_the_clock(text_of(node.val.sval.sval)))
        add_once(facts_.value_functions, std::string("now_literal"));
}

void Walker::operators_of(const A_Expr& node) {
    const auto add = [this](const char* name) { add_once(facts_.operators, Name{"", name}); };
    switch (node.kind) {
    case AEXPR_BETWEEN:
    case AEXPR_BETWEEN_SYM: add(">="), add("<="); return;
    case AEXPR_NOT_BETWEEN:
    case AEXPR_NOT_BETWEEN_SYM: add("<"), add(">"); return;
    default: add_once(facts_.operators, name_of(node.name));
    }
}

void Walker::function_call(const FuncCall& node) {
    const bool is_certain = std::exchange(may_set_config_, false);
    Name name = name_of(node.funcname);
    if (name.name == "set_config" && (name.schema.empty() || name.schema == "pg_catalog")) {
        may_set_config_ = is_certain;
        set_config_call(node);
        may_set_config_ = false;
    }
    add_once(facts_.functions, std::move(name));
    expressions(node.args);
    expressions(node.agg_order);
    expression(node.agg_filter);
    if (node.over) window(*node.over);
}

namespace {

// A string constant, plain or cast to text.
std::optional<std::string> text_constant(const Node* node) {
    if (is(node, T_TypeCast)) {
        const auto& cast = as<TypeCast>(node);
        if (name_of(cast.typeName->names).name != "text" || cast.typeName->arrayBounds) return std::nullopt;
        node = cast.arg;
    }
    auto value = value_of(node);
    if (!value || value->kind != Value::Kind::string) return std::nullopt;
    return std::move(value->text);
}

std::optional<bool> boolean_constant(const Node* node) {
    if (is(node, T_TypeCast)) node = as<TypeCast>(node).arg;
    const auto value = value_of(node);
    if (value && value->kind == Value::Kind::boolean) return value->integer != 0;
    if (value && value->kind == Value::Kind::string) {
        if (value->text == "t" || value->text == "true") return true;
        if (value->text == "f" || value->text == "false") return false;
    }
    return std::nullopt;
}

}  // namespace

void Walker::set_config_call(const FuncCall& node) {
    const auto arguments = cells(node.args);
    const auto name = arguments.size() == 3 ? text_constant(node_of(arguments[0])) : std::nullopt;
    const auto is_local = arguments.size() == 3 ? boolean_constant(node_of(arguments[2])) : std::nullopt;
    if (!name || !is_local) {
        facts_.sets_unknown_setting = true;
        return;
    }
    SettingChange change{lower(*name), *is_local, false, {}};
    auto value = text_constant(node_of(arguments[1]));
    if (may_set_config_ && value) change.values.push_back(std::move(*value));
    facts_.settings.push_back(std::move(change));
}

void Walker::sublink(const SubLink& node) {
    expression(node.testexpr);
    if (node.operName) {
        add_once(facts_.operators, name_of(node.operName));
    } else if (node.subLinkType == ANY_SUBLINK) {
        add_once(facts_.operators, Name{"", "="});  // x IN (SELECT …)
    }
    query(node.subselect);
}

void Walker::window(const WindowDef& node) {
    expressions(node.partitionClause);
    expressions(node.orderClause);
    expression(node.startOffset);
    expression(node.endOffset);
}

void Walker::sort_by(const SortBy& node) {
    if (node.useOp) add_once(facts_.operators, name_of(node.useOp));
    expression(node.node);
}

void Walker::type_name(const TypeName* node) {
    if (!node) return;
    Name name = name_of(node->names);
    // The offset that timetz input or a cast from time adds is the zone's offset of today.
    if (name.name == "timetz") add_once(facts_.value_functions, std::string("now_literal"));
    add_once(facts_.types, std::move(name));
    expressions(node->typmods);
}

// In a FROM list: … AS x(a int, b text). Defaults and constraints cannot stand there.
void Walker::column_definition(const ColumnDef& node) {
    type_name(node.typeName);
    expression(node.raw_default);
    if (node.constraints) give_up();
}

void Walker::value_function(const SQLValueFunction& node) {
    const auto add = [this](const char* name) { add_once(facts_.value_functions, std::string(name)); };
    switch (node.op) {
    case SVFOP_CURRENT_DATE: return add("current_date");
    case SVFOP_CURRENT_TIME:
    case SVFOP_CURRENT_TIME_N: return add("current_time");
    case SVFOP_CURRENT_TIMESTAMP:
    case SVFOP_CURRENT_TIMESTAMP_N: return add("current_timestamp");
    case SVFOP_LOCALTIME:
    case SVFOP_LOCALTIME_N: return add("localtime");
    case SVFOP_LOCALTIMESTAMP:
    case SVFOP_LOCALTIMESTAMP_N: return add("localtimestamp");
    case SVFOP_CURRENT_ROLE: return add("current_role");
    case SVFOP_CURRENT_USER: return add("current_user");
    case SVFOP_USER: return add("user");
    case SVFOP_SESSION_USER: return add("session_user");
    case SVFOP_CURRENT_CATALOG: return add("current_catalog");
    case SVFOP_CURRENT_SCHEMA: return add("current_schema");
    }
    give_up();
}

}  // namespace larder::sql
