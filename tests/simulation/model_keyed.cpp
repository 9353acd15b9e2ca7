// Table k on the model server. Who changes a row, or gives a key a value, holds the old and new values of both keys until the
// transaction ends, as PostgreSQL's rows and unique indexes do.
#include "simulation/model_server.h"

namespace larder::simulation {

namespace {

// Locks on values of the two keys stand among those on rows.
RowId lock_on_id(int id) { return {kKeyedTable, id}; }
RowId lock_on_code(int code) { return {kKeyedTable, kKeys + code}; }

}  // namespace

KeyedTable Backend::keyed_view() const {
    if (transaction_ == nullptr) return server_.keyed_history().back().table;
    const auto& table = transaction_->snapshot ? transaction_->snapshot->keyed : server_.keyed_history().back().table;
    return with_changes(table, transaction_->changes.keyed);
}

// What it would do to the table as it is now decides what it has to lock; it may be another thing once it has waited.
bool Backend::acquire_keyed(const KeyedStatement& statement) {
    auto& own = transaction();
    if (statement.is_read()) return server_.lock_table(own, kKeyedTable, LockMode::access_share);
    if (!server_.lock_table(own, kKeyedTable, statement.is_truncate() ? LockMode::access_exclusive : LockMode::row_exclusive)) return false;
    const auto table = with_changes(server_.keyed_history().back().table, own.changes.keyed);
    // A value that is taken by an unfinished transaction is waited for even if this statement would fail.
    if (statement.shape >= KeyedStatement::Shape::insert && statement.shape <= KeyedStatement::Shape::upsert_code) {
        if (statement.shape != KeyedStatement::Shape::insert_unknown && !server_.lock_row(own, lock_on_code(statement.code))) return false;
        const bool has_id = statement.shape == KeyedStatement::Shape::insert || statement.shape >= KeyedStatement::Shape::upsert_id;
        if (has_id && !server_.lock_row(own, lock_on_id(statement.id))) return false;
    }
    const auto changes = changes_of(statement, table);
    if (!changes) return true;
    for (const auto& [id, row] : *changes) {
        if (!server_.lock_row(own, lock_on_id(id))) return false;
        if (row && !server_.lock_row(own, lock_on_code(row->code))) return false;
        if (const auto& old = table[static_cast<std::size_t>(id)]; old && !server_.lock_row(own, lock_on_code(old->code))) return false;
    }
    return true;
}

void Backend::change_keyed(const KeyedStatement& statement) {
    auto& own = transaction();
    if (own.is_repeatable) {
        if (!own.snapshot) own.snapshot = server_.committed();
        if (own.snapshot->keyed != server_.keyed_history().back().table) return fail("40001", "could not serialize access due to concurrent update");
    }
    const auto changes = changes_of(statement, keyed_view());
    if (!changes) return fail("23505", "duplicate key value violates unique constraint");
    for (const auto& [id, row] : *changes) own.changes.keyed[id] = row;
    using Shape = KeyedStatement::Shape;
    const auto count = std::to_string(changes->size());
    if (statement.shape == Shape::truncate) tag_ = "TRUNCATE TABLE";
    else if (statement.shape >= Shape::delete_id) tag_ = "DELETE " + count;
    else if (statement.shape >= Shape::insert) tag_ = "INSERT 0 " + count;
    else tag_ = "UPDATE " + count;
}

std::vector<KeyedAnswerRow> Backend::read_keyed(const KeyedStatement& statement) {
    auto& own = transaction();
    if (own.is_repeatable && !own.snapshot) own.snapshot = server_.committed();
    return answer_of(statement, keyed_view());
}

}  // namespace larder::simulation
