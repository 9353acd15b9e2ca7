// The few statements that a simulated world speaks. The model server runs them, a client knows what it may expect of them;
// Larder sees nothing but their text.
//
// Every row has one number, and every write carries a number that nobody else writes, so a number read tells who wrote it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simulation/keyed.h"

namespace larder::simulation {

inline constexpr int kTables = 5;
inline constexpr int kRows = 2;
inline constexpr int kView = kTables;      // as a thing to be locked: the view w, which shows one of the tables
inline constexpr int kKeyedTable = kTables + 1;  // the same: table k (keyed.h)
inline constexpr int kTriggerFrom = 1, kTriggerTo = 0;  // the trigger: an update of t1 writes the same row of t0
inline constexpr int kKeyFrom = 3, kKeyTo = 2;          // the foreign key: an update of t3 is carried on to t2
inline constexpr int kFunctionTable = 4;                // what bump() writes

struct Statement {
    enum class Kind : std::uint8_t {
        empty, begin, begin_repeatable, commit, rollback, savepoint, rollback_to, set,
        read_table, read_row, read_view, read_join, keyed_read,
        update, keyed_write, truncate, lock, create_trigger, drop_trigger, add_key, drop_key, replace_view,
        call_bump,      // a volatile function that writes a row
        call_remake,    // a volatile function that replaces the view
        larder_lock, larder_environment, larder_one,  // Larder's own questions
        unknown,
    };
    Kind kind = Kind::unknown;
    int table = 0, other = 0, row = 0;
    std::uint64_t value = 0;
    KeyedStatement keyed;

    bool is_read() const { return kind >= Kind::read_table && kind <= Kind::keyed_read; }
    bool is_ddl() const { return (kind >= Kind::create_trigger && kind <= Kind::replace_view) || kind == Kind::call_remake; }
    bool returns_rows() const { return is_read() || kind == Kind::call_bump || kind == Kind::call_remake || kind >= Kind::larder_lock; }

    // `parameters` stand for $1, $2 …
    static Statement parse(std::string_view text, const std::vector<std::string>& parameters = {});
};

// Texts, as clients send them. A negative row or a value of zero stands for a parameter.
std::string text_of_read_table(int table);
std::string text_of_read_row(int table, int row);
std::string text_of_read_view();
std::string text_of_read_join(int table, int other);
std::string text_of_update(int table, int row, std::uint64_t value);
std::string text_of_truncate(int table, std::uint64_t value);
std::string text_of_replace_view(int table);
std::string text_of_add_key();
std::string text_of_drop_key();

// Splits a Query string at its semicolons.
std::vector<std::string_view> split_statements(std::string_view text);

}  // namespace larder::simulation
