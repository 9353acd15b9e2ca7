// Table k of the simulated world: rows come and go, and each has two unique keys.
//
//   k (id int PRIMARY KEY, code int UNIQUE, n bigint)
//
// Keys have few values, so that a key that is given again meets answers about the row that had it before. What a statement means is
// one function here, for the server that runs it and the client that knows what to expect.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larder::simulation {

using Step = std::uint64_t;

inline constexpr int kKeys = 4;  // values of id and of code: 0 to 3

struct KeyedRow {
    int code;
    std::uint64_t n;
    friend bool operator==(const KeyedRow&, const KeyedRow&) = default;
};
using KeyedTable = std::array<std::optional<KeyedRow>, kKeys>;        // by id
using KeyedChanges = std::map<int, std::optional<KeyedRow>>;          // by id
struct KeyedVersion {
    KeyedTable table;
    Step visible_at;
};

struct KeyedStatement {
    enum class Shape : std::uint8_t {
        read_id, read_code, read_two, read_grouped, read_all,
        update_id, update_code, update_all,
        move_id, move_code,              // a key gets a value that the text says
        shift_id, shift_code,            // one that it does not say
        insert, insert_serial, insert_unknown,
        upsert_id, upsert_code,
        delete_id, delete_code, truncate,
        count_
    };
    Shape shape = Shape::read_all;
    int id = 0, to = 0, code = 0;        // to: the new value, or the second of two
    std::uint64_t value = 0;

    bool is_read() const { return shape <= Shape::read_all; }
    bool is_truncate() const { return shape == Shape::truncate; }
};

// The text of a statement, as clients send it, and back. `numbers` are the values of its placeholders.
std::string text_of(const KeyedStatement& statement);
std::optional<KeyedStatement> parse_keyed(std::string_view text, const std::vector<std::string>& parameters);
// The same text with parameters; those that depend on their place in the text stay as they are.
std::string with_parameters(const KeyedStatement& statement, std::vector<std::string>& parameters);

struct KeyedAnswerRow {
    int id, code;
    std::uint64_t n;
    friend bool operator==(const KeyedAnswerRow&, const KeyedAnswerRow&) = default;
};
// What a read answers, ordered by id.
std::vector<KeyedAnswerRow> answer_of(const KeyedStatement& statement, const KeyedTable& table);

// What a write does to a table. Nothing: it violates a unique key.
std::optional<KeyedChanges> changes_of(const KeyedStatement& statement, const KeyedTable& table);

KeyedTable with_changes(KeyedTable table, const KeyedChanges& changes);

}  // namespace larder::simulation
