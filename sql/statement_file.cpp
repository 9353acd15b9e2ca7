#include "sql/statement_file.h"

namespace larder::sql {

std::vector<std::string> statements_of(std::istream& in) {
    std::vector<std::string> found;
    std::string statement;
    for (std::string line; std::getline(in, line);) {
        statement += line + "\n";
        const auto end = line.find_last_not_of(" \t\r");
        if (end == std::string::npos || line[end] != ';') continue;
        found.push_back(std::move(statement));
        statement.clear();
    }
    if (statement.find_first_not_of(" \t\r\n;") != std::string::npos) found.push_back(std::move(statement));
    return found;
}

}  // namespace larder::sql
