// A backend of the model server: messages in, one small step of work at a time, answers out.
#include <algorithm>

#include "base/check.h"
#include "protocol/authentication.h"
#include "protocol/backend.h"
#include "protocol/error.h"
#include "protocol/frontend.h"
#include "rules/session_env.h"
#include "simulation/model_server.h"

namespace larder::simulation {

using Kind = Statement::Kind;

namespace {

// Steps that a statement waits for a lock before it gives up, which also dissolves every deadlock.
constexpr std::uint64_t kLockTimeout = 120;

void append_row(std::string& out, const std::vector<std::string>& texts) {
    std::vector<protocol::ValueList::Value> values;
    for (const auto& text : texts) values.emplace_back(Bytes(text));
    protocol::append_data_row(out, values);
}

void append_columns(std::string& out) {
    const protocol::Field fields[] = {{.name = "t", .type = 23, .type_bytes = 4}, {.name = "id", .type = 23, .type_bytes = 4}, {.name = "n", .type = 20, .type_bytes = 8}};
    protocol::append_row_description(out, fields);
}

std::string environment_row() {
    std::vector<std::string> texts = {"app", "app", "{pg_catalog,public}", "none"};
    for (const auto name : rules::kKeyedSettings) {
        if (name == "standard_conforming_strings") texts.emplace_back("on");
        else if (name == "backslash_quote") texts.emplace_back("safe_encoding");
        else if (name == "transform_null_equals") texts.emplace_back("off");
        else if (name == "client_encoding") texts.emplace_back("UTF8");
        else if (name == "default_transaction_isolation") texts.emplace_back("read committed");
        else if (name == "search_path") texts.emplace_back("public");
        else texts.emplace_back("x");
    }
    std::string row;
    append_row(row, texts);
    return row;
}

}  // namespace

void Backend::deliver(std::size_t bytes) {
    input_.append(wire, 0, bytes);
    wire.erase(0, bytes);
}

void Backend::put(Bytes bytes) {
    if (!is_deaf) output.append(bytes);
}

void Backend::ready() {
    put(protocol::ready_for_query(status_));
    stage_ = Stage::idle;
}

// Mostly short; now and then long, as a query is, or a commit that waits for a standby.
void Backend::sleep(bool is_commit) {
    auto& random = server_.random();
    pause_ = random.below(3);
    if (random.one_in(is_commit ? 5 : 12)) pause_ = random.below(40);
}

void Backend::step() {
    if (is_gone_) return;
    if (pause_ > 0) {
        --pause_;
        return;
    }
    switch (stage_) {
        case Stage::idle: return next_message();
        case Stage::running: return run();
        case Stage::answering: return answer();
        case Stage::committing: return commit();
        case Stage::committed: return committed();
    }
}

void Backend::cancel() {
    if (stage_ == Stage::running) is_cancelled_ = true;
    if (stage_ == Stage::committing) pause_ = 0;  // the wait for the standby ends, and the commit stands
}

void Backend::next_message() {
    if (!is_logged_in_) {
        if (input_.size() >= 4 && input_.size() >= load_be32(input_.data())) {
            input_.erase(0, load_be32(input_.data()));
            is_logged_in_ = true;
            std::string answer(protocol::kAuthenticationOk);
            protocol::BackendKeyData{pid_, "1234"}.append_to(answer);
            put(answer);
            return ready();
        }
    } else if (const auto found = protocol::next_frame(input_, protocol::kFrontendFrameBytesMax); found.kind == protocol::FrameResult::Kind::frame) {
        const std::string message(found.frame.whole);
        input_.erase(0, message.size());
        on_message({message.front(), Bytes(message).substr(protocol::kHeaderBytes), message});
        return;
    }
    if (wire.empty() && is_wire_closed) {
        roll_back();
        is_gone_ = true;
    }
}

void Backend::on_message(const protocol::Frame& frame) {
    if (is_skipping_ && frame.type != protocol::kSyncType && frame.type != protocol::kTerminateType) return;
    message_ = frame.type;
    waited_ = 0;
    is_cancelled_ = false;
    switch (frame.type) {
        case protocol::Query::kType:
            statements_.clear();
            for (const auto text : split_statements(protocol::Query::decode(frame.body)->text)) statements_.push_back(Statement::parse(text));
            at_ = 0;
            prepared_.erase("");
            stage_ = Stage::running;
            return;
        case protocol::Parse::kType: {
            const auto parse = protocol::Parse::decode(frame.body);
            const auto kind = Statement::parse(parse->text).kind;
            if (status_ == 'E' && kind != Kind::rollback && kind != Kind::commit && kind != Kind::rollback_to) return fail("25P02", "current transaction is aborted");
            if (!parse->statement.empty() && prepared_.contains(std::string(parse->statement))) return fail("42P05", "prepared statement already exists");
            prepared_[std::string(parse->statement)] = parse->text;
            return put(protocol::kParseComplete);
        }
        case protocol::Bind::kType: return on_bind(frame.body);
        case protocol::Describe::kType: {
            const auto describe = protocol::Describe::decode(frame.body);
            Statement statement;
            std::string answer;
            if (describe->target == protocol::Target::portal) {
                const auto found = portals_.find(std::string(describe->name));
                if (found == portals_.end()) return fail("34000", "portal does not exist");
                statement = found->second.statement;
            } else {
                const auto found = prepared_.find(std::string(describe->name));
                if (found == prepared_.end()) return fail("26000", "prepared statement does not exist");
                statement = Statement::parse(found->second);
                protocol::append_parameter_description(answer, {});
            }
            if (statement.returns_rows()) append_columns(answer);
            else answer.append(protocol::kNoData);
            return put(answer);
        }
        case protocol::Execute::kType:
            portal_ = protocol::Execute::decode(frame.body)->portal;
            if (!portals_.contains(portal_)) return fail("34000", "portal does not exist");
            stage_ = Stage::running;
            return;
        case protocol::Close::kType: {
            const auto close = protocol::Close::decode(frame.body);
            if (close->target == protocol::Target::portal) portals_.erase(std::string(close->name));
            else prepared_.erase(std::string(close->name));
            return put(protocol::kCloseComplete);
        }
        case protocol::kSyncType:
            is_skipping_ = false;
            return end_of_message();
        case protocol::kTerminateType:
            roll_back();
            is_gone_ = true;
            return;
        default: return;
    }
}

void Backend::on_bind(Bytes body) {
    const auto bind = protocol::Bind::decode(body);
    const auto found = prepared_.find(std::string(bind->statement));
    if (found == prepared_.end()) return fail("26000", "prepared statement does not exist");
    std::vector<std::string> parameters;
    for (const auto& value : bind->values) parameters.emplace_back(value.value_or(Bytes{}));
    portal_ = bind->portal;
    portals_[portal_] = {Statement::parse(found->second, parameters), {}, 0, false};
    const auto kind = portals_[portal_].statement.kind;
    if (status_ == 'E' && kind != Kind::rollback && kind != Kind::commit && kind != Kind::rollback_to) return fail("25P02", "current transaction is aborted");
    if (portals_[portal_].statement.is_read()) stage_ = Stage::running;
    else put(protocol::kBindComplete);
}

Transaction& Backend::transaction() {
    if (transaction_ == nullptr) transaction_ = &server_.begin();
    return *transaction_;
}

void Backend::run() {
    if (message_ == 'Q' && at_ == statements_.size()) return end_of_message();
    in_hand_ = message_ == 'Q' ? statements_[at_] : portals_.at(portal_).statement;
    const Statement& statement = in_hand_;
    const bool is_end = statement.kind == Kind::commit || statement.kind == Kind::rollback || statement.kind == Kind::rollback_to;
    if (status_ == 'E' && !is_end) return fail("25P02", "current transaction is aborted");
    if (is_cancelled_) return fail("57014", "canceling statement due to user request");
    const bool has_rows_already = message_ == 'E' && statement.is_read();  // its snapshot was taken at Bind
    if (!has_rows_already && !is_end && !acquire(statement)) {
        if (++waited_ > kLockTimeout) fail("55P03", "canceling statement due to lock timeout");
        return;
    }
    execute(statement);
}

// All locks that a statement needs, one after the other. False: it waits, and keeps those it has.
bool Backend::acquire(const Statement& statement) {
    const auto lock = [&](int table, LockMode mode) { return server_.lock_table(transaction(), table, mode); };
    switch (statement.kind) {
        case Kind::read_table:
        case Kind::read_row: return lock(statement.table, LockMode::access_share);
        case Kind::read_view: return lock(kView, LockMode::access_share) && lock(view_table(), LockMode::access_share);
        case Kind::read_join: return lock(statement.table, LockMode::access_share) && lock(statement.other, LockMode::access_share);
        case Kind::keyed_read:
        case Kind::keyed_write: return acquire_keyed(statement.keyed);
        case Kind::update:
        case Kind::call_bump: return acquire_update(statement);
        case Kind::truncate:
        case Kind::lock: return lock(statement.table, LockMode::access_exclusive);
        case Kind::create_trigger: return lock(kTriggerFrom, LockMode::share_row_exclusive);
        case Kind::drop_trigger: return lock(kTriggerFrom, LockMode::access_exclusive);
        case Kind::add_key: return lock(kKeyTo, LockMode::share_row_exclusive) && lock(kKeyFrom, LockMode::share_row_exclusive);
        case Kind::drop_key: return lock(kKeyTo, LockMode::access_exclusive) && lock(kKeyFrom, LockMode::access_exclusive);
        case Kind::replace_view:
        case Kind::call_remake: return lock(kView, LockMode::access_exclusive);
        default: return true;
    }
}

bool Backend::acquire_update(const Statement& statement) {
    auto& own = transaction();
    const auto lock = [&](int table) { return server_.lock_table(own, table, LockMode::row_exclusive) && server_.lock_row(own, {table, statement.row}); };
    if (!lock(statement.table)) return false;
    // Under the lock on its table nobody else can change what the update sets off.
    if (statement.table == kTriggerFrom && has_trigger() && !lock(kTriggerTo)) return false;
    return statement.table != kKeyFrom || !has_key() || lock(kKeyTo);
}

void Backend::execute(const Statement& statement) {
    rows_.clear();
    row_count_ = 0;
    tag_.clear();
    if (control_transaction(statement)) return;
    stage_ = Stage::answering;
    sleep(false);
    switch (statement.kind) {
        case Kind::read_table:
        case Kind::read_row:
        case Kind::read_view:
        case Kind::read_join:
        case Kind::keyed_read: {
            if (message_ == 'E') {
                auto& portal = portals_[portal_];
                if (!portal.is_done) rows_ = portal.rows, row_count_ = portal.row_count;
                portal.is_done = true;
            } else {
                read(statement, rows_, row_count_);
            }
            tag_ = "SELECT " + std::to_string(row_count_);
            return;
        }
        case Kind::larder_environment:
            rows_ = environment_row();
            tag_ = "SELECT 1";
            return;
        case Kind::larder_lock:
            append_row(rows_, {"f", "t", "t", std::to_string(pid_)});
            tag_ = "SELECT 1";
            return;
        case Kind::larder_one:
            append_row(rows_, {"0", "0", "1"});
            tag_ = "SELECT 1";
            return;
        case Kind::unknown: return fail("42601", "syntax error");
        default: return change(statement);
    }
}

// True: it was BEGIN, COMMIT or the like, and is done with.
bool Backend::control_transaction(const Statement& statement) {
    switch (statement.kind) {
        case Kind::begin:
        case Kind::begin_repeatable:
            if (status_ == 'I') transaction().is_repeatable = statement.kind == Kind::begin_repeatable;
            status_ = 'T';
            tag_ = "BEGIN";
            break;
        case Kind::commit:
            if (status_ == 'E') {
                roll_back();
                status_ = 'I';
                tag_ = "ROLLBACK";
                break;
            }
            tag_ = "COMMIT";
            start_commit(After::commit_statement);
            return true;
        case Kind::rollback:
            roll_back();
            status_ = 'I';
            tag_ = "ROLLBACK";
            break;
        case Kind::savepoint:
            if (status_ != 'T') return fail("25P01", "SAVEPOINT can only be used in transaction blocks"), true;
            transaction().savepoint = transaction().changes;
            tag_ = "SAVEPOINT";
            break;
        case Kind::rollback_to:
            if (transaction_ == nullptr || !transaction_->savepoint) return fail("3B001", "savepoint does not exist"), true;
            transaction_->changes = *transaction_->savepoint;
            status_ = 'T';
            tag_ = "ROLLBACK";
            break;
        default: return false;
    }
    stage_ = Stage::answering;
    return true;
}

void Backend::change(const Statement& statement) {
    auto& changes = transaction().changes;
    switch (statement.kind) {
        case Kind::keyed_write: return change_keyed(statement.keyed);
        case Kind::update:
            if (transaction_->is_repeatable) {
                if (!transaction_->snapshot) transaction_->snapshot = server_.committed();
                const auto table = static_cast<std::size_t>(statement.table), row = static_cast<std::size_t>(statement.row);
                if (server_.committed().values[table][row] != transaction_->snapshot->values[table][row]) return fail("40001", "could not serialize access due to concurrent update");
            }
            write_row({statement.table, statement.row}, statement.value);
            if (statement.table == kTriggerFrom && has_trigger()) write_row({kTriggerTo, statement.row}, statement.value);
            if (statement.table == kKeyFrom && has_key()) write_row({kKeyTo, statement.row}, statement.value);
            tag_ = "UPDATE 1";
            return;
        case Kind::call_bump:
            write_row({statement.table, statement.row}, statement.value);
            append_row(rows_, {"0", "0", "0"});
            tag_ = "SELECT 1";
            return;
        case Kind::truncate:
            for (int row = 0; row < kRows; ++row) write_row({statement.table, row}, statement.value);
            tag_ = "TRUNCATE TABLE";
            return;
        case Kind::lock:
            if (status_ != 'T') return fail("25P01", "LOCK TABLE can only be used in transaction blocks");
            tag_ = "LOCK TABLE";
            return;
        case Kind::create_trigger:
            if (has_trigger()) return fail("42710", "trigger already exists");
            changes.has_trigger = true;
            tag_ = "CREATE TRIGGER";
            return;
        case Kind::drop_trigger:
            if (!has_trigger()) return fail("42704", "trigger does not exist");
            changes.has_trigger = false;
            tag_ = "DROP TRIGGER";
            return;
        case Kind::add_key:
            if (has_key()) return fail("42710", "constraint already exists");
            changes.has_key = true;
            tag_ = "ALTER TABLE";
            return;
        case Kind::drop_key:
            if (!has_key()) return fail("42704", "constraint does not exist");
            changes.has_key = false;
            tag_ = "ALTER TABLE";
            return;
        case Kind::replace_view:
            changes.view_table = statement.table;
            tag_ = "CREATE VIEW";
            return;
        case Kind::call_remake:
            changes.view_table = statement.table;
            append_row(rows_, {"0", "0", "0"});
            tag_ = "SELECT 1";
            return;
        default: tag_ = "SET"; return;
    }
}

void Backend::write_row(RowId id, std::uint64_t value) { transaction().changes.rows[id] = value; }

std::uint64_t Backend::visible(const Snapshot& snapshot, RowId id) const {
    if (transaction_ != nullptr) {
        if (const auto own = transaction_->changes.rows.find(id); own != transaction_->changes.rows.end()) return own->second;
    }
    return snapshot.values[static_cast<std::size_t>(id.table)][static_cast<std::size_t>(id.row)];
}

int Backend::view_table() const { return transaction_ != nullptr && transaction_->changes.view_table ? *transaction_->changes.view_table : server_.catalogue().view_table; }
bool Backend::has_trigger() const { return transaction_ != nullptr && transaction_->changes.has_trigger ? *transaction_->changes.has_trigger : server_.catalogue().has_trigger; }
bool Backend::has_key() const { return transaction_ != nullptr && transaction_->changes.has_key ? *transaction_->changes.has_key : server_.catalogue().has_key; }

void Backend::read(const Statement& statement, std::string& rows, int& row_count) {
    if (statement.kind == Kind::keyed_read) {
        const auto found = read_keyed(statement.keyed);
        for (const auto& row : found) append_row(rows, {std::to_string(row.id), std::to_string(row.code), std::to_string(row.n)});
        row_count = static_cast<int>(found.size());
        return;
    }
    Snapshot snapshot = server_.committed();
    if (auto& own = transaction(); own.is_repeatable) {
        if (!own.snapshot) own.snapshot = snapshot;
        snapshot = *own.snapshot;
    }
    const auto add = [&](int table, int row) {
        append_row(rows, {std::to_string(table), std::to_string(row), std::to_string(visible(snapshot, {table, row}))});
        ++row_count;
    };
    if (statement.kind == Kind::read_row) return add(statement.table, statement.row);
    const int table = statement.kind == Kind::read_view ? view_table() : statement.table;
    for (int row = 0; row < kRows; ++row) {
        add(table, row);
        if (statement.kind == Kind::read_join) add(statement.other, row);
    }
}

// The statement in hand has its result.
void Backend::answer() {
    const Statement& statement = in_hand_;
    if (message_ == 'B') {
        auto& portal = portals_[portal_];
        portal.rows = rows_;
        portal.row_count = row_count_;
        put(protocol::kBindComplete);
        stage_ = Stage::idle;
        return;
    }
    // The last statement of a Query outside a block commits before it is answered.
    const bool is_last = message_ == 'Q' && at_ + 1 == statements_.size();
    if (is_last && status_ == 'I' && transaction_ != nullptr) return start_commit(After::last_statement);
    std::string answer;
    if (statement.kind == Kind::empty) {
        answer.append(protocol::kEmptyQueryResponse);
    } else {
        if (message_ == 'Q' && statement.returns_rows()) append_columns(answer);
        answer.append(rows_);
        protocol::CommandComplete{tag_}.append_to(answer);
    }
    put(answer);
    ++at_;
    stage_ = message_ == 'Q' ? Stage::running : Stage::idle;
}

void Backend::start_commit(After after) {
    after_ = after;
    stage_ = Stage::committing;
    pause_ = 0;
    if (transaction_ != nullptr && !transaction_->changes.empty()) sleep(true);
}

void Backend::commit() {
    if (transaction_ != nullptr) {
        const bool has_changed = !transaction_->changes.empty();
        server_.make_visible(*transaction_);
        if (has_changed) sleep(false);
    }
    transaction_ = nullptr;
    portals_.clear();
    stage_ = Stage::committed;
}

void Backend::committed() {
    if (after_ == After::end_of_message) return ready();
    status_ = 'I';
    if (after_ == After::commit_statement && message_ == 'E') {
        std::string answer;
        protocol::CommandComplete{tag_}.append_to(answer);
        put(answer);
        stage_ = Stage::idle;
        return;
    }
    stage_ = Stage::answering;
    pause_ = 0;
}

void Backend::fail(Bytes sqlstate, Bytes message) {
    std::string answer;
    protocol::append_error(answer, {protocol::severity::kError, sqlstate, message});
    put(answer);
    if (status_ == 'I') {
        roll_back();
    } else {
        status_ = 'E';
        // Locks go with the failed part; a savepoint's changes stay for ROLLBACK TO.
        if (transaction_ != nullptr && !transaction_->savepoint) {
            transaction_->table_locks.clear();
            transaction_->row_locks.clear();
            transaction_->changes = {};
        }
    }
    if (message_ == 'Q') return ready();
    is_skipping_ = true;
    stage_ = Stage::idle;
}

// The end of a Query string, or a Sync.
void Backend::end_of_message() {
    if (status_ == 'I' && transaction_ != nullptr) return start_commit(After::end_of_message);
    ready();
}

void Backend::roll_back() {
    if (transaction_ != nullptr) server_.end(*transaction_);
    transaction_ = nullptr;
    portals_.clear();
}

}  // namespace larder::simulation
