#include "simulation/keyed.h"

#include <charconv>

namespace larder::simulation {

using Shape = KeyedStatement::Shape;

namespace {

// @i id, @t to, @c code, @v value.
constexpr std::string_view kTexts[] = {
    "SELECT id, code, n FROM k WHERE id = @i",
    "SELECT id, code, n FROM k WHERE code = @c",
    "SELECT id, code, n FROM k WHERE id IN (@i, @t) ORDER BY id",
    "SELECT id, code, n FROM k WHERE id = @i GROUP BY id, code, n",
    "SELECT id, code, n FROM k ORDER BY id",
    "UPDATE k SET n = @v WHERE id = @i",
    "UPDATE k SET n = @v WHERE code = @c",
    "UPDATE k SET n = @v",
    "UPDATE k SET id = @t, n = @v WHERE id = @i",
    "UPDATE k SET code = @t, n = @v WHERE id = @i",
    "UPDATE k SET n = @v, id = (id + 1) % 4 WHERE id = @i",
    "UPDATE k SET n = @v, code = (code + 1) % 4 WHERE code = @c",
    "INSERT INTO k (id, code, n) VALUES (@i, @c, @v)",
    "INSERT INTO k (code, n) VALUES (@c, @v)",
    "INSERT INTO k (n) VALUES (@v)",
    "INSERT INTO k VALUES (@i, @c, @v) ON CONFLICT (id) DO UPDATE SET n = excluded.n",
    "INSERT INTO k VALUES (@i, @c, @v) ON CONFLICT (code) DO UPDATE SET n = excluded.n",
    "DELETE FROM k WHERE id = @i",
    "DELETE FROM k WHERE code = @c",
    "TRUNCATE k",
};
static_assert(std::size(kTexts) == static_cast<std::size_t>(Shape::count_));

std::string_view text_of(Shape shape) { return kTexts[static_cast<std::size_t>(shape)]; }

std::uint64_t number_of(const KeyedStatement& statement, char placeholder) {
    switch (placeholder) {
        case 'i': return static_cast<std::uint64_t>(statement.id);
        case 't': return static_cast<std::uint64_t>(statement.to);
        case 'c': return static_cast<std::uint64_t>(statement.code);
        default: return statement.value;
    }
}

void set_number(KeyedStatement& statement, char placeholder, std::uint64_t number) {
    switch (placeholder) {
        case 'i': statement.id = static_cast<int>(number); break;
        case 't': statement.to = static_cast<int>(number); break;
        case 'c': statement.code = static_cast<int>(number); break;
        default: statement.value = number; break;
    }
}

// A number, or the parameter that stands for it, at the front of `text`.
std::optional<std::uint64_t> take_number(std::string_view& text, const std::vector<std::string>& parameters) {
    const bool is_parameter = text.starts_with('$');
    if (is_parameter) text.remove_prefix(1);
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (!is_parameter) return number;
    if (number < 1 || number > parameters.size()) return std::nullopt;
    std::uint64_t value = 0;
    const auto& parameter = parameters[number - 1];
    std::from_chars(parameter.data(), parameter.data() + parameter.size(), value);
    return value;
}

std::optional<KeyedStatement> parse_as(Shape shape, std::string_view text, const std::vector<std::string>& parameters) {
    KeyedStatement statement;
    statement.shape = shape;
    for (auto pattern = text_of(shape); !pattern.empty();) {
        const auto literal = pattern.substr(0, pattern.find('@'));
        if (!text.starts_with(literal)) return std::nullopt;
        text.remove_prefix(literal.size());
        pattern.remove_prefix(literal.size());
        if (pattern.empty()) break;
        const auto number = take_number(text, parameters);
        if (!number) return std::nullopt;
        set_number(statement, pattern[1], *number);
        pattern.remove_prefix(2);
    }
    return text.empty() ? std::optional(statement) : std::nullopt;
}

template <class Write>
std::string fill(Shape shape, Write write) {
    std::string out;
    for (auto pattern = text_of(shape); !pattern.empty();) {
        const auto literal = pattern.substr(0, pattern.find('@'));
        out.append(literal);
        pattern.remove_prefix(literal.size());
        if (pattern.empty()) break;
        out += write(pattern[1]);
        pattern.remove_prefix(2);
    }
    return out;
}

// The id of the row with this code; -1: there is none.
int id_of_code(const KeyedTable& table, int code) {
    for (int id = 0; id < kKeys; ++id) {
        const auto& row = table[static_cast<std::size_t>(id)];
        if (row && row->code == code) return id;
    }
    return -1;
}

int free_id(const KeyedTable& table) {
    for (int id = 0; id < kKeys; ++id) {
        if (!table[static_cast<std::size_t>(id)]) return id;
    }
    return -1;
}

int free_code(const KeyedTable& table) {
    for (int code = 0; code < kKeys; ++code) {
        if (id_of_code(table, code) < 0) return code;
    }
    return -1;
}

std::optional<KeyedChanges> inserted(const KeyedTable& table, int id, int code, std::uint64_t n) {
    if (id < 0 || code < 0 || table[static_cast<std::size_t>(id)] || id_of_code(table, code) >= 0) return std::nullopt;
    return KeyedChanges{{id, KeyedRow{code, n}}};
}

// The row with this id gets another id, code and number. No row: nothing happens.
std::optional<KeyedChanges> moved(const KeyedTable& table, int id, int new_id, int new_code, std::uint64_t n) {
    if (id < 0 || !table[static_cast<std::size_t>(id)]) return KeyedChanges{};
    const auto holder = id_of_code(table, new_code);
    if ((new_id != id && table[static_cast<std::size_t>(new_id)]) || (holder >= 0 && holder != id)) return std::nullopt;
    KeyedChanges changes{{id, std::nullopt}};
    changes[new_id] = KeyedRow{new_code, n};
    return changes;
}

std::optional<KeyedChanges> updated(const KeyedTable& table, int id, std::uint64_t n) {
    if (id < 0 || !table[static_cast<std::size_t>(id)]) return KeyedChanges{};
    return moved(table, id, id, table[static_cast<std::size_t>(id)]->code, n);
}

std::optional<KeyedChanges> deleted(const KeyedTable& table, int id) {
    if (id < 0 || !table[static_cast<std::size_t>(id)]) return KeyedChanges{};
    return KeyedChanges{{id, std::nullopt}};
}

}  // namespace

std::string text_of(const KeyedStatement& statement) {
    return fill(statement.shape, [&](char placeholder) { return std::to_string(number_of(statement, placeholder)); });
}

std::string with_parameters(const KeyedStatement& statement, std::vector<std::string>& parameters) {
    return fill(statement.shape, [&](char placeholder) {
        parameters.push_back(std::to_string(number_of(statement, placeholder)));
        return "$" + std::to_string(parameters.size());
    });
}

std::optional<KeyedStatement> parse_keyed(std::string_view text, const std::vector<std::string>& parameters) {
    for (std::size_t i = 0; i < std::size(kTexts); ++i) {
        if (auto statement = parse_as(static_cast<Shape>(i), text, parameters)) return statement;
    }
    return std::nullopt;
}

std::vector<KeyedAnswerRow> answer_of(const KeyedStatement& statement, const KeyedTable& table) {
    std::vector<KeyedAnswerRow> rows;
    for (int id = 0; id < kKeys; ++id) {
        const auto& row = table[static_cast<std::size_t>(id)];
        if (!row) continue;
        bool is_wanted = true;
        switch (statement.shape) {
            case Shape::read_code: is_wanted = row->code == statement.code; break;
            case Shape::read_two: is_wanted = id == statement.id || id == statement.to; break;
            case Shape::read_all: break;
            default: is_wanted = id == statement.id; break;
        }
        if (is_wanted) rows.push_back({id, row->code, row->n});
    }
    return rows;
}

std::optional<KeyedChanges> changes_of(const KeyedStatement& statement, const KeyedTable& table) {
    const auto [shape, id, to, code, n] = statement;
    const auto row = [&](int at) { return at < 0 ? std::nullopt : table[static_cast<std::size_t>(at)]; };
    const int by_code = id_of_code(table, code);
    switch (shape) {
        case Shape::update_id: return updated(table, id, n);
        case Shape::update_code: return updated(table, by_code, n);
        case Shape::update_all:
        case Shape::truncate: {
            KeyedChanges changes;
            for (int at = 0; at < kKeys; ++at) {
                if (!row(at)) continue;
                changes[at] = std::nullopt;
                if (shape == Shape::update_all) changes[at] = KeyedRow{row(at)->code, n};
            }
            return changes;
        }
        case Shape::move_id: return row(id) ? moved(table, id, to, row(id)->code, n) : KeyedChanges{};
        case Shape::move_code: return moved(table, id, id, to, n);
        case Shape::shift_id: return row(id) ? moved(table, id, (id + 1) % kKeys, row(id)->code, n) : KeyedChanges{};
        case Shape::shift_code: return moved(table, by_code, by_code, (code + 1) % kKeys, n);
        case Shape::insert: return inserted(table, id, code, n);
        case Shape::insert_serial: return inserted(table, free_id(table), code, n);
        case Shape::insert_unknown: return inserted(table, free_id(table), free_code(table), n);
        case Shape::upsert_id: return row(id) ? updated(table, id, n) : inserted(table, id, code, n);
        case Shape::upsert_code: return by_code >= 0 ? updated(table, by_code, n) : inserted(table, id, code, n);
        case Shape::delete_id: return deleted(table, id);
        case Shape::delete_code: return deleted(table, by_code);
        default: return KeyedChanges{};
    }
}

KeyedTable with_changes(KeyedTable table, const KeyedChanges& changes) {
    for (const auto& [id, row] : changes) table[static_cast<std::size_t>(id)] = row;
    return table;
}

}  // namespace larder::simulation
