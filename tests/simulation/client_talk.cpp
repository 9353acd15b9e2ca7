// What a simulated client says.
#include "protocol/frontend.h"
#include "protocol/startup.h"
#include "simulation/client.h"

namespace larder::simulation {

using Kind = Statement::Kind;

std::string Client::start() {
    protocol::StartupParametersBuilder parameters;
    parameters.add("user", "app").add("database", "shop");
    std::string out;
    parameters.append_message_to(out);
    return out;
}

std::string Client::talk(bool is_last) {
    if (!is_ready_ || (now_ < thinks_until_ && !is_last)) return {};
    if (is_waiting()) {
        if (is_last || groups_.size() >= 4 || !random_.percent(habits_.pipelines)) return {};
    } else {
        plans_block_ = status_ != 'I';
        if (status_ == 'E') {
            if (saved_own_ && random_.one_in(2)) return say_query("ROLLBACK TO a");
            plans_block_ = plans_savepoint_ = false;
            return say_query(random_.one_in(3) ? "COMMIT" : "ROLLBACK");
        }
        if (is_last) {
            if (!plans_block_) return {};
            plans_block_ = plans_savepoint_ = false;
            return say_query("COMMIT");
        }
    }
    switch (role_) {
        case Role::any: break;
        case Role::changer: return change_catalogue();
        case Role::writer: return write_in_a_race();
        case Role::reader: return read_in_a_race();
    }
    return plans_block_ ? say_inside() : say_outside();
}

std::string Client::say_outside() {
    if (random_.percent(habits_.reads)) return say(a_read());
    if (random_.percent(habits_.blocks)) {
        plans_block_ = true;
        switch (random_.below(8)) {
            case 0: return say_query("BEGIN ISOLATION LEVEL REPEATABLE READ");
            case 1: return say_query("BEGIN; " + an_update());
            case 2: return say_batch({"BEGIN", an_update()});
            default: return say("BEGIN");
        }
    }
    if (random_.percent(habits_.ddl)) return say(a_ddl());
    if (random_.percent(habits_.strings)) {
        switch (random_.below(7)) {
            case 0: return say_query(an_update() + "; " + an_update());
            case 1: return say_query("BEGIN; " + an_update() + "; COMMIT");
            case 2: return say_query(a_read() + "; " + a_read());
            case 3: return say_batch({an_update(), a_read()});
            case 4: return say_batch({a_read(), an_update(), a_read()});
            case 5: return say_batch({a_read(), a_read()});
            default: return say_batch({an_update(), an_update()});
        }
    }
    return say(random_.percent(habits_.rare_writes) ? a_rare_write() : an_update());
}

std::string Client::say_inside() {
    switch (random_.below(20)) {
        case 0: case 1: case 2: case 3: case 4:
            plans_block_ = plans_savepoint_ = false;
            return say("COMMIT");
        case 5:
            plans_block_ = plans_savepoint_ = false;
            return say("ROLLBACK");
        case 6:
            plans_block_ = plans_savepoint_ = false;
            return say_query(an_update() + "; COMMIT");
        case 7:
            plans_block_ = plans_savepoint_ = false;
            return say_batch({an_update(), "COMMIT"});
        case 8: return say("LOCK TABLE t" + std::to_string(random_.below(kTables)));
        case 9: return random_.percent(habits_.ddl * 10) ? say(a_ddl()) : say(a_rare_write());
        case 10:
            if (plans_savepoint_) return say("ROLLBACK TO a");
            plans_savepoint_ = true;
            return say_query("SAVEPOINT a");
        case 11: return say_late_portal();
        case 12: case 13: case 14: return say(an_update());
        default: return say(a_read());
    }
}

std::string Client::say(const std::string& text) { return random_.percent(habits_.extended) ? say_batch({text}) : say_query(text); }

std::string Client::a_read() {
    if (random_.percent(habits_.keyed)) return a_keyed_read();
    const auto table = static_cast<int>(random_.below(kTables));
    switch (random_.below(6)) {
        case 0: return text_of_read_view();
        case 1: return text_of_read_join(0, 2);
        case 2: return text_of_read_row(table, static_cast<int>(random_.below(kRows)));
        default: return text_of_read_table(table);
    }
}

std::string Client::an_update() {
    if (random_.percent(habits_.keyed)) return a_keyed_write();
    return text_of_update(static_cast<int>(random_.below(kTables)), static_cast<int>(random_.below(kRows)), new_value());
}

std::string Client::a_rare_write() {
    if (random_.percent(habits_.opaque)) {
        const bool is_ddl = random_.percent(habits_.ddl * 10);
        return is_ddl ? "SELECT remake(" + std::to_string(random_.below(kTables)) + ")" : "SELECT bump(" + std::to_string(new_value()) + ")";
    }
    if (random_.one_in(3)) return "SET datestyle = 'ISO'";
    return text_of_truncate(static_cast<int>(random_.below(kTables)), new_value());
}

std::string Client::a_ddl() {
    switch (random_.below(6)) {
        case 0: return "CREATE TRIGGER g AFTER UPDATE ON t1 FOR EACH ROW EXECUTE FUNCTION f()";
        case 1: return "DROP TRIGGER g ON t1";
        case 2: return text_of_add_key();
        case 3: return text_of_drop_key();
        default: return text_of_replace_view(static_cast<int>(random_.below(kTables)));
    }
}

std::string Client::say_query(const std::string& text) {
    std::string out;
    protocol::Query{text}.append_to(out);
    Group group;
    for (const auto one : split_statements(text)) {
        const auto statement = Statement::parse(one);
        if (statement.returns_rows()) group.due.push_back({'T'});
        group.due.push_back({'C', statement, now_});
    }
    group.due.push_back({'Z'});
    groups_.push_back(std::move(group));
    return out;
}

// Moves the numbers of a read or an update into parameters, as drivers do.
std::string Client::parameterised(const std::string& text, std::vector<std::string>& parameters) {
    const auto statement = Statement::parse(text);
    if (random_.one_in(2)) return text;
    if (statement.kind == Kind::keyed_read || statement.kind == Kind::keyed_write) return with_parameters(statement.keyed, parameters);
    if (statement.kind == Kind::read_row) {
        parameters = {std::to_string(statement.row)};
        return text_of_read_row(statement.table, -1);
    }
    if (statement.kind == Kind::update) {
        parameters = {std::to_string(statement.value), std::to_string(statement.row)};
        return text_of_update(statement.table, -1, 0);
    }
    return text;
}

void Client::add_batch(std::string& out, Group& group, const std::string& plain_text) {
    std::vector<std::string> parameters;
    const auto text = parameterised(plain_text, parameters);
    const auto statement = Statement::parse(text, parameters);
    // A statement of its own name for the texts that come again; the name is the text.
    const bool is_named = (statement.is_read() || !parameters.empty()) && random_.one_in(3);
    const std::string name = is_named ? text : std::string();
    if (!is_named || !prepared_.contains(name)) {
        protocol::append_parse(out, name, text);
        group.due.push_back({'1', {}, 0, false, name});
        if (is_named) prepared_.insert(name);
    }
    std::vector<protocol::ValueList::Value> values;
    for (const auto& parameter : parameters) values.emplace_back(Bytes(parameter));
    protocol::append_bind(out, {}, name, {}, values, {});
    group.due.push_back({'2'});
    if (random_.one_in(2)) {
        protocol::Describe{protocol::Target::portal, {}}.append_to(out);
        group.due.push_back({statement.returns_rows() ? 'T' : 'n'});
    }
    protocol::Execute{{}, 0}.append_to(out);
    group.due.push_back({'C', statement, now_});
    if (random_.one_in(3)) {
        protocol::Close{protocol::Target::portal, {}}.append_to(out);
        group.due.push_back({'3'});
    }
}

std::string Client::say_batch(const std::vector<std::string>& texts) {
    std::string out;
    Group group;
    for (const auto& text : texts) add_batch(out, group, text);
    out.append(protocol::kSync);
    group.due.push_back({'Z'});
    groups_.push_back(std::move(group));
    return out;
}

// In a block: a portal is bound, something else runs, and only then the portal is executed.
std::string Client::say_late_portal() {
    const auto text = a_read();
    std::string out;
    protocol::append_parse(out, {}, text);
    protocol::append_bind(out, "late", {}, {}, {}, {});
    out.append(protocol::kSync);
    groups_.push_back({{{'1'}, {'2'}, {'Z'}}, false});
    const Step bound = now_;
    out += say(random_.one_in(2) ? an_update() : a_read());
    protocol::Execute{"late", 0}.append_to(out);
    protocol::Close{protocol::Target::portal, "late"}.append_to(out);
    out.append(protocol::kSync);
    groups_.push_back({{{'C', Statement::parse(text), bound, true}, {'3'}, {'Z'}}, false});
    return out;
}

}  // namespace larder::simulation
