// What a simulated client says about table k, and what it expects.
#include <algorithm>

#include "simulation/client.h"

namespace larder::simulation {

using Shape = KeyedStatement::Shape;

KeyedStatement Client::keyed_statement(Shape shape) {
    KeyedStatement statement;
    statement.shape = shape;
    statement.id = static_cast<int>(random_.below(kKeys));
    statement.to = static_cast<int>(random_.below(kKeys));
    statement.code = static_cast<int>(random_.below(kKeys));
    if (!statement.is_read()) statement.value = new_value();
    return statement;
}

std::string Client::a_keyed_read() {
    switch (random_.below(10)) {
        case 0: return text_of(keyed_statement(Shape::read_all));
        case 1: return text_of(keyed_statement(Shape::read_two));
        case 2: return text_of(keyed_statement(Shape::read_grouped));
        case 3: case 4: case 5: return text_of(keyed_statement(Shape::read_code));
        default: return text_of(keyed_statement(Shape::read_id));
    }
}

std::string Client::a_keyed_write() {
    constexpr auto kFirst = static_cast<unsigned>(Shape::update_id), kLast = static_cast<unsigned>(Shape::truncate);
    const auto shape = static_cast<Shape>(kFirst + random_.below(kLast - kFirst + 1));
    // What writes everything hides what the others forget.
    const bool is_wide = shape == Shape::truncate || shape == Shape::update_all;
    return text_of(keyed_statement(is_wide && !random_.one_in(8) ? Shape::update_id : shape));
}

// The answer is what the table held at one instant between the request and now.
void Client::check_keyed(const Due& due) {
    const auto& history = server_.keyed_history();
    const Step from = is_repeatable_ ? repeatable_from_ : due.from;
    std::vector<KeyedAnswerRow> rows;
    for (const auto& row : rows_) rows.push_back({row.table, row.row, row.value});
    if (own_.has_keyed) return;  // blocks that wrote are not served; what they see of themselves is seen elsewhere
    for (std::size_t i = history.size(); i > 0; --i) {
        const auto& version = history[i - 1];
        if (answer_of(due.statement.keyed, version.table) == rows) return;
        if (version.visible_at <= from) break;  // it was there when the request was sent: none before it will do
    }
    std::string what = text_of(due.statement.keyed) + " asked at step " + std::to_string(from) + ":";
    for (const auto& row : rows) what += " (" + std::to_string(row.id) + ", " + std::to_string(row.code) + ", " + std::to_string(row.n) + ")";
    violated(what + (rows.empty() ? " no row" : "") + " was not the answer since");
}

}  // namespace larder::simulation
