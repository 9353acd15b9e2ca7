#include "proxy/session/pin.h"

#include <algorithm>

#include "proxy/session/server_link.h"

namespace larder::session {

namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Pin::count_)> kNames{
    "temp_objects", "advisory_lock", "listen", "cursor", "prepared_sql", "old_statement", "role", "setting", "unjudged", "sequence",
    "custom_setting", "session_function", "unknown_code", "large_statement", "unknown_state", "replication",
};

// Functions of PostgreSQL's own whose effect lasts as long as the session and is not seen from outside.
bool is_session_function(std::string_view name) {
    for (const std::string_view known : {"setseed", "pg_backup_start", "pg_start_backup", "pg_create_physical_replication_slot",
                                         "pg_create_logical_replication_slot", "pg_copy_physical_replication_slot",
                                         "pg_copy_logical_replication_slot", "pg_logical_slot_get_changes"}) {
        if (name == known) return true;
    }
    return name.starts_with("pg_replication_origin_");
}

bool is_sequence_function(std::string_view name) { return name == "nextval" || name == "setval" || name == "currval" || name == "lastval"; }

// Those of a transaction are gone with it.
bool is_lock_function(std::string_view name) {
    return (name.starts_with("pg_advisory_") || name.starts_with("pg_try_advisory_")) && name.find("xact") == std::string_view::npos;
}

bool has_word_default(Bytes text) {
    constexpr std::string_view kWord = "default";
    return std::search(text.begin(), text.end(), kWord.begin(), kWord.end(), [](char a, char b) { return (a | 0x20) == b; }) != text.end();
}

// A column's default may take the next value of a sequence.
bool uses_defaults(const sql::Facts& facts, Bytes text) {
    using sql::WriteAction;
    return std::any_of(facts.writes.begin(), facts.writes.end(), [text](const auto& use) {
        return use.action == WriteAction::insert || use.action == WriteAction::merge || use.action == WriteAction::copy_from ||
               (use.action == WriteAction::update && has_word_default(text));
    });
}

bool reads_names(const sql::Facts& facts) {
    return std::any_of(facts.reads.begin(), facts.reads.end(), [](const auto& use) { return use.name.name == "pg_prepared_statements"; });
}

class Finder {
public:
    Finder(Bytes text, PoolMode mode) : text_(text), is_strict_(mode == PoolMode::automatic || mode == PoolMode::session) {}

    void add(const sql::Facts& facts) {
        add_kind(facts);
        add_settings(facts);
        for (const auto& function : facts.functions) add_function(function.name);
        if (is_strict_ && uses_defaults(facts, text_)) found.pins.add(Pin::sequence);
        if (reads_names(facts)) found.needs_exact_names = true;
    }

    void add_unknown_code() {
        found.moves_state = found.changes_settings = found.needs_exact_names = true;
        if (is_strict_) found.pins.add(Pin::unknown_code);
    }

    Leftovers found;

private:
    void add_kind(const sql::Facts& facts) {
        using sql::Kind;
        switch (facts.kind) {
            case Kind::prepare: case Kind::execute: case Kind::deallocate: case Kind::discard:
                found.moves_state = found.needs_exact_names = true;
                if (facts.reset_all) found.changes_settings = true;
                return;
            case Kind::set_transaction:
                if (facts.is_session_default) found.moves_state = found.changes_settings = true;
                return;
            case Kind::create_temp:
                found.moves_state = found.makes_temp = true;
                return;
            case Kind::listen: case Kind::unlisten: case Kind::close_cursor:
                found.moves_state = true;
                return;
            case Kind::declare_cursor:
                if (facts.with_hold) found.moves_state = true;
                return;
            case Kind::rollback_to:
                found.changes_settings = true;
                return;
            default: break;
        }
        if (facts.creates_temp || facts.selects_into) found.moves_state = found.makes_temp = true;
    }

    void add_settings(const sql::Facts& facts) {
        if (facts.kind == sql::Kind::show) return;
        if (facts.reset_all || facts.sets_unknown_setting) found.moves_state = found.changes_settings = true;
        if (facts.sets_unknown_setting) found.pins.add(Pin::custom_setting);
        for (const auto& change : facts.settings) {
            found.changes_settings = true;
            // Also SET LOCAL leaves such a name defined.
            if (change.name.find('.') != std::string::npos) found.pins.add(Pin::custom_setting);
            else if (!is_carriable(change.name, {})) found.pins.add(Pin::setting);
            else if (change.name == "seed") found.pins.add(Pin::session_function);
            else if (!change.is_local) found.moves_state = true;
        }
    }

    void add_function(std::string_view name) {
        if (is_lock_function(name)) found.moves_state = true;
        else if (is_session_function(name)) found.pins.add(Pin::session_function);
        else if (name == "pg_prepared_statement") found.needs_exact_names = true;
        // nextval() alone leaves a value behind that only currval() and lastval() can ask for.
        else if (is_sequence_function(name) && (is_strict_ || name != "nextval")) found.pins.add(Pin::sequence);
    }

    Bytes text_;
    bool is_strict_;
};

}  // namespace

std::string_view name(Pin pin) { return kNames[static_cast<std::size_t>(pin)]; }

Pin Pins::first() const {
    for (unsigned i = 0; i < static_cast<unsigned>(Pin::count_); ++i) {
        if (has(static_cast<Pin>(i))) return static_cast<Pin>(i);
    }
    return Pin::unknown_state;
}

Leftovers leftovers_of_unknown(PoolMode mode) {
    Finder finder({}, mode);
    finder.add_unknown_code();
    return finder.found;
}

Leftovers leftovers_of(const sql::TextFacts& facts, Bytes text, const rules::Plan& plan, PoolMode mode) {
    Finder finder(text, mode);
    if (!facts.parsed || plan.runs_unknown_code) finder.add_unknown_code();
    for (const auto& statement : facts.statements) {
        finder.add(statement);
        if (statement.kind == sql::Kind::explain && statement.inner != nullptr && statement.inner->kind == sql::Kind::execute) finder.add_unknown_code();
    }
    return finder.found;
}

}  // namespace larder::session
