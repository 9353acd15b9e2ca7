#include "sql/trigger_body.h"

#include <algorithm>
#include <array>
#include <memory>

#include <boost/json.hpp>
#include <pg_query.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

namespace larder::sql {
namespace {

namespace json = boost::json;

constexpr std::string_view kNode = "PLpgSQL_";
constexpr std::string_view kStatement = "PLpgSQL_stmt_";
constexpr std::string_view kQuote = "$larder_trigger_body$";

// Those whose inside is understood. Not among them: dynexecute, dynfors, call, commit, rollback, and what cursors need.
constexpr std::array<std::string_view, 16> kKnownStatements = {
    "assert", "assign", "block", "case", "execsql", "exit", "foreach_a", "fori", "fors", "getdiag", "if", "loop", "perform", "raise", "return", "while",
};

// How PL/pgSQL reads a text that it keeps under this key of this node.
enum class Reading { statement, assignment, expression, unknown };
Reading reading_of(std::string_view node, std::string_view key) {
    if (key == "sqlstmt") return Reading::statement;
    if (key == "query") return node == "PLpgSQL_stmt_fors" ? Reading::statement : Reading::unknown;
    if (key == "expr") {
        if (node == "PLpgSQL_stmt_perform") return Reading::statement;
        return node == "PLpgSQL_stmt_assign" ? Reading::assignment : Reading::expression;
    }
    constexpr std::array<std::string_view, 9> kExpressions = {"cond", "default_val", "lower", "message", "options", "params", "step", "t_expr", "upper"};
    return std::find(kExpressions.begin(), kExpressions.end(), key) != kExpressions.end() ? Reading::expression : Reading::unknown;
}

// Where the target of an assignment ends, and the length of its operator; npos: nowhere. A target is a name with fields and subscripts.
std::pair<std::size_t, std::size_t> find_assignment(std::string_view text) {
    int depth = 0;
    char quote = '\0';
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quote != '\0') {
            if (c == quote) quote = '\0';
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '[' || c == '(') {
            ++depth;
        } else if (c == ']' || c == ')') {
            --depth;
        } else if (depth == 0 && text.substr(i).starts_with(":=")) {
            return {i, 2};
        } else if (depth == 0 && c == '=') {
            return {i, 1};
        }
    }
    return {std::string_view::npos, 0};
}

std::string lower_trimmed(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return out;
}

std::int64_t integer(const json::object& object, std::string_view key, std::int64_t otherwise) {
    const auto* const found = object.if_contains(key);
    return found != nullptr && found->is_int64() ? found->as_int64() : otherwise;
}

class BodyWalker {
public:
    explicit BodyWalker(const json::object& function) {
        new_row_ = integer(function, "new_varno", -1);
        if (const auto* datums = function.if_contains("datums"); datums != nullptr && datums->is_array()) datums_ = &datums->as_array();
        body_.sets.emplace();
        for (const auto& member : function) walk(member.value(), "PLpgSQL_function", member.key());
        if (datums_ == nullptr || new_row_ < 0) is_understood_ = false;
    }

    std::optional<TriggerBody> take() {
        if (!is_understood_) return std::nullopt;
        return std::move(body_);
    }

private:
    void walk(const json::value& value, std::string_view node, std::string_view key) {
        if (const auto* array = value.if_array()) {
            for (const auto& element : *array) walk(element, node, key);
        } else if (const auto* object = value.if_object()) {
            for (const auto& member : *object) {
                const std::string_view name = member.key();
                if (name == "PLpgSQL_expr") add_text(member.value(), node, key);
                else if (name.starts_with(kNode)) enter(member.value(), name, key);
                else walk(member.value(), node, name);
            }
        }
    }

    void enter(const json::value& value, std::string_view node, std::string_view key) {
        if (node.starts_with(kStatement)) {
            const auto kind = node.substr(kStatement.size());
            if (std::find(kKnownStatements.begin(), kKnownStatements.end(), kind) == kKnownStatements.end()) is_understood_ = false;
        }
        if (const auto* object = value.if_object()) {
            if (node == "PLpgSQL_stmt_return") returns(*object);
            else if (node == "PLpgSQL_rec" && key != "datums") body_.sets.reset();  // SELECT INTO, FETCH INTO, FOR … IN: it may be NEW
            else if (node == "PLpgSQL_row") for_each_field(*object);
            else if (node == "PLpgSQL_diag_item") sets(integer(*object, "target", -1));
            else if (node == "PLpgSQL_stmt_assign" || node == "PLpgSQL_stmt_foreach_a") sets(integer(*object, "varno", -1));
        }
        walk(value, node, {});
    }

    void for_each_field(const json::object& row) {
        const auto* const fields = row.if_contains("fields");
        if (fields == nullptr || !fields->is_array()) return body_.sets.reset();
        for (const auto& field : fields->as_array()) {
            if (const auto* object = field.if_object()) sets(integer(*object, "varno", -1));
            else body_.sets.reset();
        }
    }

    // This variable may get another value.
    void sets(std::int64_t variable) {
        if (!body_.sets) return;
        if (datums_ == nullptr || variable < 0 || variable >= static_cast<std::int64_t>(datums_->size()) || variable == new_row_) return body_.sets.reset();
        const auto* const datum = (*datums_)[static_cast<std::size_t>(variable)].if_object();
        const auto* const field = datum == nullptr ? nullptr : datum->if_contains("PLpgSQL_recfield");
        if (field == nullptr || !field->is_object()) return;
        if (integer(field->as_object(), "recparentno", -1) != new_row_) return;
        const auto* const name = field->as_object().if_contains("fieldname");
        if (name == nullptr || !name->is_string()) body_.sets.reset();
        else if (std::string column(name->as_string()); std::find(body_.sets->begin(), body_.sets->end(), column) == body_.sets->end()) body_.sets->push_back(std::move(column));
    }

    void returns(const json::object& statement) {
        const auto* const expression = statement.if_contains("expr");
        if (expression == nullptr) return;  // the one at the end that nobody reaches
        const auto* const node = expression->is_object() ? expression->as_object().if_contains("PLpgSQL_expr") : nullptr;
        const auto* const query = node != nullptr && node->is_object() ? node->as_object().if_contains("query") : nullptr;
        const std::string text = query != nullptr && query->is_string() ? lower_trimmed(query->as_string()) : std::string();
        if (text != "new" && text != "old" && text != "null") body_.sets.reset();
    }

    void add_text(const json::value& expression, std::string_view node, std::string_view key) {
        const auto* const query = expression.is_object() ? expression.as_object().if_contains("query") : nullptr;
        if (query == nullptr || !query->is_string()) return void(is_understood_ = false);
        const std::string text(query->as_string());
        switch (reading_of(node, key)) {
            case Reading::statement: return add(text);
            case Reading::expression: return add("SELECT " + text);
            case Reading::unknown: return void(is_understood_ = false);
            case Reading::assignment: break;
        }
        const auto [end, length] = find_assignment(text);
        if (end == std::string::npos) return void(is_understood_ = false);
        add("SELECT " + text.substr(0, end));  // its subscripts are expressions
        add("SELECT " + text.substr(end + length));
    }

    void add(const std::string& text) {
        auto facts = analyse(text);
        if (!facts.is_single()) is_understood_ = false;
        else body_.statements.push_back(std::move(facts));
    }

    const json::array* datums_ = nullptr;
    std::int64_t new_row_ = -1;
    bool is_understood_ = true;
    TriggerBody body_;
};

// libpg_query 15-4.0 forgets an empty string when it refuses a body: one byte, at most once for each such body and load of a catalogue.
PgQueryPlpgsqlParseResult parse_body(const std::string& text) {
#if defined(__SANITIZE_ADDRESS__)
    const __lsan::ScopedDisabler not_ours;
#endif
    return pg_query_parse_plpgsql(text.c_str());
}

}  // namespace

std::optional<TriggerBody> analyse_trigger_body(Bytes body) {
    if (body.size() > kParsedTextBytesMax || body.find('\0') != Bytes::npos || body.find(kQuote) != Bytes::npos) return std::nullopt;
    // Where a backslash stands before a quote, the settings of the session decide where the string ends.
    if (body.find("\\'") != Bytes::npos) return std::nullopt;
    std::string text = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS ";
    text.append(kQuote).append(body).append(kQuote);
    PgQueryPlpgsqlParseResult result = parse_body(text);
    std::optional<TriggerBody> found;
    if (result.error == nullptr) {
        boost::system::error_code error;
        const auto document = json::parse(result.plpgsql_funcs, error);
        const auto* const functions = error ? nullptr : document.if_array();
        const auto* const first = functions != nullptr && functions->size() == 1 ? functions->front().if_object() : nullptr;
        const auto* const function = first == nullptr ? nullptr : first->if_contains("PLpgSQL_function");
        if (function != nullptr && function->is_object()) found = BodyWalker(function->as_object()).take();
    }
    pg_query_free_plpgsql_parse_result(result);
    return found;
}

}  // namespace larder::sql
