// What of a session's state decides the bytes of an answer: role, search_path and the settings that change output.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace larder::rules {

// Immutable once interned. Two sessions with equal environments share one object, so that the cache key can hold `id`
// (which is never used twice) instead of all of it: comparing ids is comparing in full.
struct SessionEnv {
    std::uint64_t id = 0;
    std::string database;
    std::string current_user;                  // the effective role
    std::string session_user;
    std::vector<std::string> search_path;      // current_schemas(true): effective, in order, pg_catalog where it really is
    // Every schema that an unqualified name may be found in: search_path, and what the setting names but what was not
    // effective when it was read (the schema did not exist yet, or no USAGE was granted).
    std::vector<std::string> schemas;
    bool owns_temp_objects = false;
    bool temp_objects_run_code = false;        // among them are views, triggers, checks, domains or defaults that call functions
    std::vector<std::pair<std::string, std::string>> settings;  // name and value as read back, in the order of kKeyedSettings

    std::string_view setting(std::string_view name) const;  // empty if it is not among them; case does not matter

    bool is_lexing_safe() const;       // standard_conforming_strings on, backslash_quote, transform_null_equals at their defaults, ASCII-safe client encoding
    bool is_default_isolation_servable() const;  // default_transaction_isolation is read committed (or read uncommitted)
    bool is_default_isolation_serializable() const;

    // What these three say, once interned: each statement asks, and the answer lies in texts.
    struct Verdicts {
        bool is_lexing_safe, is_default_isolation_servable, is_default_isolation_serializable;
    };
    std::optional<Verdicts> verdicts;
};

// Settings that may change an answer's bytes; read back by the environment query in this order and part of the key.
// Everything else (planner, timeouts, logging) may change how an answer is found or whether in time, not what it is.
extern const std::vector<std::string_view> kKeyedSettings;

// True if a change of this setting makes a session's environment unknown. Names of extensions ("a.b") are not keyed:
// functions that read them are not cached.
bool is_environment_setting(std::string_view name);

// One statement that reads an environment back: columns current_user, session_user, current_schemas(true) as text[],
// owns_temp_objects ("none", "data", "code"), then each of kKeyedSettings (current_setting with missing_ok). It fails in no transaction that is not failed.
std::string environment_query();

// Parses one row of environment_query(). `columns` are the text values; an empty optional is NULL. Returns null if it is malformed.
std::shared_ptr<SessionEnv> parse_environment(std::string_view database, const std::vector<std::string>& columns);

// Makes equal environments one. Bounded: environments that no session uses are forgotten (their ids are not reused).
// Threads: any.
class EnvironmentPool {
public:
    EnvironmentPool();
    ~EnvironmentPool();
    std::shared_ptr<const SessionEnv> intern(std::shared_ptr<SessionEnv> env);
    // Null: no session has it any more, so that no key with this id can be asked for again. Looks at all: not for the hot path.
    std::shared_ptr<const SessionEnv> find(std::uint64_t id) const;
    // The newest of this database and effective role (empty: any) that a session still has; else null.
    std::shared_ptr<const SessionEnv> find(std::string_view database, std::string_view role) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace larder::rules
