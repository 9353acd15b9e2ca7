#include "advisor/command.h"

#include <algorithm>
#include <charconv>
#include <istream>
#include <map>
#include <optional>
#include <ostream>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "advisor/advisor.h"
#include "advisor/deploy_command.h"
#include "advisor/link.h"
#include "advisor/node.h"
#include "advisor/workload.h"
#include "sql/statement_file.h"

namespace larder::advisor {

namespace json = boost::json;

namespace {

constexpr int kDone = 0, kFailed = 1, kBadUsage = 2;
constexpr std::size_t kLineBytesMax = 4u << 20;
constexpr std::size_t kWorkloadMax = 2000;  // statements weighed together

constexpr const char* kUsage =
    "Usage: larder advise [--analyze | --workload [--budget BYTES]] [--json] [--upstream URI] ['SELECT ...' | < FILE]\n"
    "       larder advise --deploy [--upstream URI] 'SELECT ...'\n"
    "Says what would make a statement cheaper. Runs nothing and changes nothing in the database, unless --analyze or --deploy is given.\n"
    "A statement that calls functions of the database's own is not looked at, since planning it would run them.\n\n"
    "  --json           one JSON object a line in, {\"id\", \"sql\", \"params\": [...], \"calls_per_min\"}, and one a line out\n"
    "  --analyze        run each SELECT once, in a READ ONLY transaction and for a minute at most, to see what the estimates missed\n"
    "  --workload       the best set of indexes for all the statements together, weighed by calls_per_min\n"
    "  --budget BYTES   the set's size at most: 500000000, 500MB, 2GB (default: no limit)\n"
    "  --deploy         make the index or statistics that the best advice names while writers go on, and drop them again\n"
    "                   if the plan does not get cheaper\n"
    "  --upstream URI   the PostgreSQL to ask (default: PGHOST, PGPORT, PGUSER ...)\n"
    "  --help           print this and exit\n";

struct Options {
    std::string uri, statement;
    bool is_json = false, is_workload = false, is_deploy = false, may_run = false, help = false;
    double budget = 0;
};

// 500000000, 500MB, 2GB; nothing if it is no size.
std::optional<double> size_of(const std::string& text) {
    static const std::map<std::string, double> kUnits = {{"", 1}, {"B", 1}, {"kB", 1024}, {"MB", 1 << 20}, {"GB", 1 << 30}, {"TB", 1024.0 * (1 << 30)}};
    double number = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
    const auto unit = kUnits.find(std::string(end.ptr, text.data() + text.size()));
    if (end.ec != std::errc() || !(number > 0) || unit == kUnits.end()) return std::nullopt;
    return number * unit->second;
}

// "" or what is wrong. A statement or URI may hold a secret and is not repeated.
std::string read_options(const std::vector<std::string>& arguments, Options& options) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const auto& argument = arguments[i];
        if (argument == "--json") options.is_json = true;
        else if (argument == "--workload") options.is_workload = true;
        else if (argument == "--deploy") options.is_deploy = true;
        else if (argument == "--analyze") options.may_run = true;
        else if ((argument == "--budget" && i + 1 < arguments.size()) || argument.starts_with("--budget=")) {
            const auto size = size_of(argument == "--budget" ? arguments[++i] : argument.substr(sizeof "--budget=" - 1));
            if (!size) return "--budget wants a size such as 500MB";
            options.budget = *size;
        }
        else if (argument == "--help" || argument == "-h") options.help = true;
        else if (argument == "--upstream" && i + 1 < arguments.size()) options.uri = arguments[++i];
        else if (argument.starts_with("--upstream=")) options.uri = argument.substr(sizeof "--upstream=" - 1);
        else if (argument.starts_with("--")) return "an unknown option, or one without its value; see larder advise --help";
        else if (options.statement.empty()) options.statement = argument;
        else return "more than one statement on the command line; quote it as one argument";
    }
    if (options.budget > 0 && !options.is_workload) return "--budget is for --workload";
    if (options.may_run && (options.is_workload || options.is_deploy)) return "--analyze goes with neither --workload nor --deploy";
    if (options.is_deploy && (options.is_json || options.is_workload || options.statement.empty())) return "--deploy wants one statement, and neither --json nor --workload";
    return {};
}

struct Asked {
    json::value id;
    Question question;
    std::string problem;
};

Value parameter_of(const json::value& value) {
    if (value.is_null()) return std::nullopt;
    if (value.is_string()) return std::string(value.get_string());
    return json::serialize(value);
}

Asked read_question(const std::string& line) {
    Asked asked;
    boost::system::error_code failed;
    const auto value = json::parse(line, failed);
    if (failed || !value.is_object()) return asked.problem = "the line is not a JSON object", asked;
    const auto& object = value.get_object();
    if (const auto* id = object.if_contains("id")) asked.id = *id;
    const auto* sql = object.if_contains("sql");
    if (!sql || !sql->is_string()) return asked.problem = "the line has no \"sql\"", asked;
    asked.question.sql = sql->get_string();
    if (const auto* parameters = object.if_contains("params"); parameters && !parameters->is_null()) {
        if (!parameters->is_array()) return asked.problem = "\"params\" is not a list", asked;
        for (const auto& parameter : parameters->get_array()) asked.question.parameters.push_back(parameter_of(parameter));
    }
    const auto has_nul = [](const Value& parameter) { return parameter && parameter->find('\0') != std::string::npos; };
    if (std::any_of(asked.question.parameters.begin(), asked.question.parameters.end(), has_nul)) return asked.problem = "a parameter holds a NUL, which no text of PostgreSQL can", asked;
    if (const auto* calls = object.if_contains("calls_per_min"); calls && !calls->is_null()) {
        if (!calls->is_number()) return asked.problem = "\"calls_per_min\" is not a number", asked;
        asked.question.calls_per_minute = calls->to_number<double>();
    }
    return asked;
}

json::object answer_of(const json::value& id, const std::vector<Advice>& advice) {
    json::object answer;
    answer["id"] = id;
    for (auto& [name, value] : to_json(advice.front())) answer[name] = value;
    json::array others;
    for (std::size_t i = 1; i < advice.size(); ++i) others.push_back(to_json(advice[i]));
    answer["others"] = std::move(others);
    return answer;
}

// A connection that is lost costs this statement only: the next one gets another.
std::vector<Advice> advice_on(Advisor& advisor, const Question& question) {
    try {
        return advisor.advise(question);
    } catch (const ConnectionLost& e) {
        return {make_advice("none", std::string("Not looked at: the connection was lost: ") + e.what() + ".")};
    } catch (const std::runtime_error& e) {
        return {make_advice("none", std::string("Not looked at: ") + e.what() + ".")};  // no new connection, or no catalogue
    }
}

void answer_lines(Advisor& advisor, bool may_run, std::istream& in, std::ostream& out) {
    for (std::string line; std::getline(in, line);) {
        if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
        Asked asked = line.size() > kLineBytesMax ? Asked{{}, {}, "the line is too long"} : read_question(line);
        std::vector<Advice> advice;
        asked.question.may_run = may_run;
        if (asked.problem.empty()) advice = advice_on(advisor, asked.question);
        else advice.emplace_back().why = "Not looked at: " + asked.problem + ".";
        out << json::serialize(answer_of(asked.id, advice)) << '\n' << std::flush;
    }
}

void answer_text(Advisor& advisor, const std::string& sql, bool may_run, std::ostream& out) {
    Question question;
    question.sql = sql;
    question.may_run = may_run;
    const auto advice = advice_on(advisor, question);
    for (std::size_t i = 0; i < advice.size(); ++i) out << (i == 1 ? "Or:\n" : "") << to_text(advice[i]);
    out << '\n';
}

std::vector<WorkloadStatement> workload_of(const Options& options, std::istream& in) {
    std::vector<WorkloadStatement> workload;
    if (!options.is_json) {
        for (auto& sql : options.statement.empty() ? sql::statements_of(in) : std::vector<std::string>{options.statement}) {
            WorkloadStatement& one = workload.emplace_back();
            one.id = workload.size();
            one.question.sql = std::move(sql);
        }
        return workload;
    }
    for (std::string line; std::getline(in, line) && workload.size() < kWorkloadMax;) {
        if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
        Asked asked = line.size() > kLineBytesMax ? Asked{{}, {}, "the line is too long"} : read_question(line);
        workload.push_back({asked.id, asked.question, asked.problem});
    }
    return workload;
}

void answer_workload(Advisor& advisor, const Options& options, std::istream& in, std::ostream& out) {
    const WorkloadAdvice advice = advisor.advise(workload_of(options, in), options.budget);
    if (options.is_json) out << json::serialize(to_json(advice)) << '\n';
    else out << to_text(advice);
}

}  // namespace

int run_command(const std::vector<std::string>& arguments, const CatalogueLoader& load, std::istream& in, std::ostream& out, std::ostream& errors) {
    Options options;
    if (const auto wrong = read_options(arguments, options); !wrong.empty()) return errors << "larder advise: " << wrong << '\n', kBadUsage;
    if (options.help) return out << kUsage, kDone;
    try {
        const CatalogueSource catalogue = load(options.uri);
        if (options.is_deploy) return deploy_best(options.uri, options.statement, catalogue, out, errors) ? kDone : kFailed;
        Advisor advisor(options.uri, catalogue);
        if (options.is_workload) {
            answer_workload(advisor, options, in, out);
        } else if (!options.statement.empty() && options.is_json) {
            Question question;
            question.sql = options.statement;
            question.may_run = options.may_run;
            out << json::serialize(answer_of(1, advice_on(advisor, question))) << '\n';
        } else if (!options.statement.empty()) {
            answer_text(advisor, options.statement, options.may_run, out);
        } else if (options.is_json) {
            answer_lines(advisor, options.may_run, in, out);
        } else {
            for (const auto& statement : sql::statements_of(in)) answer_text(advisor, statement, options.may_run, out);
        }
    } catch (const std::exception& e) {
        return errors << "larder advise: " << e.what() << '\n', kFailed;
    }
    return kDone;
}

}  // namespace larder::advisor
