#include "advisor/pg_result.h"

namespace larder::advisor {

std::string without_newline(const char* message) {
    std::string text = message ? message : "";
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    return text;
}

void check(const PGresult* result) {
    const auto status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return;
    const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    throw QueryError(without_newline(primary ? primary : PQresultErrorMessage(result)), sqlstate ? sqlstate : "");
}

Rows rows_of(const PGresult* result) {
    Rows rows(static_cast<std::size_t>(PQntuples(result)));
    const int columns = PQnfields(result);
    for (std::size_t row = 0; row < rows.size(); ++row) {
        for (int column = 0; column < columns; ++column) {
            const int at = static_cast<int>(row);
            if (PQgetisnull(result, at, column)) rows[row].emplace_back();
            else rows[row].emplace_back(std::string(PQgetvalue(result, at, column), static_cast<std::size_t>(PQgetlength(result, at, column))));
        }
    }
    return rows;
}

std::vector<const char*> pointers_to(const Parameters& parameters) {
    std::vector<const char*> values;
    values.reserve(parameters.size());
    for (const auto& value : parameters) values.push_back(value ? value->c_str() : nullptr);
    return values;
}

Rows ask_server(pg_conn* connection, const std::string& sql, const Parameters& parameters) {
    const auto values = pointers_to(parameters);
    const Result result(PQexecParams(connection, sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr, nullptr, 0));
    check(result.get());
    return rows_of(result.get());
}

}  // namespace larder::advisor
