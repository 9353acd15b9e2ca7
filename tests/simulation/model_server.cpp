#include "simulation/model_server.h"

#include <algorithm>

namespace larder::simulation {

namespace {

bool conflict(LockMode a, LockMode b) {
    if (a == LockMode::access_exclusive || b == LockMode::access_exclusive) return true;
    if (a == LockMode::access_share || b == LockMode::access_share) return false;
    return a == LockMode::share_row_exclusive || b == LockMode::share_row_exclusive;
}

}  // namespace

ModelServer::ModelServer(Random& random, Step& now) : random_(random), now_(now) {
    for (std::size_t table = 0; table < kTables; ++table) {
        for (std::size_t row = 0; row < kRows; ++row) rows_[table][row] = {{1 + table * kRows + row, 0}};
    }
    view_ = {{0, 0}};
    keyed_ = {{KeyedTable{KeyedRow{1, 900}, std::nullopt, KeyedRow{3, 901}, std::nullopt}, 0}};
}

ModelServer::~ModelServer() = default;

Backend& ModelServer::connect() {
    backends_.push_back(std::make_unique<Backend>(*this, next_pid_++));
    return *backends_.back();
}

bool ModelServer::is_alive(std::int32_t pid) const {
    return std::any_of(backends_.begin(), backends_.end(), [pid](const auto& backend) { return backend->pid() == pid && !backend->is_gone(); });
}

void ModelServer::forget_gone() {
    std::erase_if(backends_, [](const auto& backend) { return backend->is_gone(); });
}

Transaction& ModelServer::begin() {
    transactions_.push_back(std::make_unique<Transaction>());
    return *transactions_.back();
}

void ModelServer::end(Transaction& transaction) {
    std::erase_if(transactions_, [&](const auto& each) { return each.get() == &transaction; });
}

void ModelServer::make_visible(Transaction& transaction) {
    const auto& changes = transaction.changes;
    for (const auto& [id, value] : changes.rows) rows_[static_cast<std::size_t>(id.table)][static_cast<std::size_t>(id.row)].push_back({value, now_});
    if (!changes.keyed.empty()) keyed_.push_back({with_changes(keyed_.back().table, changes.keyed), now_});
    if (changes.has_trigger) catalogue_.has_trigger = *changes.has_trigger;
    if (changes.has_key) catalogue_.has_key = *changes.has_key;
    if (changes.view_table) {
        catalogue_.view_table = *changes.view_table;
        view_.push_back({static_cast<std::uint64_t>(*changes.view_table), now_});
    }
    end(transaction);
}

bool ModelServer::lock_table(Transaction& transaction, int table, LockMode mode) {
    const std::pair wanted{table, mode};
    auto& own = transaction.table_locks;
    if (std::find(own.begin(), own.end(), wanted) != own.end()) return true;
    for (const auto& other : transactions_) {
        if (other.get() == &transaction) continue;
        for (const auto& [held, held_mode] : other->table_locks) {
            if (held == table && conflict(held_mode, mode)) return false;
        }
    }
    own.push_back(wanted);
    return true;
}

bool ModelServer::lock_row(Transaction& transaction, RowId id) {
    auto& own = transaction.row_locks;
    if (std::find(own.begin(), own.end(), id) != own.end()) return true;
    for (const auto& other : transactions_) {
        if (other.get() != &transaction && std::find(other->row_locks.begin(), other->row_locks.end(), id) != other->row_locks.end()) return false;
    }
    own.push_back(id);
    return true;
}

Snapshot ModelServer::committed() const {
    Snapshot out;
    for (std::size_t table = 0; table < kTables; ++table) {
        for (std::size_t row = 0; row < kRows; ++row) out.values[table][row] = rows_[table][row].back().value;
    }
    out.keyed = keyed_.back().table;
    return out;
}

}  // namespace larder::simulation
