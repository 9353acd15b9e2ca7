// What is known of one server connection that may serve several clients in turn: in what state the last of them left it.
//
// It travels with the socket: from the session that logged in, into the pool, to the session that borrows it, and back.
// While a session holds it, the fields that every session has anyway (cancel key, pid, instance number …) are the session's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/session/by_name.h"
#include "proxy/session/statement_memo.h"
#include "protocol/cancel_key.h"

namespace larder::session {

// Settings that differ from what a login gives, by name; "role" among them. Null: none.
using Settings = std::map<std::string, std::string, std::less<>>;
using SettingsRef = std::shared_ptr<const Settings>;

// By ParameterStatus, the last value of each.
using Parameters = std::map<std::string, std::string, std::less<>>;

bool equal(const SettingsRef& a, const SettingsRef& b);

// The settings under which a text may be parsed to another meaning, as one text to compare: all but those that surely have no
// part in it. Null: none.
using ParseKey = std::shared_ptr<const std::string>;
ParseKey parse_key_of(const SettingsRef& settings);
bool equal(const ParseKey& a, const ParseKey& b);

// A setting's name and value can be set again with the same outcome, whatever the client's encoding.
bool is_carriable(std::string_view name, std::string_view value);

// A prepared statement that exists on the connection.
struct LinkStatement {
    std::shared_ptr<Statement> statement;
    std::string types;
    ParseKey parse_key;
    std::uint64_t catalogue_version = 0;  // under which it was parsed
    std::uint64_t used = 0;               // by ServerLink::uses, for eviction
};

struct ServerLink {
    // While nobody holds it.
    protocol::CancelKey key;
    std::int32_t backend_pid = 0, verified_number = 0, asked_number = 0;
    bool is_replica = false, lock_may_be_gone = false, has_unnamed = false;

    SettingsRef settings;                                   // as they are on it now
    Parameters parameters;
    ByName<LinkStatement> statements;
    std::uint64_t uses = 0;
    std::uint64_t last_client = 0;                          // who held it last: its settings and statements fit best
    // Its last client has left, and the answer to a DISCARD ALL is the first thing that comes from it.
    bool owes_discard = false;
    // A login brought it although there were others, and more can be opened when they are needed: it only stays if none is idle.
    bool is_spare = false;
    // All its prepared statements are those of the session that holds it, under its names, so none need be compared.
    bool is_own = true;
};

// What has to be said to a connection so that it has `wanted` instead of `present`: RESETs first, then one SELECT of
// set_config() with these names and values as its parameters, then the role.
struct SettingsChange {
    std::vector<std::string> resets;                                // names; "role" first
    std::vector<std::pair<std::string, std::string>> sets;          // names and values; the role last
    bool empty() const { return resets.empty() && sets.empty(); }
};
SettingsChange settings_change(const SettingsRef& present, const SettingsRef& wanted);

// "SELECT pg_catalog.set_config($1, $2, false), …" of `count` settings.
std::string set_config_query(std::size_t count);

// What a session has left on its connection, one row each: a kind, a name, a value.
//   s name value    a setting of the session      r role session_user
//   p name          a prepared statement          t, a, l, h   temporary objects, advisory locks, LISTEN, cursors WITH HOLD
// `backend_lock_class`: the class of Larder's own advisory lock, which does not count.
std::string leftovers_query(std::int32_t backend_lock_class);

// What ALTER ROLE and ALTER DATABASE give to a login: one row, one text; and whether event triggers run at a login (null before 17).
std::string login_settings_query();

}  // namespace larder::session
