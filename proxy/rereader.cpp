#include "proxy/rereader.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/log.h"

namespace larder::proxy {
namespace {

using std::chrono::milliseconds;

// Beyond the server's own limit, after which it answers with an error: then it is the connection that hangs.
constexpr milliseconds kAnswerTimeout = Rereader::kStatementTimeout + milliseconds(5'000);

std::string quoted(const std::string& name) {
    std::string out = "\"";
    for (const char c : name) out.append(c == '"' ? 2 : 1, c);
    return out + '"';
}

std::vector<std::string> begin_texts() {
    const auto limit = std::to_string(Rereader::kStatementTimeout.count());
    return {"BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY", "SET LOCAL statement_timeout = " + limit, "SET LOCAL lock_timeout = 1000"};
}

// The parameters of one request, in the form that libpq wants.
struct Parameters {
    std::vector<Oid> types;
    std::vector<const char*> values;
    std::vector<int> lengths, formats;
    std::vector<std::string> held;  // texts need their NUL
    int result_format = 0;
};

// The one format of all results; nothing: they differ, which libpq cannot ask for.
std::optional<int> result_format_of(Bytes formats) {
    if (formats.size() < 2) return 0;
    const auto first = load_be16(formats.data());
    for (std::size_t at = 2; at + 2 <= formats.size(); at += 2) {
        if (load_be16(formats.data() + at) != first) return std::nullopt;
    }
    return first;
}

std::optional<Parameters> parameters_of(const session::KeyParts& request) {
    Parameters out;
    const auto format = result_format_of(request.result_formats);
    if (!format) return std::nullopt;
    out.result_format = *format;
    std::vector<bool> are_null;
    for (Bytes rest = request.values; !rest.empty();) {
        if (rest.size() < 4) return std::nullopt;
        const auto length = load_be32(rest.data());
        rest.remove_prefix(4);
        are_null.push_back(length == UINT32_MAX);
        if (are_null.back()) {
            out.held.emplace_back();
            continue;
        }
        if (length > rest.size()) return std::nullopt;
        out.held.emplace_back(rest.substr(0, length));
        rest.remove_prefix(length);
    }
    const auto count = out.held.size(), codes = request.formats.size() / 2;
    for (std::size_t i = 0; i < count; ++i) {
        out.values.push_back(are_null[i] ? nullptr : out.held[i].c_str());
        out.lengths.push_back(static_cast<int>(out.held[i].size()));
        out.formats.push_back(codes == 0 ? 0 : load_be16(request.formats.data() + 2 * (codes == 1 ? 0 : std::min(i, codes - 1))));
        out.types.push_back(request.parameter_types.size() >= 4 * (i + 1) ? load_be32(request.parameter_types.data() + 4 * i) : 0);
    }
    return out;
}

bool is_same(const rules::SessionEnv& a, const rules::SessionEnv& b) {
    return a.current_user == b.current_user && a.search_path == b.search_path && a.schemas == b.schemas && a.settings == b.settings;
}

}  // namespace

Rereader::Rereader(const config::Upstream& upstream, session::UpstreamState& state, const Wakeup& stop, const char* name,
                   milliseconds patience)
    : upstream_(upstream), state_(state), stop_(stop), name_(name), patience_(patience) {
    upstream_.connect_timeout = std::min(upstream_.connect_timeout, patience);
}

Rereader::~Rereader() = default;

Rereader::Link* Rereader::link(const std::string& database, std::string& why) {
    const auto found = links_.find(database);
    if (found != links_.end()) {
        if (!found->second.place.must_close() && found->second.connection->is_alive()) return found->second.used = now(), &found->second;
        lost(database);
    }
    auto* known = state_.find_database(database);
    if (known == nullptr || known->gate().is_paused())
        return why = known == nullptr ? "no client has asked for this database yet" : "its database is paused", nullptr;
    if (links_.size() >= kDatabasesMax)
        links_.erase(
            std::min_element(links_.begin(), links_.end(), [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
    Link fresh;
    fresh.place = session::ServerPlace(known->gate());
    fresh.connection = PgConnection::open(upstream_, database, name_, stop_, why);
    fresh.used = now();
    if (fresh.connection == nullptr) return nullptr;
    return &links_.emplace(database, std::move(fresh)).first->second;
}

bool Rereader::run_all(Link& link, const std::vector<std::string>& texts, std::string& why) {
    for (const auto& text : texts) {
        const auto rows = link.connection->query(text, patience_);
        if (!rows.ok) return why = rows.error, false;
    }
    return true;
}

std::shared_ptr<rules::SessionEnv> Rereader::read_environment(Link& link, const std::string& database, std::string& why) {
    static const std::string kText = rules::environment_query();
    const auto rows = link.connection->query(kText, patience_);
    if (!rows.ok || rows.rows.size() != 1) return why = rows.ok ? "the settings could not be read back" : rows.error, nullptr;
    std::vector<std::string> columns;
    for (const auto& cell : rows.rows[0]) columns.push_back(cell.value_or(std::string()));
    auto env = rules::parse_environment(database, columns);
    if (env == nullptr) why = "the settings could not be read back";
    return env;
}

// Takes the settings first, since some may be set by a superuser alone, and then the role.
bool Rereader::become(Link& link, const rules::SessionEnv& env, std::string& why) {
    const auto own = read_environment(link, env.database, why);
    if (own == nullptr) return false;
    for (const auto& [name, value] : env.settings) {
        if (own->setting(name) == value) continue;
        const auto rows = link.connection->query("SELECT pg_catalog.set_config($1, $2, true)", {name, value}, patience_);
        if (!rows.ok) return why = "the setting " + name + " cannot be made the same: " + rows.error, false;
    }
    if (own->current_user != env.current_user && !run_all(link, {"SET LOCAL ROLE " + quoted(env.current_user)}, why)) return false;
    const auto now = read_environment(link, env.database, why);
    if (now == nullptr) return false;
    if (!is_same(*now, env)) why = "its settings or search_path do not come out the same";
    return is_same(*now, env);
}

Reread Rereader::run(const rules::SessionEnv& env, const session::KeyParts& request, std::size_t bytes_max) {
    Reread out;
    auto* const used = link(env.database, out.why);
    if (used == nullptr) return out;
    out.outcome = Reread::Outcome::unlike;
    if (!run_all(*used, begin_texts(), out.why)) {
        out.outcome = Reread::Outcome::unreachable;
        lost(env.database);
        return out;
    }
    if (become(*used, env, out.why)) out = put(*used, request, bytes_max);
    const bool is_over =
        !used->is_spent && out.outcome != Reread::Outcome::unreachable && used->connection->query("ROLLBACK", patience_).ok;
    if (!is_over) lost(env.database);
    return out;
}

Reread Rereader::put(Link& link, const session::KeyParts& request, std::size_t bytes_max) {
    Reread out;
    const auto parameters = parameters_of(request);
    if (!parameters) {
        out.outcome = Reread::Outcome::unlike;
        out.why = "its columns were asked for in several formats";
        return out;
    }
    auto* const raw = link.connection->raw();
    const std::string text(request.text);
    const auto& p = *parameters;
    if (PQsendQueryParams(raw, text.c_str(), static_cast<int>(p.values.size()), p.types.data(), p.values.data(), p.lengths.data(),
                          p.formats.data(), p.result_format) == 0 ||
        PQsetSingleRowMode(raw) == 0) {
        out.why = printable(PQerrorMessage(raw));
        return out;
    }
    out.outcome = Reread::Outcome::answered;
    if (!read_rows(link, out, bytes_max)) out.outcome = Reread::Outcome::unreachable;
    return out;
}

// Row by row, so that an answer that is larger than any that could have been kept is not read to its end. False: the connection is of no use any more.
bool Rereader::read_rows(Link& link, Reread& out, std::size_t bytes_max) {
    auto* const raw = link.connection->raw();
    const auto deadline = now() + kAnswerTimeout;
    std::size_t bytes = 0;
    for (;;) {
        while (PQisBusy(raw) != 0) {
            const auto left = std::chrono::duration_cast<milliseconds>(deadline - now());
            if (left.count() <= 0 || !link.connection->wait(stop_, left) || PQconsumeInput(raw) == 0)
                return out.why = "no answer in time", false;
        }
        const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQgetResult(raw), PQclear);
        if (!result) return true;
        const auto status = PQresultStatus(result.get());
        if (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK) {
            out.outcome = Reread::Outcome::refused;
            out.why = printable(PQresultErrorMessage(result.get()));
            continue;
        }
        add_rows(*result, out.answer);
        if (status == PGRES_SINGLE_TUPLE) bytes += out.answer.rows.back().size();
        if (bytes <= bytes_max) continue;
        out.answer.is_cut = true;
        link.is_spent = true;  // what is still on its way would have to be read; a new connection costs less
        return true;
    }
}

std::shared_ptr<rules::SessionEnv> Rereader::environment(const std::string& database, const std::string& role,
                                                         const std::vector<std::pair<std::string, std::string>>& settings,
                                                         std::string& why) {
    auto* const used = link(database, why);
    if (used == nullptr) return nullptr;
    auto texts = begin_texts();
    if (!role.empty()) texts.push_back("SET LOCAL ROLE " + quoted(role));
    bool is_done = run_all(*used, texts, why);
    for (std::size_t i = 0; is_done && i < settings.size(); ++i) {
        const auto rows =
            used->connection->query("SELECT pg_catalog.set_config($1, $2, true)", {settings[i].first, settings[i].second}, patience_);
        if (!rows.ok) why = rows.error, is_done = false;
    }
    auto env = is_done ? read_environment(*used, database, why) : nullptr;
    // Where it failed, the connection may hang: it is not asked once more.
    if (env == nullptr || !used->connection->query("ROLLBACK", patience_).ok) lost(database);
    // As if it had logged in by this name.
    if (env != nullptr) env->session_user = env->current_user;
    return env;
}

bool Rereader::is_known_server(const std::string& database) {
    const auto rows = ask(
        database,
        "SELECT pg_catalog.pg_is_in_recovery(), EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype OPERATOR(pg_catalog.=) 'advisory' "
        "AND classid OPERATOR(pg_catalog.=) $1::pg_catalog.oid AND objid OPERATOR(pg_catalog.=) $2::pg_catalog.oid AND granted)",
        {std::to_string(session::kInstanceLockClass), std::to_string(static_cast<std::uint32_t>(state_.instance_number()))});
    return rows.ok && rows.rows.size() == 1 && !rows.is_true(0, 0) && rows.is_true(0, 1);
}

PgRows Rereader::ask(const std::string& database, const std::string& sql, const std::vector<std::string>& values) {
    PgRows out;
    auto* const used = link(database, out.error);
    if (used == nullptr) return out;
    out = used->connection->query(sql, values, patience_);
    if (!out.ok && out.sqlstate.empty()) lost(database);
    return out;
}

void Rereader::close_idle(Instant now) {
    std::erase_if(links_, [&](const auto& one) { return one.second.place.must_close() || now - one.second.used >= kIdle; });
}

}  // namespace larder::proxy
