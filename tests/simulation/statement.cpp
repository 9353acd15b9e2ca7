#include "simulation/statement.h"

#include <charconv>

namespace larder::simulation {
namespace {

// Reads a text from its front, word for word.
class Reader {
public:
    Reader(std::string_view text, const std::vector<std::string>& parameters) : rest_(text), parameters_(parameters) {}

    bool skip(std::string_view words) {
        if (!rest_.starts_with(words)) return false;
        rest_.remove_prefix(words.size());
        return true;
    }
    std::uint64_t number() {
        if (skip("$")) {
            const auto index = digits();
            std::uint64_t value = 0;
            if (index >= 1 && index <= parameters_.size()) {
                const auto& text = parameters_[index - 1];
                std::from_chars(text.data(), text.data() + text.size(), value);
            }
            return value;
        }
        return digits();
    }
    int index() { return static_cast<int>(number()); }

private:
    std::uint64_t digits() {
        std::uint64_t value = 0;
        const auto end = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value).ptr;
        rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
        return value;
    }
    std::string_view rest_;
    const std::vector<std::string>& parameters_;
};

}  // namespace

Statement Statement::parse(std::string_view text, const std::vector<std::string>& parameters) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    Reader in(text, parameters);
    Statement out;
    const auto is = [&](std::string_view words, Kind kind) {
        if (!in.skip(words)) return false;
        out.kind = kind;
        return true;
    };
    if (const auto keyed = parse_keyed(text, parameters)) {
        out.kind = keyed->is_read() ? Kind::keyed_read : Kind::keyed_write;
        out.keyed = *keyed;
        return out;
    }
    if (text.empty()) out.kind = Kind::empty;
    else if (text.find("pg_is_in_recovery") != std::string_view::npos) out.kind = Kind::larder_lock;
    else if (text.find("current_schemas") != std::string_view::npos) out.kind = Kind::larder_environment;
    else if (is("SELECT id, n FROM w", Kind::read_view)) {}
    else if (is("SELECT id, n FROM t", Kind::read_table)) out.table = in.index();
    else if (is("SELECT n FROM t", Kind::read_row)) {
        out.table = in.index();
        if (in.skip(" WHERE id = ")) out.row = in.index();
    } else if (is("SELECT a.n, b.n FROM t", Kind::read_join)) {
        out.table = in.index();
        if (in.skip(" a JOIN t")) out.other = in.index();
    } else if (is("UPDATE t", Kind::update)) {
        out.table = in.index();
        if (in.skip(" SET n = ")) out.value = in.number();
        if (in.skip(" WHERE id = ")) out.row = in.index();
    } else if (is("TRUNCATE t", Kind::truncate)) {
        out.table = in.index();
        if (in.skip(" /* ")) out.value = in.number();
    } else if (is("LOCK TABLE t", Kind::lock)) out.table = in.index();
    else if (is("SELECT bump(", Kind::call_bump)) {
        out.value = in.number();
        out.table = kFunctionTable;
        out.row = static_cast<int>(out.value % kRows);
    } else if (is("SELECT remake(", Kind::call_remake) || is("CREATE OR REPLACE VIEW w AS SELECT id, n FROM t", Kind::replace_view)) out.table = in.index();
    else if (is("BEGIN ISOLATION LEVEL REPEATABLE READ", Kind::begin_repeatable)) {}
    else if (is("BEGIN", Kind::begin) || is("COMMIT", Kind::commit) || is("ROLLBACK TO", Kind::rollback_to) || is("ROLLBACK", Kind::rollback)) {}
    else if (is("SAVEPOINT", Kind::savepoint) || is("SET ", Kind::set) || is("SELECT 1", Kind::larder_one)) {}
    else if (is("CREATE TRIGGER", Kind::create_trigger) || is("DROP TRIGGER", Kind::drop_trigger)) {}
    else if (is("ALTER TABLE t2 ADD", Kind::add_key) || is("ALTER TABLE t2 DROP", Kind::drop_key)) {}
    if (out.table < 0 || out.table >= kTables || out.other < 0 || out.other >= kTables || out.row < 0 || out.row >= kRows) out.kind = Kind::unknown;
    return out;
}

std::string text_of_read_table(int table) { return "SELECT id, n FROM t" + std::to_string(table) + " ORDER BY id"; }
std::string text_of_read_row(int table, int row) {
    return "SELECT n FROM t" + std::to_string(table) + " WHERE id = " + (row < 0 ? "$1" : std::to_string(row));
}
std::string text_of_read_view() { return "SELECT id, n FROM w ORDER BY id"; }
std::string text_of_read_join(int table, int other) {
    return "SELECT a.n, b.n FROM t" + std::to_string(table) + " a JOIN t" + std::to_string(other) + " b ON a.id = b.id";
}
std::string text_of_update(int table, int row, std::uint64_t value) {
    return "UPDATE t" + std::to_string(table) + " SET n = " + (value == 0 ? "$1" : std::to_string(value)) + " WHERE id = " +
           (row < 0 ? "$2" : std::to_string(row));
}
std::string text_of_truncate(int table, std::uint64_t value) { return "TRUNCATE t" + std::to_string(table) + " /* " + std::to_string(value) + " */"; }
std::string text_of_replace_view(int table) { return "CREATE OR REPLACE VIEW w AS SELECT id, n FROM t" + std::to_string(table); }
std::string text_of_add_key() { return "ALTER TABLE t2 ADD CONSTRAINT k FOREIGN KEY (id) REFERENCES t3 (id) ON UPDATE CASCADE"; }
std::string text_of_drop_key() { return "ALTER TABLE t2 DROP CONSTRAINT k"; }

std::vector<std::string_view> split_statements(std::string_view text) {
    std::vector<std::string_view> out;
    for (;;) {
        const auto end = text.find(';');
        if (const auto one = text.substr(0, end); !one.empty()) out.push_back(one);
        if (end == std::string_view::npos) return out;
        text.remove_prefix(end + 1);
    }
}

}  // namespace larder::simulation
