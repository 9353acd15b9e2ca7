#include "proxy/answer_rows.h"

#include <algorithm>
#include <iterator>

#include "base/log.h"
#include "protocol/backend.h"
#include "protocol/frame.h"

namespace larder::proxy {
namespace {

std::vector<std::string> sorted(std::vector<std::string> rows) {
    std::sort(rows.begin(), rows.end());
    return rows;
}

// "(1, abc, NULL)".
std::string shown_row(const std::string& row) {
    const auto decoded = protocol::DataRow::decode(row);
    if (!decoded) return "(?)";
    std::string out = "(";
    for (const auto& value : decoded->values) {
        if (out.size() > 1) out += ", ";
        if (!value)
            out += "NULL";
        else
            out += printable(value->substr(0, kShownBytesMax));
        if (out.size() > kShownBytesMax) break;
    }
    return out + ")";
}

std::string shown_rows(const std::vector<std::string>& rows) {
    std::string out;
    for (std::size_t i = 0; i < rows.size() && i < kShownRowsMax; ++i) out += (i > 0 ? " " : "") + shown_row(rows[i]);
    if (rows.size() > kShownRowsMax) out += " …";
    if (out.size() > kShownBytesMax) out = printable(out.substr(0, kShownBytesMax)) + " …";
    return out.empty() ? "no other rows" : out;
}

std::vector<AnswerColumn> columns_of(Bytes message, bool& is_sound) {
    std::vector<AnswerColumn> columns;
    if (message.size() < protocol::kHeaderBytes) return columns;
    const auto decoded = protocol::RowDescription::decode(message.substr(protocol::kHeaderBytes));
    is_sound &= decoded.has_value();
    if (!decoded) return columns;
    for (const auto& field : *decoded)
        columns.push_back({std::string(field.name), field.type, field.table, field.type_modifier, field.column});
    return columns;
}

}  // namespace

std::size_t AnswerRows::bytes() const {
    std::size_t sum = 0;
    for (const auto& row : rows) sum += row.size();
    return sum;
}

void add_rows(const PGresult& result, AnswerRows& answer) {
    const int columns = PQnfields(&result);
    if (answer.columns.empty()) {
        for (int i = 0; i < columns; ++i) {
            answer.columns.push_back({PQfname(&result, i), PQftype(&result, i), PQftable(&result, i), PQfmod(&result, i),
                                      static_cast<std::int16_t>(PQftablecol(&result, i))});
        }
    }
    std::vector<protocol::ValueList::Value> values;
    std::string message;
    for (int row = 0; row < PQntuples(&result); ++row) {
        values.clear();
        for (int i = 0; i < columns; ++i) {
            const Bytes value(PQgetvalue(&result, row, i), static_cast<std::size_t>(PQgetlength(&result, row, i)));
            values.push_back(PQgetisnull(&result, row, i) != 0 ? std::nullopt : std::optional(value));
        }
        message.clear();
        protocol::append_data_row(message, values);
        answer.rows.emplace_back(message, protocol::kHeaderBytes);
    }
}

std::optional<AnswerRows> rows_of(const cache::CachedResult& result) {
    AnswerRows answer;
    bool is_sound = true;
    answer.columns = columns_of(result.row_description(), is_sound);
    for (Bytes rest = result.rows_and_complete(); !rest.empty();) {
        const auto header = protocol::peek_header(rest);
        if (!header || rest.size() < header->total_bytes) return std::nullopt;
        const auto total = static_cast<std::size_t>(header->total_bytes);
        if (header->type == protocol::DataRow::kType)
            answer.rows.emplace_back(rest.substr(protocol::kHeaderBytes, total - protocol::kHeaderBytes));
        rest.remove_prefix(total);
    }
    return is_sound ? std::optional(std::move(answer)) : std::nullopt;
}

bool are_alike(const AnswerRows& a, const AnswerRows& b) {
    if (a.is_cut || b.is_cut || a.rows.size() != b.rows.size()) return false;
    if (!a.columns.empty() && !b.columns.empty() && a.columns != b.columns) return false;
    return a.rows == b.rows || sorted(a.rows) == sorted(b.rows);
}

ShownDifference difference(const AnswerRows& kept, const AnswerRows& server) {
    const auto before = sorted(kept.rows), after = sorted(server.rows);
    std::vector<std::string> only_before, only_after;
    std::set_difference(before.begin(), before.end(), after.begin(), after.end(), std::back_inserter(only_before));
    std::set_difference(after.begin(), after.end(), before.begin(), before.end(), std::back_inserter(only_after));
    ShownDifference shown{shown_rows(only_before), shown_rows(only_after), {}};
    shown.summary = std::to_string(before.size()) + " rows were kept, the server has " +
                    (server.is_cut ? "more than may be kept" : std::to_string(after.size())) + "; " + std::to_string(only_before.size()) +
                    " are only in the kept answer, " + std::to_string(only_after.size()) + " only in the server's";
    if (!kept.columns.empty() && !server.columns.empty() && kept.columns != server.columns) shown.summary += "; the columns differ";
    return shown;
}

}  // namespace larder::proxy
