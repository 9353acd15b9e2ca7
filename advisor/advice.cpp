#include "advisor/advice.h"

#include <cmath>
#include <functional>
#include <map>

#include <boost/json/array.hpp>

namespace larder::advisor {

namespace json = boost::json;

namespace {

const std::map<std::string, std::string, std::less<>>& titles() {
    static const std::map<std::string, std::string, std::less<>> kTitles = {
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

Advice make_advice(std::string kind, std::string why) {
    Advice advice;
    advice.kind = std::move(kind);
    advice.why = std::move(why);
    return advice;
}

std::string whole(double number) { return std::to_string(std::llround(number)); }

std::string_view title_of(std::string_view kind) {
    const auto title = titles().find(kind);
    return title == titles().end() ? kind : std::string_view(title->second);
}

std::string_view risk_of(std::string_view kind) {
    if (kind.starts_with("btree") || kind.starts_with("gin") || kind == "gist" || kind == "brin") {
        return "Whoever writes the table keeps one more index up to date, and it takes disk; building it reads the whole table.";
    }
    if (kind == "drop_index") return "A statement that was not seen may use it; making it again takes as long as building it.";
    if (kind == "materialize" || kind == "denormalize") return "The copy is as old as its last refresh.";
    if (kind == "rewrite") return "The application has to send another text.";
    if (kind == "analyze" || kind == "extended_stats") return "Plans of other statements may change, as they do after any ANALYZE.";
    if (kind == "cache") return "What is answered from the cache is never older than what PostgreSQL would say, but where a rule lets it be: then readers see for so long what others have changed since.";
    return "";
}

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
    std::string out = std::string(title_of(advice.kind)) + " (" + advice.kind + ")";
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
