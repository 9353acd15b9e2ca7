#include "advisor/advice.h"

#include <cmath>
#include <map>

#include <boost/json/array.hpp>

namespace larder::advisor {

namespace json = boost::json;

namespace {

const std::map<std::string, std::string>& titles() {
    static const std::map<std::string, std::string> kTitles = {
        {"btree_single", "Make an index"}, {"btree_composite", "Make an index over several columns"}, {"btree_partial", "Make a partial index"},
        {"btree_expression", "Make an index on an expression"}, {"btree_covering", "Make an index that holds all columns asked for"},
        {"gin_fts", "Make a GIN index for full-text search"}, {"gin_jsonb", "Make a GIN index for jsonb"}, {"gin_array", "Make a GIN index for arrays"},
        {"gin_trgm", "Make a trigram index"}, {"gist", "Make a GiST index"}, {"brin", "Make a BRIN index"}, {"drop_index", "Drop an index"},
        {"rewrite", "Write the statement otherwise"}, {"paginate", "Ask for pages"}, {"denormalize", "Keep a joined copy"},
        {"materialize", "Keep the answer as a materialised view"}, {"analyze", "Collect statistics"}, {"extended_stats", "Collect extended statistics"},
        {"review_schema", "Review the schema"}, {"cache", "Cache the answer"}, {"none", "Nothing to do"}};
    return kTitles;
}

json::array texts(const std::vector<std::string>& from) {
    json::array array;
    for (const auto& text : from) array.emplace_back(text);
    return array;
}

void put_block(std::string& out, const char* title, const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    out += std::string("  ") + title + "\n";
    for (const auto& line : lines) out += "    " + line + ";\n";
}

}  // namespace

json::object to_json(const Advice& advice) {
    json::object object;
    object["kind"] = advice.kind;
    object["ddl"] = texts(advice.ddl);
    object["rewrite"] = advice.rewrite ? json::value(*advice.rewrite) : json::value(nullptr);
    object["gain"] = advice.gain ? json::value(std::round(*advice.gain * 1e4) / 1e4) : json::value(nullptr);
    object["why"] = advice.why;
    if (!advice.deploy.empty()) object["deploy"] = texts(advice.deploy);
    if (!advice.undo.empty()) object["undo"] = texts(advice.undo);
    return object;
}

std::string to_text(const Advice& advice) {
    const auto title = titles().find(advice.kind);
    std::string out = (title == titles().end() ? advice.kind : title->second) + " (" + advice.kind + ")";
    if (advice.gain) out += ", saves " + std::to_string(static_cast<int>(std::lround(*advice.gain * 100))) + " % of the plan's cost";
    out += "\n  " + advice.why + "\n";
    put_block(out, "to run:", advice.deploy.empty() ? advice.ddl : advice.deploy);
    if (advice.rewrite) put_block(out, "instead:", {*advice.rewrite});
    put_block(out, "to undo:", advice.undo);
    if (!advice.plan.empty()) {
        out += "  the plan now:\n";
        std::string line;
        for (const char c : advice.plan) {
            line += c;
            if (c == '\n') out += "    " + line, line.clear();
        }
    }
    return out;
}

}  // namespace larder::advisor
