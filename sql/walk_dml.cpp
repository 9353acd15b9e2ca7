// INSERT, UPDATE, DELETE, MERGE. A target is never a CTE, even if one has its name.
#include "sql/walker.h"

namespace larder::sql {

void Walker::insert(const InsertStmt& node) {
    const std::size_t ctes = ctes_.size();
    with(node.withClause);
    WriteUse write;
    write.action = WriteAction::insert;
    write.target = use_of(*node.relation);
    write.overriding = node.override != OVERRIDING_NOT_SET;
    for (const ListCell& cell : cells(node.cols)) {
        const auto& column = as<ResTarget>(node_of(cell));
        write.columns.emplace_back(text_of(column.name));
        assigned_part(column.indirection);
    }
    if (is(node.selectStmt, T_SelectStmt)) {
        const auto& source = as<SelectStmt>(node.selectStmt);
        // With ORDER BY, LIMIT or WITH the list is a query of its own, whose parameters are not typed by the columns.
        const bool is_plain_list = !source.sortClause && !source.limitOffset && !source.limitCount && !source.lockingClause && !source.withClause;
        if (source.valuesLists && is_plain_list) insert_rows(source.valuesLists, write);
        // SET a[1] = … style targets: the value is not the column's whole value.
        std::size_t i = 0;
        for (const ListCell& cell : cells(node.cols)) {
            if (as<ResTarget>(node_of(cell)).indirection)
                for (auto& row : write.rows)
                    if (i < row.size()) row[i].reset();
            ++i;
        }
    }
    if (node.selectStmt) query(node.selectStmt);
    on_conflict(node.onConflictClause, write);
    expressions(node.returningList);
    facts_.writes.push_back(std::move(write));
    ctes_.resize(ctes);
}

void Walker::insert_rows(const List* values, WriteUse& write) {
    for (const ListCell& row_cell : cells(values)) {
        auto& row = write.rows.emplace_back();
        for (const ListCell& cell : cells(static_cast<const List*>(row_cell.ptr_value))) row.push_back(value_of(node_of(cell)));
    }
}

void Walker::on_conflict(const OnConflictClause* node, WriteUse& write) {
    if (!node) return;
    write.on_conflict_update = node->action == ONCONFLICT_UPDATE;
    if (node->infer) {
        bool are_plain = true;
        for (const ListCell& cell : cells(node->infer->indexElems)) {
            const auto& element = as<IndexElem>(node_of(cell));
            expression(element.expr);
            are_plain = are_plain && element.name && !element.expr;
            if (element.name) write.conflict_columns.emplace_back(text_of(element.name));
        }
        expression(node->infer->whereClause);
        if (!are_plain || node->infer->whereClause) write.conflict_columns.clear();
    }
    update_targets(node->targetList, write.conflict_sets, nullptr);
    expression(node->whereClause);
}

// SET a = 1, (b, c) = (2, 3), d[1] = 4: the columns, and their new values where these are known.
void Walker::update_targets(const List* targets, std::vector<std::string>& columns, std::vector<std::optional<Value>>* values) {
    for (const ListCell& cell : cells(targets)) {
        const auto& target = as<ResTarget>(node_of(cell));
        columns.emplace_back(text_of(target.name));
        assigned_part(target.indirection);
        const Node* value = target.val;
        if (is(value, T_MultiAssignRef)) {
            // All targets of the group share one source: walk it once.
            const auto& part = as<MultiAssignRef>(value);
            if (part.colno == 1) expression(part.source);
            value = nullptr;
            if (is(part.source, T_RowExpr)) {
                const auto items = cells(as<RowExpr>(part.source).args);
                const auto index = static_cast<std::size_t>(part.colno - 1);
                if (index < items.size()) value = node_of(items[index]);
            }
        } else {
            expression(value);
        }
        if (values) values->push_back(target.indirection ? std::nullopt : value_of(value));
    }
}

// The target's own conditions restrict which of its rows are written.
void Walker::target_item(RelationUse& target, const RangeVar& node) {
    target.key_tests_known = true;
    items_.push_back({text_of(node.alias ? node.alias->aliasname : node.relname), &target, -1});
}

void Walker::update(const UpdateStmt& node) {
    const std::size_t ctes = ctes_.size();
    with(node.withClause);
    WriteUse write;
    write.action = WriteAction::update;
    write.target = use_of(*node.relation);
    {
        const FromList list(*this);
        target_item(write.target, *node.relation);
        for (const ListCell& cell : cells(node.fromClause)) from_item(node_of(cell), true);
        write.where_current_of = is(node.whereClause, T_CurrentOfExpr);
        where(node.whereClause, list);
    }
    update_targets(node.targetList, write.columns, &write.rows.emplace_back());
    expression(node.whereClause);
    expressions(node.returningList);
    facts_.writes.push_back(std::move(write));
    ctes_.resize(ctes);
}

void Walker::delete_from(const DeleteStmt& node) {
    const std::size_t ctes = ctes_.size();
    with(node.withClause);
    WriteUse write;
    write.action = WriteAction::delete_;
    write.target = use_of(*node.relation);
    {
        const FromList list(*this);
        target_item(write.target, *node.relation);
        for (const ListCell& cell : cells(node.usingClause)) from_item(node_of(cell), true);
        write.where_current_of = is(node.whereClause, T_CurrentOfExpr);
        where(node.whereClause, list);
    }
    expression(node.whereClause);
    expressions(node.returningList);
    facts_.writes.push_back(std::move(write));
    ctes_.resize(ctes);
}

// MERGE may insert, update and delete: no key of its target is said to be known.
void Walker::merge(const MergeStmt& node) {
    const std::size_t ctes = ctes_.size();
    with(node.withClause);
    WriteUse write;
    write.action = WriteAction::merge;
    write.target = use_of(*node.relation);
    {
        const FromList list(*this);
        from_item(node.sourceRelation, false);
    }
    expression(node.joinCondition);
    for (const ListCell& cell : cells(node.mergeWhenClauses)) {
        const auto& when = as<MergeWhenClause>(node_of(cell));
        std::vector<std::string> columns;
        expression(when.condition);
        update_targets(when.targetList, columns, nullptr);
        expressions(when.values);
    }
    facts_.writes.push_back(std::move(write));
    ctes_.resize(ctes);
}

}  // namespace larder::sql
