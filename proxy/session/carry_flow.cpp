// What a session takes along from one server connection to the next: settings, role and prepared statements; and what it
// leaves behind that cannot be taken along (pin.h).
//
// Prepared statements keep their names. Where the connection has another client's statement by that name, it is closed
// first, and the session's own is parsed again, both with swallowed answers in front of the message that needs it. So every
// error about names is PostgreSQL's own.
#include "base/check.h"
#include "proxy/session/session_impl.h"
#include "protocol/byte_writer.h"

namespace larder::session {

using Step = PoolState::Step;

namespace {

constexpr std::size_t kLinkStatementsMax = 1000;  // on one connection; each costs the server memory
constexpr Bytes kOwnName = "larder's own";

std::uint64_t version_of(std::uint64_t word) { return word & cache::Counter::kVersionMask; }

// What it means depends on more than its text.
bool has_meaning(const Prepared& statement) {
    using sql::Kind;
    if (statement.statement == nullptr) return true;
    switch (statement.statement->kind()) {
        case Kind::begin: case Kind::commit: case Kind::rollback: case Kind::savepoint: case Kind::release: case Kind::rollback_to: case Kind::set:
        case Kind::reset: case Kind::show: case Kind::discard: case Kind::set_transaction: case Kind::deallocate: case Kind::listen: case Kind::unlisten:
        case Kind::empty: return false;
        default: return true;
    }
}

}  // namespace

// --- settings

void Session::Impl::begin_carry(Outputs& out) {
    const auto change = settings_change(pool->link->settings, pool->settings);
    // Meanwhile the control connection may have found another server, or another life of it.
    const auto instance = context.upstream.instance_number();
    const bool is_verified = instance == 0 || verified_number == instance || server_is_replica;
    if (change.empty() && is_verified && !pool->link->owes_discard) return borrowed(out);
    pool->step = Step::carrying;
    pool->has_check_failed = pool->is_foreign_server = false;
    if (pool->link->owes_discard) owed.push({.kind = Owed::Kind::query, .swallow = true, .question = Question::carry});
    if (!is_verified) send_lock_query(out);
    for (const auto& name : change.resets) ask_server("RESET " + name, Question::carry, out);
    if (change.sets.empty()) return;
    std::vector<protocol::ValueList::Value> values;
    for (const auto& [name, value] : change.sets) {
        values.emplace_back(Bytes(name));
        values.emplace_back(Bytes(value));
    }
    ask_server(set_config_query(change.sets.size()), Question::carry, out, values);
}

// --- what a statement leaves behind

// `resolved` null: nothing is known of what is about to be sent.
void Session::Impl::sending_leftovers(const Statement* statement, const ResolvedPlan* resolved) {
    if (pool == nullptr || pool->link == nullptr) return;
    Leftovers leftovers;
    if (resolved == nullptr) {
        leftovers = leftovers_of_unknown(pool->mode);
    } else if (resolved->is_unjudged) {
        // Whether it runs code that is not understood is judged when the facts are there; until then nothing is given back.
        static const rules::Plan kNothingUnknown;
        leftovers = leftovers_of(statement->facts(), statement->text(), kNothingUnknown, pool->mode);
        leftovers.changes_settings = true;
    } else {
        leftovers = leftovers_of(statement->facts(), statement->text(), resolved->plan, pool->mode);
    }
    pool->lasting.add(leftovers.pins);
    if (leftovers.moves_state) pool->has_moved_state = true;
    if (leftovers.makes_temp) pool->has_made_temp = true;
    if (leftovers.changes_settings) pool->are_settings_known = false;
}

void Session::Impl::note_pins() {
    if (pool->mode == PoolMode::session) return;  // it stays with its client anyway
    std::optional<Pin> pin;
    if (!pool->lasting.empty()) pin = pool->lasting.first();
    else if (!pool->seen.empty()) pin = pool->seen.first();
    if (pin == pool->counted) return;
    if (pool->counted) context.metrics.pinned[static_cast<std::size_t>(*pool->counted)].sub();
    if (pin) context.metrics.pinned[static_cast<std::size_t>(*pin)].add();
    if (pin && !pool->counted) needs.pinned = true;
    pool->counted = pin;
}

void Session::Impl::on_pool_row(Question question, const std::vector<std::optional<std::string>>& columns) {
    if (question == Question::login_settings) {
        if (columns.empty()) return;
        // It would run for each client that logs in directly.
        const bool has_login_triggers = columns.size() > 1 && columns[1] == "true";
        if (pool->beginning != nullptr && has_login_triggers) pool->beginning->may_be_given_again = false;
        if (pool->step == Step::checking) pool->second_login_settings = columns[0].value_or("");
        else if (pool->beginning != nullptr) pool->beginning->settings = columns[0].value_or("");
        return;
    }
    if (question != Question::leftovers || columns.size() != 3 || !columns[0] || columns[0]->size() != 1) return;
    const auto name = columns[1].value_or(""), value = columns[2].value_or("");
    switch (columns[0]->front()) {
        case 's':
            if (is_carriable(name, value)) pool->settings_read[name] = value;
            else pool->pins_read.add(Pin::setting);
            return;
        case 'r':
            if (value != login.user) pool->pins_read.add(Pin::role);
            if (name == "none") return;
            if (is_carriable("role", name)) pool->settings_read["role"] = name;
            else pool->pins_read.add(Pin::setting);
            return;
        case 'p': pool->names_read.push_back(name); return;
        case 't': pool->pins_read.add(Pin::temp_objects); return;
        case 'a': pool->pins_read.add(Pin::advisory_lock); return;
        case 'l': pool->pins_read.add(Pin::listen); return;
        case 'h': pool->pins_read.add(Pin::cursor); return;
        default: pool->pins_read.add(Pin::unknown_state); return;
    }
}

void Session::Impl::leftovers_read() {
    pool->seen = pool->pins_read;
    auto settings = pool->settings_read.empty() ? nullptr : std::make_shared<const Settings>(std::move(pool->settings_read));
    pool->settings_read.clear();
    if (!equal(pool->settings, settings)) pool->settings = std::move(settings);
    pool->link->settings = pool->settings;
    const auto parse_key = parse_key_of(pool->settings);
    if (!equal(pool->parse_key, parse_key)) {
        pool->parse_key = parse_key;
        pool->has_old_statements = true;
    }
    pool->are_settings_known = true;
    found_names();
}

// --- prepared statements

// `tag`: of a statement that has succeeded.
void Session::Impl::note_discarded(Bytes tag) {
    if (tag.starts_with("DISCARD ALL") || tag.starts_with("DISCARD SEQUENCES")) pool->lasting.remove(Pin::sequence);
    if (tag.starts_with("DISCARD ALL") || tag.starts_with("DEALLOCATE")) pool->has_dropped_names = true;
}

// Which statements are really there, after SQL that may have made or dropped some.
void Session::Impl::found_names() {
    auto& link = *pool->link;
    ByName<bool> names;
    for (auto& name : pool->names_read) {
        if (name == kOwnName) continue;
        names.emplace(name, true);
        if (prepared.contains(name) || (!link.is_own && link.statements.contains(name))) continue;
        if (const auto found = pool->forgotten.find(name); found != pool->forgotten.end()) prepared.emplace(name, found->second);
        else pool->seen.add(Pin::prepared_sql);
    }
    if (!pool->has_dropped_names) {
        for (auto& [name, statement] : pool->forgotten) prepared.emplace(name, statement);
    }
    pool->has_dropped_names = false;
    std::vector<std::string> gone;
    if (link.is_own) {
        for (const auto& [name, statement] : prepared) {
            if (!names.contains(name)) gone.push_back(name);
        }
    } else {
        for (const auto& [name, statement] : link.statements) {
            if (!names.contains(name)) gone.push_back(name);
        }
    }
    for (const auto& name : gone) {
        link.statements.erase(name);
        prepared.erase(name);
    }
    pool->forgotten.clear();
    pool->names_read.clear();
}

// Parsed again under the settings of now, a statement could mean something else than it did.
void Session::Impl::find_old_statements() {
    const auto is_old = [this](const std::shared_ptr<Prepared>& statement) {
        return statement != nullptr && (!statement->has_parse_key || !equal(statement->parse_key, pool->parse_key)) && has_meaning(*statement);
    };
    bool has_old = is_old(unnamed);
    for (const auto& [name, statement] : prepared) has_old = has_old || is_old(statement);
    if (has_old) {
        pool->seen.add(Pin::old_statement);
    } else {
        pool->seen.remove(Pin::old_statement);
        pool->has_old_statements = false;
    }
}

// A statement that the client makes now.
void Session::Impl::note_parsed(Prepared& statement) {
    statement.parse_key = pool->parse_key;
    statement.has_parse_key = pool->are_settings_known;
    if (!statement.has_parse_key) pool->has_old_statements = true;
}

void Session::Impl::note_at_link(Bytes name, const Prepared& statement) {
    auto& link = *pool->link;
    link.statements[std::string(name)] = {statement.statement, statement.types, statement.parse_key, version_of(statement.catalogue_word), ++link.uses};
}

// Before a message that names it: the connection has the session's statement of this name, or none if the session has none.
void Session::Impl::ensure_named(Bytes name, Outputs& out) {
    auto& link = *pool->link;
    const auto wanted = prepared.find(name);
    const auto present = link.statements.find(name);
    const bool exists = present != link.statements.end();
    if (wanted == prepared.end()) {
        if (exists) close_at_server(name, out);
        return;
    }
    const auto& statement = *wanted->second;
    if (exists) {
        auto& there = present->second;
        // Parsed before DDL that the session's own came after, it could have other columns.
        if (there.statement->text() == statement.statement->text() && there.types == statement.types && equal(there.parse_key, statement.parse_key) &&
            there.catalogue_version >= version_of(statement.catalogue_word)) {
            there.used = ++link.uses;
            return;
        }
        close_at_server(name, out);
    }
    parse_again(name, statement, false, out);
}

// The client closes one; if that is ignored because of an error before it, it lives on.
void Session::Impl::note_closed(Bytes name, Owed& reply) {
    reply.name = std::string(name);
    if (const auto found = prepared.find(name); found != prepared.end()) reply.replaced = found->second;
    auto& statements = pool->link->statements;
    const auto present = statements.find(name);
    if (present == statements.end()) return;
    reply.at_link = std::make_shared<LinkStatement>(std::move(present->second));
    statements.erase(present);
}

// What was taken for done has failed or was ignored. True: nothing else is to be undone.
bool Session::Impl::undo_at_link(Owed& undone, bool has_failed) {
    auto* link = pool->link.get();
    if (link == nullptr) return false;
    if (undone.kind == Owed::Kind::parse) {
        if (!undone.name.empty()) link->statements.erase(undone.name);
        if (!undone.swallow) return false;
        if (undone.is_unnamed) {
            if (unnamed != nullptr) unnamed->at_server = false;
            server_has_unnamed = !has_failed;  // if it was ignored, something else may be there
        }
        return true;
    }
    if (undone.kind != Owed::Kind::close) return false;
    if (undone.at_link != nullptr) link->statements[undone.name] = std::move(*undone.at_link);
    if (undone.replaced != nullptr) prepared[undone.name] = std::move(undone.replaced);
    return true;
}

void Session::Impl::close_at_server(Bytes name, Outputs& out) {
    auto& link = *pool->link;
    const auto found = link.statements.find(name);
    if (found == link.statements.end()) return;
    Owed reply{.kind = Owed::Kind::close, .swallow = true, .name = std::string(name), .at_link = std::make_shared<LinkStatement>(std::move(found->second))};
    link.statements.erase(found);
    protocol::Close{protocol::Target::statement, name}.append_to(out.server.text());
    owed.push(std::move(reply));
}

// Sends the session's statement to a connection that does not have it. `is_silent`: nobody is told if it is refused.
void Session::Impl::parse_again(Bytes name, const Prepared& statement, bool is_silent, Outputs& out) {
    protocol::MessageWriter message(out.server.text(), protocol::Parse::kType);
    message.cstring(name).cstring(statement.statement->text());
    message.u16(static_cast<std::uint16_t>(statement.types.size() / 4)).bytes(statement.types);
    owed.push({.kind = Owed::Kind::parse, .swallow = true, .is_silent = is_silent, .name = std::string(name), .is_unnamed = name.empty()});
    if (name.empty()) return;
    note_at_link(name, statement);
    pool->link->statements[std::string(name)].catalogue_version = version_of(catalogue_word());
    evict(name, out);
}

void Session::Impl::evict(Bytes newest, Outputs& out) {
    auto& statements = pool->link->statements;
    if (statements.size() <= kLinkStatementsMax) return;
    auto oldest = statements.end();
    for (auto it = statements.begin(); it != statements.end(); ++it) {
        if (it->first != newest && (oldest == statements.end() || it->second.used < oldest->second.used)) oldest = it;
    }
    if (oldest != statements.end()) close_at_server(std::string(oldest->first), out);
}

// Before a statement that may look at any name. Inside a block an error would be the client's, so nothing is parsed there but
// `named`, whose absence would be an error as well.
void Session::Impl::make_names_exact(Bytes named, Outputs& out) {
    auto& link = *pool->link;
    if (link.is_own) return;
    const bool is_free = status == 'I' && owed.empty() && !batch_is_open;
    std::vector<std::string> foreign;
    for (const auto& [name, statement] : link.statements) {
        if (!prepared.contains(name)) foreign.push_back(name);
    }
    for (const auto& name : foreign) close_at_server(name, out);
    const auto sync = [&] {
        out.server.text().append(protocol::kSync);
        owed.push({.kind = Owed::Kind::sync, .swallow = true});
    };
    if (batch_is_open) return;
    if (!foreign.empty()) sync();
    if (status == 'E') return;
    for (const auto& [name, statement] : prepared) {
        if (!is_free && name != named) continue;
        const auto before = owed.size();
        ensure_named_silently(name, *statement, out);
        if (owed.size() != before) sync();
    }
    if (!is_free) return;
    link.statements.clear();
    link.is_own = true;
}

void Session::Impl::ensure_named_silently(Bytes name, const Prepared& statement, Outputs& out) {
    const auto& statements = pool->link->statements;
    if (const auto there = statements.find(name); there != statements.end()) {
        if (there->second.statement->text() == statement.statement->text() && there->second.types == statement.types && equal(there->second.parse_key, statement.parse_key)) return;
        close_at_server(name, out);
    }
    parse_again(name, statement, true, out);
}

}  // namespace larder::session
