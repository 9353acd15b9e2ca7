// What a simulated client expects.
#include <algorithm>
#include <charconv>

#include "protocol/backend.h"
#include "protocol/error.h"
#include "protocol/frame.h"
#include "simulation/client.h"

namespace larder::simulation {

using Kind = Statement::Kind;

void Client::violated(const std::string& what) const { throw Violation("client " + std::to_string(number_) + " at step " + std::to_string(now_) + ": " + what); }

std::string Client::describe(const Statement& statement) const {
    switch (statement.kind) {
        case Kind::read_view: return "read of w";
        case Kind::read_join: return "read of t" + std::to_string(statement.table) + " and t" + std::to_string(statement.other);
        case Kind::read_row: return "read of t" + std::to_string(statement.table) + "[" + std::to_string(statement.row) + "]";
        default: return "read of t" + std::to_string(statement.table);
    }
}

void Client::lost() {
    input_.clear();
    is_ready_ = false;
    status_ = 'I';
    plans_block_ = plans_savepoint_ = is_repeatable_ = false;
    groups_.clear();
    rows_.clear();
    prepared_.clear();
    own_ = {};
    saved_own_.reset();
}

void Client::on_bytes(Bytes bytes) {
    input_.append(bytes);
    std::size_t at = 0;
    for (;;) {
        const auto found = protocol::next_frame(Bytes(input_).substr(at), protocol::kBackendFrameBytesMax);
        if (found.kind == protocol::FrameResult::Kind::error) violated("an answer that is no message");
        if (found.kind != protocol::FrameResult::Kind::frame) break;
        at += found.frame.whole.size();
        on_message(found.frame.type, found.frame.body);
    }
    input_.erase(0, at);
}

void Client::on_message(char type, Bytes body) {
    if (!is_ready_) {
        if (type == protocol::ReadyForQuery::kType) is_ready_ = true;
        return;
    }
    if (type == protocol::ErrorResponse::kNoticeType || type == protocol::ParameterStatus::kType) return;
    if (type == protocol::ErrorResponse::kType) {
        const auto error = protocol::ErrorResponse::decode(body);
        if (error && error->is_fatal()) return;  // the end of the connection follows
        if (groups_.empty()) violated("an error that nobody asked for");
        return on_failed();
    }
    if (groups_.empty()) violated(std::string("a message that nobody asked for: ") + type);
    auto& group = groups_.front();
    if (type == protocol::DataRow::kType) {
        const auto row = protocol::DataRow::decode(body);
        if (!row || row->values.size() != 3) violated("a row of other columns");
        std::uint64_t columns[3] = {};
        std::size_t i = 0;
        for (const auto& value : row->values) {
            const Bytes text = value.value_or(Bytes{});
            std::from_chars(text.data(), text.data() + text.size(), columns[i++]);
        }
        rows_.push_back({static_cast<int>(columns[0]), static_cast<int>(columns[1]), columns[2]});
        return;
    }
    if (group.due.empty() || group.due.front().type != type) {
        violated(std::string("message ") + type + " instead of " + (group.due.empty() ? '-' : group.due.front().type));
    }
    const Due due = group.due.front();
    group.due.pop_front();
    if (type == protocol::CommandComplete::kType) on_complete(due, protocol::CommandComplete::decode(body)->tag);
    if (type == protocol::ReadyForQuery::kType) on_ready(body.front());
}

void Client::on_failed() {
    auto& group = groups_.front();
    while (group.due.size() > 1) {
        if (group.due.front().type == '1') prepared_.erase(group.due.front().name);  // its Parse failed or was skipped
        group.due.pop_front();
    }
    group.has_failed = true;
    rows_.clear();
}

void Client::on_ready(char status) {
    const bool has_failed = groups_.front().has_failed;
    groups_.pop_front();
    ++answered_;
    if (random_.one_in(3)) thinks_until_ = now_ + random_.below(habits_.thinks);
    status_ = status;
    if (status != 'I') return;
    if (has_failed) own_ = {};
    else commit_own();
    saved_own_.reset();
    is_repeatable_ = false;
}

// The outcome of what this client wrote is known to it: from now on nothing older may be seen.
void Client::commit_own() {
    for (const auto& [id, value] : own_.rows) {
        const auto& history = server_.history(id);
        for (std::size_t i = history.size(); i > 0; --i) {
            if (history[i - 1].value == value) {
                seen_[id] = std::max(seen_[id], i - 1);
                break;
            }
        }
    }
    own_ = {};
}

void Client::on_complete(const Due& due, Bytes tag) {
    const auto& statement = due.statement;
    const auto wrote = [&](RowId id) {
        own_.rows[id] = statement.value;
        own_.values.insert(statement.value);
    };
    switch (statement.kind) {
        case Kind::begin_repeatable:
            is_repeatable_ = true;
            repeatable_from_ = due.from;
            break;
        case Kind::commit:
            if (tag == "COMMIT") commit_own();
            else own_ = {};
            saved_own_.reset();
            is_repeatable_ = false;
            break;
        case Kind::rollback:
            own_ = {};
            saved_own_.reset();
            is_repeatable_ = false;
            break;
        case Kind::savepoint: saved_own_ = own_; break;
        case Kind::rollback_to:
            if (saved_own_) own_ = *saved_own_;
            break;
        case Kind::update:
        case Kind::call_bump: wrote({statement.table, statement.row}); break;
        case Kind::keyed_write: own_.has_keyed = true; break;
        case Kind::truncate:
            for (int row = 0; row < kRows; ++row) wrote({statement.table, row});
            break;
        case Kind::replace_view:
        case Kind::call_remake: own_.view_table = statement.table; break;
        default:
            if (statement.is_read()) check_read(due);
            break;
    }
    rows_.clear();
}

void Client::check_shape(const Statement& statement) const {
    const std::size_t expected = statement.kind == Kind::read_row ? 1 : statement.kind == Kind::read_join ? 2 * kRows : kRows;
    if (rows_.size() != expected) violated(describe(statement) + " has " + std::to_string(rows_.size()) + " rows");
    for (const auto& row : rows_) {
        const bool is_its = statement.kind == Kind::read_view ? row.table == rows_.front().table : row.table == statement.table || (statement.kind == Kind::read_join && row.table == statement.other);
        if (!is_its || row.table >= kTables || row.row >= kRows || (statement.kind == Kind::read_row && row.row != statement.row)) violated(describe(statement) + " answered with something else");
    }
}

void Client::check_read(const Due& due) {
    ++reads_;
    if (due.statement.kind == Kind::keyed_read) return check_keyed(due);
    const auto what = describe(due.statement);
    check_shape(due.statement);
    const Step from = is_repeatable_ ? repeatable_from_ : due.from;
    const bool is_in_order = !is_repeatable_ && !due.is_late;
    Step first = from;          // the instants at which all of it was current: from `first` on, before `end`
    Step end = now_ + 1;
    const auto narrow = [&](const History& history, std::size_t index, const std::string& name) {
        if (index + 1 < history.size()) {
            const auto over = history[index + 1].visible_at;
            if (over <= from) {
                violated(what + " asked at step " + std::to_string(from) + ": " + name + " = " + std::to_string(history[index].value) + " is stale since step " + std::to_string(over));
            }
            end = std::min(end, over);
        }
        first = std::max(first, history[index].visible_at);
    };
    if (due.statement.kind == Kind::read_view && !own_.view_table) {
        const auto& history = server_.view_history();
        // The newest definition that names this table; an older one with the same name says no less.
        std::size_t index = history.size();
        while (index > 0 && history[index - 1].value != static_cast<std::uint64_t>(rows_.front().table)) --index;
        if (index == 0) violated(what + ": the view was never made of t" + std::to_string(rows_.front().table));
        narrow(history, index - 1, "its definition");
        first = from;  // the definition may have come and gone before: only its end is checked
        end = now_ + 1;
    }
    if (due.statement.kind == Kind::read_view && own_.view_table && rows_.front().table != *own_.view_table) violated(what + ": this transaction's own definition is not seen");
    for (const auto& row : rows_) {
        const RowId id{row.table, row.row};
        const auto name = "t" + std::to_string(row.table) + "[" + std::to_string(row.row) + "]";
        if (const auto own = own_.rows.find(id); own != own_.rows.end() && !due.is_late) {
            if (!own_.values.contains(row.value) || row.value < own->second) violated(what + ": own write " + std::to_string(own->second) + " of " + name + " is not seen, but " + std::to_string(row.value));
            continue;
        }
        if (own_.values.contains(row.value)) continue;
        const auto& history = server_.history(id);
        const auto found = std::find_if(history.rbegin(), history.rend(), [&](const Version& version) { return version.value == row.value; });
        if (found == history.rend()) violated(what + ": " + name + " = " + std::to_string(row.value) + " was never committed");
        const auto index = static_cast<std::size_t>(history.rend() - found) - 1;
        narrow(history, index, name);
        if (!is_in_order) continue;
        if (index < seen_[id]) violated(what + ": " + name + " went back from " + std::to_string(history[seen_[id]].value) + " to " + std::to_string(row.value));
        seen_[id] = index;
    }
    if (first >= end) violated(what + ": its values were never current together");
}

}  // namespace larder::simulation
