#include "proxy/open_answer.h"

#include <algorithm>
#include <array>
#include <set>

#include "sql/analyse.h"
#include "sql/leaves_open.h"

namespace larder::proxy {
namespace {

constexpr std::size_t kViewsMax = 100;  // that are looked into for one statement

std::string array_of(const std::set<Oid>& oids) {
    std::string text = "{";
    for (const Oid oid : oids) text += (text.size() > 1 ? "," : "") + std::to_string(oid);
    return text + '}';
}

std::string array_of(const std::vector<std::string>& names) {
    std::string text = "{";
    for (const auto& name : names) {
        text += text.size() > 1 ? ",\"" : "\"";
        for (const char c : name) {
            if (c == '"' || c == '\\') text += '\\';
            text += c;
        }
        text += '"';
    }
    return text + '}';
}

// Types of which equal values are the same bytes: bool, int8, int2, int4, text, oid, date, timestamp, timestamptz, varchar, uuid, name, char, bytea.
bool is_plain(Oid type) {
    constexpr std::array<Oid, 14> kPlain = {16, 20, 21, 23, 25, 26, 1082, 1114, 1184, 1043, 2950, 19, 18, 17};
    return std::find(kPlain.begin(), kPlain.end(), type) != kPlain.end();
}

bool is_sum(const std::string& function) {
    return function == "sum" || function == "avg" || function == "count" || function == "min" || function == "max" ||
           function == "coalesce";
}

class Inquiry {
public:
    Inquiry(const rules::SessionEnv& env, const rules::Catalogue& catalogue, Rereader& server)
        : env_(env), catalogue_(catalogue), server_(server) {}

    std::string look(Bytes text, const std::vector<AnswerColumn>& columns) {
        if (auto why = look_into(text, env_.schemas); !why.empty()) return why;
        if (auto why = own_functions(); !why.empty()) return why;
        if (auto why = merged(columns); !why.empty()) return why;
        return rounded();
    }

private:
    // A text, and the views that it names. `schemas`: where names without one are looked for.
    std::string look_into(Bytes text, const std::vector<std::string>& schemas) {
        const auto left = sql::left_open(text);
        if (left.open != sql::Open::none) return std::string(sql::name(left.open));
        merges_ |= left.merges_equals;
        rounds_ |= left.may_round;
        casts_ |= left.has_casts;
        functions_.insert(left.functions.begin(), left.functions.end());
        const auto facts = sql::analyse(text);
        for (const auto& use : facts.statements.front().reads) {
            const auto found = catalogue_.find_candidates(use.name, schemas);
            if (found.empty()) return "unknown_relation";
            for (const auto* relation : found) {
                relations_.insert(relation->oid);
                if (relation->kind != rules::RelationKind::view || !views_.insert(relation->oid).second) continue;
                if (auto why = look_into_view(relation->oid); !why.empty()) return why;
            }
        }
        return {};
    }

    std::string look_into_view(Oid view) {
        if (views_.size() > kViewsMax) return "views";
        // Names in it are written as the session that asks would need them, so it asks where none is found without its schema.
        const auto rows = server_.ask(
            env_.database, "SELECT pg_catalog.pg_get_viewdef($1::pg_catalog.oid) FROM pg_catalog.set_config('search_path', '', false)",
            {std::to_string(view)});
        if (!rows.ok || rows.rows.size() != 1 || !rows.at(0, 0)) return "views";
        return look_into(*rows.at(0, 0), {"pg_catalog"});
    }

    // What is not PostgreSQL's own may be anything, such as a body with a LIMIT.
    std::string own_functions() {
        std::vector<std::string> names(functions_.begin(), functions_.end());
        const auto rows = server_.ask(env_.database,
                                      "SELECT EXISTS (SELECT FROM pg_catalog.pg_proc WHERE proname OPERATOR(pg_catalog.=) ANY "
                                      "($1::pg_catalog.name[]) AND oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid)",
                                      {array_of(names)});
        return rows.ok && rows.rows.size() == 1 && !rows.is_true(0, 0) ? "" : "user_function";
    }

    // A value of a plain type may still have been made of another one, and texts may be equal by their collation alone.
    std::string merged(const std::vector<AnswerColumn>& columns) {
        if (!merges_) return {};
        const bool is_plain_answer =
            !columns.empty() && std::all_of(columns.begin(), columns.end(), [](const auto& column) { return is_plain(column.type); });
        if (!is_plain_answer || casts_) return "equal_values";
        const auto rows = server_.ask(env_.database, "SELECT EXISTS (SELECT FROM pg_catalog.pg_collation WHERE NOT collisdeterministic)");
        return rows.ok && rows.rows.size() == 1 && !rows.is_true(0, 0) ? "" : "equal_values";
    }

    // Sums of integers and numerics are exact. Columns of floating-point numbers may be those of any table below.
    std::string rounded() {
        if (!rounds_) return {};
        if (casts_ || !std::all_of(functions_.begin(), functions_.end(), is_sum)) return "rounding";
        const auto rows =
            server_.ask(env_.database,
                        "WITH RECURSIVE tree AS (SELECT x.oid FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS x(oid) UNION SELECT "
                        "i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent OPERATOR(pg_catalog.=) tree.oid) "
                        "SELECT EXISTS (SELECT FROM tree JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) tree.oid "
                        "WHERE a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 "
                        "AND NOT (a.atttypid OPERATOR(pg_catalog.=) ANY (ARRAY[16, 17, 18, 19, 20, 21, 23, 25, 26, 1042, 1043, 1082, 1114, "
                        "1184, 1700, 2950]::pg_catalog.oid[])))",
                        {array_of(relations_)});
        return rows.ok && rows.rows.size() == 1 && !rows.is_true(0, 0) ? "" : "rounding";
    }

    const rules::SessionEnv& env_;
    const rules::Catalogue& catalogue_;
    Rereader& server_;
    bool merges_ = false, rounds_ = false, casts_ = false;
    std::set<std::string> functions_;
    std::set<Oid> relations_, views_;
};

}  // namespace

std::string why_open(Bytes text, const rules::SessionEnv& env, const rules::Catalogue& catalogue, const std::vector<AnswerColumn>& columns,
                     Rereader& server) {
    return Inquiry(env, catalogue, server).look(text, columns);
}

}  // namespace larder::proxy
