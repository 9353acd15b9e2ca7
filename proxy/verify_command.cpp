#include "proxy/verify_command.h"

#include <charconv>
#include <fstream>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <utility>

#include <libpq-fe.h>

#include "base/log.h"
#include "proxy/answer_rows.h"
#include "sql/analyse.h"
#include "sql/leaves_open.h"
#include "sql/statement_file.h"

namespace larder::proxy {
namespace {

constexpr int kDone = 0, kFailed = 1, kBadUsage = 2;

constexpr std::string_view kUsage =
    "Usage: larder verify [--json] [--entries N] [--console URI]\n"
    "       larder verify [--json] [--times N] --upstream URI --through URI FILE\n"
    "Compares answers of the cache with PostgreSQL's.\n\n"
    "The first form has a running Larder compare the answers that it gave most often.\n"
    "  --console URI    its console (default: 127.0.0.1:6432, the database larder, and libpq's environment);\n"
    "                   an administrator's login\n"
    "  --entries N      how many answers (default 100, at most 10000)\n"
    "The second form runs the statements of FILE on PostgreSQL, through Larder, and on PostgreSQL again.\n"
    "Only those that read are run; each ends with a semicolon at the end of a line.\n"
    "  --upstream URI   PostgreSQL\n"
    "  --through URI    the same database through Larder\n"
    "  --times N        how often each (default 3)\n"
    "  --json           one JSON object for each finding or statement, and one with the sums\n"
    "  --help           print this and exit\n\n"
    "Exit code: 0 all are equal, 1 some differ or nothing could be compared, 2 wrong arguments.\n";

struct Options {
    bool is_json = false, help = false;
    int entries = 100, times = 3;
    std::string console, upstream, through, file;
};

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

std::optional<int> number_of(const std::string& text, int max) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && value >= 1 && value <= max ? std::optional(value) : std::nullopt;
}

// What is wrong; empty: nothing.
std::string set_option(Options& options, const std::string& name, const std::string& value) {
    if (name == "--console") return options.console = value, "";
    if (name == "--upstream") return options.upstream = value, "";
    if (name == "--through") return options.through = value, "";
    const bool is_times = name == "--times";
    if (!is_times && name != "--entries") return "an unknown option; see larder verify --help";
    const auto number = number_of(value, is_times ? 1'000 : 10'000);
    if (!number) return name + " wants a number from 1 to " + (is_times ? "1000" : "10000");
    (is_times ? options.times : options.entries) = *number;
    return {};
}

std::string read_options(const std::vector<std::string>& arguments, Options& options) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const auto& argument = arguments[i];
        const auto equals = argument.find('=');
        if (argument == "--json")
            options.is_json = true;
        else if (argument == "--help" || argument == "-h")
            options.help = true;
        else if (argument.starts_with("--")) {
            if (equals == std::string::npos && i + 1 == arguments.size())
                return "an option without its value, or an unknown one; see larder verify --help";
            const auto name = argument.substr(0, equals);
            if (auto wrong = set_option(options, name, equals == std::string::npos ? arguments[++i] : argument.substr(equals + 1));
                !wrong.empty())
                return wrong;
        } else if (options.file.empty())
            options.file = argument;
        else
            return "there is one FILE";
    }
    const bool has_file_options = !options.upstream.empty() || !options.through.empty() || !options.file.empty();
    if (has_file_options && (options.upstream.empty() || options.through.empty() || options.file.empty()))
        return "--upstream, --through and FILE belong together";
    return has_file_options && !options.console.empty() ? "--console does not go with FILE" : "";
}

class Connection {
public:
    explicit Connection(const std::string& uri, bool is_console = false) : connection_(nullptr, PQfinish) {
        // What the URI says comes later, and so goes before.
        const char* const names[] = {"host", "port", "application_name", "dbname", nullptr};
        const std::string database = uri.empty() ? "larder" : uri;
        const char* const values[] = {is_console ? "127.0.0.1" : nullptr, is_console ? "6432" : nullptr, "larder_verify_command",
                                      database.c_str(), nullptr};
        connection_.reset(PQconnectdbParams(names, values, 1));
        if (PQstatus(connection_.get()) != CONNECTION_OK) throw std::runtime_error(printable(PQerrorMessage(connection_.get())));
        PQsetNoticeReceiver(connection_.get(), notice, this);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Throws what the server says.
    Result run(const std::string& sql) {
        Result result(PQexec(connection_.get(), sql.c_str()), PQclear);
        const auto status = PQresultStatus(result.get());
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
            throw std::runtime_error(printable(PQresultErrorMessage(result.get())));
        return result;
    }

    AnswerRows read(const std::string& sql) {
        AnswerRows answer;
        add_rows(*run(sql), answer);
        return answer;
    }

    int hits = 0;  // that larder.trace told of

private:
    static void notice(void* self, const PGresult* result) {
        const char* text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        if (text != nullptr && std::string_view(text).starts_with("larder: hit")) ++static_cast<Connection*>(self)->hits;
    }

    std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

std::string json_member(std::string_view name, std::string_view value) {
    return '"' + std::string(name) + "\":\"" + json_escaped(value) + '"';
}

// A row of the console as an object; NULL is left out.
std::string object_of(const PGresult* result, int row) {
    std::string out;
    for (int i = 0; i < PQnfields(result); ++i) {
        if (PQgetisnull(result, row, i) == 0) out += (out.empty() ? "" : ",") + json_member(PQfname(result, i), PQgetvalue(result, row, i));
    }
    return '{' + out + '}';
}

void print_row(const PGresult* result, int row, std::ostream& out) {
    for (int i = 0; i < PQnfields(result); ++i) {
        if (PQgetisnull(result, row, i) == 0) out << "  " << PQfname(result, i) << ": " << PQgetvalue(result, row, i) << '\n';
    }
}

long value_of(const PGresult* result, int row, const char* column) {
    const int index = PQfnumber(result, column);
    return index < 0 || PQgetisnull(result, row, index) != 0 ? 0 : std::strtol(PQgetvalue(result, row, index), nullptr, 10);
}

int verify_running(const Options& options, std::ostream& out) {
    Connection console(options.console, true);
    console.run("VERIFY CACHE " + std::to_string(options.entries));
    const auto after = console.run("SHOW VERIFY");
    const int row = PQntuples(after.get()) - 1;  // that of the run
    const long different = value_of(after.get(), row, "different"), equal = value_of(after.get(), row, "equal");
    if (options.is_json)
        out << object_of(after.get(), row) << '\n';
    else
        out << value_of(after.get(), row, "checks") << " answers were compared: " << equal << " equal, " << different << " different, "
            << value_of(after.get(), row, "undecided") << " undecided, " << value_of(after.get(), row, "moved") << " written meanwhile, "
            << value_of(after.get(), row, "failed") << " could not be run\n";
    const char* const failure = PQgetvalue(after.get(), row, PQfnumber(after.get(), "last_failure"));
    if (!options.is_json && *failure != '\0') out << "the last that could not be run: " << failure << '\n';
    const auto findings = console.run("SHOW VERIFY FINDINGS");
    const long wanted = different + value_of(after.get(), row, "undecided");
    for (int i = 0; i < PQntuples(findings.get()) && i < wanted; ++i) {
        if (options.is_json)
            out << object_of(findings.get(), i) << '\n';
        else
            print_row(findings.get(), i, out << "finding\n");
    }
    return different == 0 && equal > 0 ? kDone : kFailed;
}

enum class Verdict : std::uint8_t { equal, different, undecided, skipped, failed };

std::string_view name(Verdict verdict) {
    switch (verdict) {
        case Verdict::equal: return "equal";
        case Verdict::different: return "different";
        case Verdict::undecided: return "undecided";
        case Verdict::skipped: return "skipped";
        case Verdict::failed: break;
    }
    return "failed";
}

struct Compared {
    Verdict verdict = Verdict::equal;
    std::string why;
};

bool only_reads(const std::string& statement) {
    const auto facts = sql::analyse(statement);
    return facts.is_single() && facts.statements.front().kind == sql::Kind::select && facts.statements.front().understood &&
           facts.statements.front().writes.empty() && !facts.statements.front().selects_into;
}

// Larder's answer must be one of the two that PostgreSQL gave before and after it; if it is neither, and those two are alike, nobody seems to have
// written. A writer could still have come and gone, so that it has to be so several times.
Compared compare_once(const std::string& statement, Connection& direct, Connection& through) {
    constexpr int kAttempts = 3;
    Compared out;
    for (int i = 0; i < kAttempts; ++i) {
        const auto before = direct.read(statement), larder = through.read(statement), after = direct.read(statement);
        if (are_alike(larder, before) || are_alike(larder, after)) return {};
        const auto open = sql::left_open(statement).open;
        const auto reason = open != sql::Open::none    ? std::string(sql::name(open))
                            : are_alike(before, after) ? std::string()
                                                       : "it is being written";
        const auto shown = difference(larder, after);
        out = {reason.empty() ? Verdict::different : Verdict::undecided, (reason.empty() ? "" : reason + "; ") + shown.summary +
                                                                             "; only through Larder: " + shown.kept +
                                                                             "; only at the server: " + shown.server};
    }
    return out;
}

Compared compare(const std::string& statement, int times, Connection& direct, Connection& through) {
    if (!only_reads(statement)) return {Verdict::skipped, "it does more than read, or is more than one statement"};
    try {
        for (int i = 0; i < times; ++i) {
            if (auto compared = compare_once(statement, direct, through); compared.verdict != Verdict::equal) return compared;
        }
    } catch (const std::runtime_error& e) {
        return {Verdict::failed, e.what()};
    }
    return {};
}

int verify_file(const Options& options, std::ostream& out) {
    std::ifstream in(options.file);
    if (!in) throw std::runtime_error(options.file + " cannot be read");
    Connection direct(options.upstream), through(options.through);
    through.run("SET larder.trace = on");
    const auto statements = sql::statements_of(in);
    long counts[5] = {};
    for (std::size_t i = 0; i < statements.size(); ++i) {
        // Once to fill the cache.
        const auto [verdict, why] = compare(statements[i], options.times + 1, direct, through);
        ++counts[static_cast<std::size_t>(verdict)];
        if (options.is_json)
            out << "{\"statement\":" << i + 1 << ',' << json_member("verdict", name(verdict)) << ',' << json_member("why", why) << "}\n";
        else if (verdict != Verdict::equal)
            out << "statement " << i + 1 << ": " << name(verdict) << ": " << why << '\n';
    }
    const auto [equal, different, undecided, skipped, failed] = counts;
    if (options.is_json)
        out << "{\"equal\":" << equal << ",\"different\":" << different << ",\"undecided\":" << undecided << ",\"skipped\":" << skipped
            << ",\"failed\":" << failed << ",\"hits\":" << through.hits << "}\n";
    else
        out << equal << " statements equal, " << different << " different, " << undecided << " undecided, " << skipped << " skipped, "
            << failed << " failed; " << through.hits << " answers came from the cache"
            << (through.hits == 0 ? ", so this says nothing of it" : "") << '\n';
    return different == 0 && equal > 0 ? kDone : kFailed;
}

}  // namespace

int run_verify(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& errors) {
    Options options;
    if (const auto wrong = read_options(arguments, options); !wrong.empty()) return errors << "larder verify: " << wrong << '\n', kBadUsage;
    if (options.help) return out << kUsage, kDone;
    try {
        return options.file.empty() ? verify_running(options, out) : verify_file(options, out);
    } catch (const std::exception& e) {
        return errors << "larder verify: " << e.what() << '\n', kFailed;
    }
}

}  // namespace larder::proxy
