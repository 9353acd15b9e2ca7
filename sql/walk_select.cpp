// SELECT, VALUES, TABLE, set operations, WITH and the FROM list.
#include "sql/analyse.h"
#include "sql/walker.h"

namespace larder::sql {

namespace {

constexpr std::size_t kMergedMax = 200;  // columns of USING that are known by their plain name

// PostgreSQL allows a statement that writes in a WITH only at the top, so two deep is all that can run. The frames of
// these are large.
constexpr int kNestedWritesMax = 4;

// More CTE names than this at one place: no program writes that, and looking each table up among them gets slow.
constexpr std::size_t kCtesMax = 256;

bool has_only_targets(const SelectStmt& node) {
    return !node.fromClause && !node.whereClause && !node.groupClause && !node.havingClause && !node.windowClause && !node.distinctClause &&
           !node.valuesLists && !node.limitCount && !node.limitOffset && !node.sortClause && !node.lockingClause && !node.withClause;
}

}  // namespace

// The statements that may stand inside another one.
void Walker::query(const Node* node) {
    if (is(node, T_SelectStmt)) return select(as<SelectStmt>(node), false);
    if (!node || writes_open_ >= kNestedWritesMax) return give_up();
    ++writes_open_;
    switch (node->type) {
    case T_InsertStmt: insert(as<InsertStmt>(node)); break;
    case T_UpdateStmt: update(as<UpdateStmt>(node)); break;
    case T_DeleteStmt: delete_from(as<DeleteStmt>(node)); break;
    case T_MergeStmt: merge(as<MergeStmt>(node)); break;
    default: give_up();
    }
    --writes_open_;
}

// A chain of UNIONs leans to the left: down in a loop, then the right arms from the innermost outwards. An inner node
// may have a WITH of its own (written in parentheses), whose names end with it.
void Walker::select(const SelectStmt& node, bool is_top) {
    const Level level(*this);
    if (is_too_deep()) return give_up();
    struct Step {
        const SelectStmt* node;
        std::size_t ctes_outside;
    };
    std::vector<Step> spine;
    const SelectStmt* at = &node;
    for (; at->op != SETOP_NONE; at = at->larg) {
        spine.push_back({at, ctes_.size()});
        ++spine_;
        deepest_ = std::max(deepest_, depth_ + spine_);
        with(at->withClause);
    }
    const std::size_t ctes_outside = ctes_.size();
    with(at->withClause);
    select_leaf(*at, is_top && spine.empty());
    ctes_.resize(ctes_outside);
    for (auto step = spine.rbegin(); step != spine.rend(); ++step) {
        select(*step->node->rarg, false);
        select_common(*step->node);
        ctes_.resize(step->ctes_outside);
    }
}

void Walker::select_leaf(const SelectStmt& node, bool is_top) {
    if (node.intoClause) into_table(*node.intoClause);
    {
        const FromList list(*this);
        for (const ListCell& cell : cells(node.fromClause)) from_item(node_of(cell), true);
        if (is_top && !node.groupClause && !node.havingClause) note_proved(list.first_item);
        where(node.whereClause, list);
        expression(node.whereClause);
    }
    const bool is_certain = is_top && has_only_targets(node);
    for (const ListCell& cell : cells(node.targetList)) {
        may_set_config_ = is_certain;
        expression(node_of(cell));
    }
    expressions(node.distinctClause);  // DISTINCT without ON is a list of one null
    expressions(node.groupClause);
    expression(node.havingClause);
    expressions(node.windowClause);
    expressions(node.valuesLists);
    select_common(node);
}

void Walker::select_common(const SelectStmt& node) {
    expressions(node.sortClause);
    expression(node.limitOffset);
    expression(node.limitCount);
    if (node.lockingClause) facts_.locks_rows = true;
}

// Leaves the names on ctes_: the caller takes them off when the statement that has this WITH ends.
void Walker::with(const WithClause* node) {
    if (!node) return;
    if (ctes_.size() + cells(node->ctes).size() > kCtesMax) return give_up();
    const auto name = [](const ListCell& cell) { return text_of(as<CommonTableExpr>(node_of(cell)).ctename); };
    if (node->recursive)
        for (const ListCell& cell : cells(node->ctes)) ctes_.push_back(name(cell));
    for (const ListCell& cell : cells(node->ctes)) {
        const auto& cte = as<CommonTableExpr>(node_of(cell));
        query(cte.ctequery);
        if (cte.cycle_clause) {
            add_once(facts_.operators, Name{"", "="});
            add_once(facts_.operators, Name{"", "<>"});
            expression(cte.cycle_clause->cycle_mark_value);
            expression(cte.cycle_clause->cycle_mark_default);
        }
        if (!node->recursive) ctes_.push_back(name(cell));
    }
}

bool Walker::is_cte(const RangeVar& node) const {
    return !node.schemaname && std::find(ctes_.rbegin(), ctes_.rend(), text_of(node.relname)) != ctes_.rend();
}

// The relations of the statement's own FROM list, of which every row of the answer holds one each. Calls are judged at the end:
// an aggregate makes a row out of none, a set-returning function several of one.
void Walker::note_proved(std::size_t first_item) {
    for (std::size_t i = first_item; i < items_.size(); ++i) {
        if (items_[i].read < 0 || items_[i].is_nullable) continue;
        auto& use = facts_.reads[static_cast<std::size_t>(items_[i].read)];
        use.is_proved_by_rows = true;
        use.is_only_item = items_.size() - first_item == 1;
    }
}

void Walker::add_read(const RangeVar& node) { facts_.reads.push_back(use_of(node)); }

// is_restricted: of its rows only those count for the answer that meet the conditions noted for this FROM list.
void Walker::from_item(const Node* node, bool is_restricted) {
    if (!node) return give_up();
    const Level level(*this);
    if (is_too_deep()) return give_up();
    const auto push_alias = [&](const Alias* alias) {
        items_.push_back({is_restricted && alias ? text_of(alias->aliasname) : std::string_view(), nullptr, -1});
    };
    switch (node->type) {
    case T_RangeVar: return from_relation(as<RangeVar>(node), is_restricted);
    case T_JoinExpr: return from_join(as<JoinExpr>(node), is_restricted);
    case T_RangeSubselect:
        query(as<RangeSubselect>(node).subquery);
        return push_alias(as<RangeSubselect>(node).alias);
    case T_RangeFunction:
        return from_function(as<RangeFunction>(node), is_restricted);
    case T_RangeTableSample: {
        const auto& sample = as<RangeTableSample>(node);
        facts_.samples = true;
        add_once(facts_.functions, name_of(sample.method));
        expressions(sample.args);
        expression(sample.repeatable);
        return from_item(sample.relation, is_restricted);
    }
    case T_RangeTableFunc: {
        const auto& table = as<RangeTableFunc>(node);
        expression(table.docexpr);
        expression(table.rowexpr);
        expressions(table.namespaces);
        for (const ListCell& cell : cells(table.columns)) {
            const auto& column = as<RangeTableFuncCol>(node_of(cell));
            type_name(column.typeName);
            expression(column.colexpr);
            expression(column.coldefexpr);
        }
        return push_alias(table.alias);
    }
    default: return give_up();
    }
}

void Walker::from_relation(const RangeVar& node, bool is_restricted) {
    const std::string_view name = text_of(node.alias ? node.alias->aliasname : node.relname);
    FromItem item{is_restricted ? name : std::string_view(), nullptr, -1};
    if (!is_cte(node)) {
        add_read(node);
        // Under AS t(a, b) the columns have other names than in the relation.
        if (is_restricted && !(node.alias && node.alias->colnames)) {
            facts_.reads.back().key_tests_known = true;
            item.read = static_cast<int>(facts_.reads.size()) - 1;
        }
    }
    items_.push_back(item);
}

// Without an alias, the item is called like its function.
void Walker::from_function(const RangeFunction& node, bool is_restricted) {
    for (const ListCell& cell : cells(node.functions)) {
        const Node* call = is(node_of(cell), T_List) ? node_of(cells(reinterpret_cast<const List*>(node_of(cell)))[0]) : node_of(cell);
        if (!node.alias && is(call, T_FuncCall)) function_items_.push_back(string_of(node_of(cells(as<FuncCall>(call).funcname).back())));
        expression(node_of(cell));
    }
    expressions(node.coldeflist);
    if (node.alias) function_items_.push_back(text_of(node.alias->aliasname));
    items_.push_back({is_restricted && node.alias ? text_of(node.alias->aliasname) : std::string_view(), nullptr, -1});
}

// A chain of joins leans to the left as well, but is walked by recursion: hundreds of joins are beyond PostgreSQL's planner, too.
void Walker::from_join(const JoinExpr& node, bool is_restricted) {
    // An alias for the whole join hides the names inside.
    if (node.alias) is_restricted = false;
    // Neither side of a FULL JOIN needs to meet anything.
    is_restricted = is_restricted && (node.jointype == JOIN_INNER || node.jointype == JOIN_LEFT || node.jointype == JOIN_RIGHT);
    const auto side = [&](const Node* argument, bool is_nullable) {
        Range range{items_.size(), 0};
        from_item(argument, is_restricted);
        range.end = items_.size();
        for (std::size_t i = range.begin; i < range.end; ++i) items_[i].is_nullable |= is_nullable;
        return range;
    };
    const Range left = side(node.larg, node.jointype == JOIN_RIGHT), right = side(node.rarg, node.jointype == JOIN_LEFT);
    const Range both{left.begin, right.end};
    if (node.usingClause || node.isNatural) add_once(facts_.operators, Name{"", "="});
    if (is_restricted) {
        for (const ListCell& cell : cells(node.usingClause)) merge_column(string_of(node_of(cell)), left, right, node.jointype);
        if (node.quals)
            conditions_.push_back({node.quals, both, node.jointype == JOIN_LEFT ? right : node.jointype == JOIN_RIGHT ? left : both});
    }
    expression(node.quals);
}

// The column of each side that USING names, where it is certain which item has it: the only one, or that of an earlier USING.
void Walker::merge_column(std::string_view column, Range left, Range right, JoinType type) {
    const auto has_it = [&](Range side) -> std::optional<std::size_t> {
        if (side.end - side.begin == 1) return side.begin;
        std::optional<std::size_t> found;
        for (const auto& merged : merged_) {
            if (merged.column == column && side.holds(merged.item)) found = merged.item;
        }
        return found;
    };
    const auto of_left = has_it(left), of_right = has_it(right);
    std::erase_if(merged_, [&](const MergedColumn& merged) {
        return merged.column == column && (left.holds(merged.item) || right.holds(merged.item));
    });
    if (!of_left || !of_right) return;
    if (type != JOIN_LEFT) link_columns(*of_left, column, *of_right, column);
    if (type != JOIN_RIGHT) link_columns(*of_right, column, *of_left, column);
    if (merged_.size() < kMergedMax) merged_.push_back({column, type == JOIN_RIGHT ? *of_right : *of_left});
}

}  // namespace larder::sql
