// From the client's first byte to the first ReadyForQuery: TLS, cancel requests, the relayed login, and the set-up of
// the server connection.
//
// The login is relayed: the server asks and the client answers, so that the server's own pg_hba.conf decides. Larder
// looks at the messages only to give the client a cancel key of its own, to agree on a protocol version that all three
// speak, and to take the channel-binding mechanism out of the offer where the client's TLS ends at Larder.
#include <charconv>

#include "base/check.h"
#include "proxy/session/session_impl.h"
#include "protocol/error.h"
#include "protocol/negotiation.h"

namespace larder::session {

namespace {

constexpr std::string_view kConsoleDatabase = "larder";

bool is_replication_value(std::string_view value) {
    return !(value.empty() || value == "false" || value == "off" || value == "no" || value == "0" || value == "f" || value == "n");
}

std::vector<std::optional<std::string>> texts_of(Bytes body) {
    std::vector<std::optional<std::string>> columns;
    const auto row = protocol::DataRow::decode(body);
    if (!row) return columns;
    for (const auto& value : row->values) columns.push_back(value ? std::optional<std::string>(*value) : std::nullopt);
    return columns;
}

}  // namespace

std::size_t Session::Impl::on_startup(Bytes in, Outputs& out) {
    std::size_t consumed = 0;
    while (phase == Phase::startup) {
        const auto rest = in.substr(consumed);
        if (protocol::is_direct_tls(rest)) {
            // A handshake without SSLRequest needs ALPN, which this listener does not offer.
            close_all();
            return in.size();
        }
        const auto found = protocol::next_startup_frame(rest);
        if (found.kind == protocol::FrameResult::Kind::need_more) return consumed;
        if (found.kind == protocol::FrameResult::Kind::error) {
            context.metrics.protocol_errors.add();
            close_all();  // as PostgreSQL does: whoever sends this does not speak the protocol
            return in.size();
        }
        consumed += found.frame.whole.size();
        const auto body = found.frame.body;
        switch (protocol::startup_kind(body)) {
            case protocol::StartupKind::ssl_request:
                if (tls_was_asked || is_client_tls) {
                    fail_client(out, protocol::sqlstate::kFeatureNotSupported, "unsupported frontend protocol 1234.5679: server supports 3.0 to 3.0");
                    return in.size();
                }
                tls_was_asked = true;
                if (!client.tls_available) {
                    out.client.append("N");
                    break;
                }
                // Bytes that came along with the request were not encrypted: somebody else may have put them there.
                if (consumed != in.size()) {
                    context.metrics.protocol_errors.add();
                    close_all();
                    return in.size();
                }
                out.client.append("S");
                phase = Phase::tls_handshake;
                needs.start_client_tls = true;
                break;
            case protocol::StartupKind::gssenc_request:
                if (gss_was_asked || is_client_tls || (consumed != in.size())) {
                    context.metrics.protocol_errors.add();
                    close_all();
                    return in.size();
                }
                gss_was_asked = true;
                out.client.append("N");
                break;
            case protocol::StartupKind::cancel_request:
                if (const auto request = protocol::CancelRequest::decode(body)) {
                    if (const auto wanted = protocol::CancelKey::make(request->pid, request->secret)) {
                        cancel_request = *wanted;
                        needs.route_cancel = true;
                    }
                }
                close_all();
                return in.size();
            case protocol::StartupKind::startup: {
                const auto message = protocol::StartupMessage::decode(body);
                if (message) {
                    on_startup_message(*message, out);
                } else {
                    context.metrics.protocol_errors.add();
                    fail_client(out, protocol::sqlstate::kProtocolViolation, protocol::decode_error_message(message.error()));
                }
                return phase == Phase::closed ? in.size() : consumed;
            }
        }
    }
    return consumed;
}

void Session::Impl::on_startup_message(const protocol::StartupMessage& message, Outputs& out) {
    const auto answer = protocol::negotiate(message);
    if (answer.kind == protocol::Negotiation::Kind::refuse) {
        out.client.append(answer.reply);
        return close_all();
    }
    if (client.tls_required && !is_client_tls) {
        return fail_client(out, protocol::sqlstate::kInvalidAuthorizationSpecification, "this listener requires TLS",
                           "Connect with sslmode=require, or set listen.tls to prefer.");
    }
    login.minor = message.minor;
    login.user = message.user();
    login.database = message.database();
    if (login.user.empty()) return fail_client(out, protocol::sqlstate::kInvalidAuthorizationSpecification, "no PostgreSQL user name specified in startup packet");
    for (const auto& [name, value] : message.parameters) {
        if (name.starts_with(protocol::kProtocolOptionPrefix)) {
            login.unknown_options.emplace_back(name);
            continue;
        }
        login.all.emplace_back(name, value);
        if (name == "application_name") login.application_name = value;
        if (name == "replication") {
            login.is_replication = is_replication_value(value);
            login.is_physical = login.is_replication && value != "database";
        }
    }
    is_console = login.database == kConsoleDatabase && context.console != nullptr;
    if (!is_console) {
        database = context.upstream.find_database(login.database);
        if (database == nullptr) database = &context.upstream.strangers();
        if (database->gate().is_disabled()) {
            return fail_client(out, protocol::sqlstate::kProtocolViolation, "database does not allow connections: " + login.database,
                               "It was disabled in Larder's console; ENABLE lets clients in again.");
        }
        if (!is_stranger()) on_database_known();
    }
    // Whose login was relayed needs the connection that it was made on.
    const bool may_share = context.pool_mode != PoolMode::session || context.judges_logins();
    if (may_share && context.has_upstream_login && !is_console && !login.is_replication) {
        pool = std::make_unique<PoolState>();
        pool->mode = context.pool_mode;
    }
    if (is_console_owner()) {
        console_role = std::make_shared<ConsoleRole>(0, ConsoleRight::may_change);
        return enter_console_here(out);
    }
    if (context.judges_logins()) return begin_own_login(out);
    phase = Phase::connecting;
    needs.connect_server = true;
}

bool Session::Impl::is_stranger() const { return database == &context.upstream.strangers(); }

void Session::Impl::on_database_known() {
    if (context.counts != nullptr) counts = &context.counts->of(*database);
    if (context.has_upstream_login && database->facts() == nullptr) database->want_facts();  // loaded while the login is under way
}

// The server has let the client in, so that the database is one of its own. A physical replication connection names none.
void Session::Impl::end_strangeness() {
    if (database == nullptr || !is_stranger() || login.is_physical) return;
    database = &context.upstream.database(login.database);
    on_database_known();
}

void Session::Impl::send_startup(Outputs& out) {
    if (own_login != nullptr) own_login->server = std::make_unique<protocol::ServerLogin>(own_login->credentials, login.user);
    protocol::StartupParametersBuilder parameters;
    if (is_console) {
        parameters.add("user", login.user).add("database", context.console_database).add("application_name", "larder console");
    } else {
        for (const auto& [name, value] : login.all) parameters.add(name, value);
    }
    auto minor = is_console ? std::uint16_t{0} : std::min(login.minor, protocol::kNewestMinor);
    if (minor == 1) minor = 0;  // was never given out
    parameters.append_message_to(out.server.text(), minor);
}

// Tells a client that asked for more than all three speak what it gets. `server_minor`: what the server agreed to.
void Session::Impl::negotiate(std::uint16_t server_minor, Outputs& out) {
    const auto spoken = std::min({login.minor, protocol::kNewestMinor, server_minor});
    if (spoken == login.minor && login.unknown_options.empty()) return;
    protocol::NegotiateProtocolVersion reply;
    reply.minor = spoken;
    std::string options;
    for (const auto& option : login.unknown_options) (options += option) += '\0';
    reply.option_count = static_cast<std::uint32_t>(login.unknown_options.size());
    reply.options = options;
    reply.append_to(out.client.text());
    login.minor = spoken;
    login.unknown_options.clear();
}

std::size_t Session::Impl::on_login_reply(Bytes in, Outputs& out) {
    std::size_t consumed = 0;
    while (phase == Phase::login && has_server) {
        const auto rest = in.substr(consumed);
        const auto header = protocol::peek_header(rest);
        if (!header) break;
        const auto limit = protocol::backend_body_bytes_max(header->type);
        if (!limit || header->check(std::min<std::uint32_t>(*limit, kWholeFrameBytesMax))) {
            broken_protocol("a message that does not belong into a login", out);
            return in.size();
        }
        if (rest.size() < header->total_bytes) break;
        const auto total = static_cast<std::size_t>(header->total_bytes);
        const protocol::Frame frame{header->type, rest.substr(protocol::kHeaderBytes, total - protocol::kHeaderBytes), rest.substr(0, total)};
        consumed += total;
        if (!on_login_message(frame, out)) return in.size();
    }
    return consumed;
}

// False: the session ended.
bool Session::Impl::on_login_message(const protocol::Frame& frame, Outputs& out) {
    switch (frame.type) {
        case protocol::NegotiateProtocolVersion::kType: {
            const auto reply = protocol::NegotiateProtocolVersion::decode(frame.body);
            if (!reply) return broken_protocol("an unreadable NegotiateProtocolVersion", out);
            negotiate(reply->minor, out);
            return true;
        }
        case protocol::Authentication::kType:
            // The server that took our version without a word has said all it will before it asks for a password.
            negotiate(protocol::kNewestMinor, out);
            if (own_login != nullptr) answer_first_authentication(frame, out);
            else relay_authentication(frame, out);
            return phase != Phase::closed;
        case protocol::BackendKeyData::kType: {
            const auto data = protocol::BackendKeyData::decode(frame.body);
            if (!data) return broken_protocol("an unreadable BackendKeyData", out);
            if (const auto made = protocol::CancelKey::make(data->pid, data->secret)) server_key = *made;
            backend_pid = data->pid;
            if (!is_console) send_client_key(out);
            return true;
        }
        case protocol::ReadyForQuery::kType:
            context.metrics.logins.add();
            begin_set_up(out);
            return true;
        case protocol::ErrorResponse::kType:
            context.metrics.login_failures.add();
            error_was_forwarded = true;
            if (pool != nullptr && pool->beginning != nullptr && context.known_logins != nullptr) context.known_logins->forget(pool->beginning->request);
            out.client.append_borrowed(frame.whole);
            return true;
        case protocol::ParameterStatus::kType:
            on_parameter_status(frame.body);
            if (pool != nullptr && pool->beginning != nullptr) pool->beginning->parameter_messages += frame.whole;
            if (!is_console) out.client.append_borrowed(frame.whole);
            return true;
        case protocol::ErrorResponse::kNoticeType:
            if (pool != nullptr && pool->beginning != nullptr) pool->beginning->may_be_given_again = false;
            out.client.append_borrowed(frame.whole);
            return true;
        default:
            return broken_protocol("a message that does not belong into a login", out);
    }
}

void Session::Impl::relay_authentication(const protocol::Frame& frame, Outputs& out) {
    const auto request = protocol::Authentication::decode(frame.body);
    if (!request) {
        broken_protocol("an unreadable authentication request", out);
        return;
    }
    constexpr Bytes kPlus = "SCRAM-SHA-256-PLUS";
    if (request->kind == protocol::Authentication::Kind::sasl && request->offers(kPlus)) {
        // Channel binding ties the login to one TLS connection, and here there are two.
        std::vector<Bytes> mechanisms;
        for (Bytes rest = request->data; !rest.empty();) {
            const auto end = rest.find('\0');
            const auto mechanism = rest.substr(0, end);
            if (!mechanism.empty() && mechanism != kPlus) mechanisms.push_back(mechanism);
            if (end == Bytes::npos) break;
            rest.remove_prefix(end + 1);
        }
        protocol::append_authentication_sasl(out.client.text(), mechanisms);
        return;
    }
    if (request->kind == protocol::Authentication::Kind::gss || request->kind == protocol::Authentication::Kind::sspi) {
        return fail_client(out, protocol::sqlstate::kFeatureNotSupported, "GSSAPI logins cannot be relayed",
                           "Use scram-sha-256, a certificate or trust in the server's pg_hba.conf for Larder's address.");
    }
    out.client.append_borrowed(frame.whole);
}

void Session::Impl::send_client_key(Outputs& out) {
    protocol::BackendKeyData data;
    data.pid = client.key.pid;
    data.secret = login.minor >= 2 ? Bytes(client.key_secret_long) : client.key.secret();
    data.append_to(out.client.text());
}

// --- the set-up of a server connection: is it the server that the counters speak of, and in what environment are we?

void Session::Impl::begin_set_up(Outputs& out) {
    phase = Phase::set_up;
    status = 'I';
    end_strangeness();
    if (is_console) {
        return ask_server("SELECT rolsuper, pg_catalog.pg_has_role(current_user, 'pg_monitor', 'MEMBER'), oid FROM pg_catalog.pg_roles "
                          "WHERE rolname OPERATOR(pg_catalog.=) current_user", Question::lock, out);
    }
    if (context.has_upstream_login && !login.is_replication) {
        if (pool != nullptr) ask_server(login_settings_query(), Question::login_settings, out);
        return send_set_up(out);
    }
    phase = Phase::ready;
    out.client.append(protocol::ready_for_query('I'));
}

void Session::Impl::send_set_up(Outputs& out) {
    send_lock_query(out);
    send_environment_query(out);
}

void Session::Impl::send_lock_query(Outputs& out) {
    asked_number = context.upstream.instance_number();
    lock_may_be_gone = false;
    const auto process = std::to_string(context.upstream.process_number());
    const auto instance_class = std::to_string(kInstanceLockClass), backend_class = std::to_string(kBackendLockClass);
    std::string text =
        "SELECT pg_catalog.pg_is_in_recovery(), EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype OPERATOR(pg_catalog.=) 'advisory' "
        "AND classid OPERATOR(pg_catalog.=) '" + instance_class + "' AND objid OPERATOR(pg_catalog.=) '" + std::to_string(asked_number) +
        "' AND granted), CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype OPERATOR(pg_catalog.=) 'advisory' AND pid "
        "OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND classid OPERATOR(pg_catalog.=) '" + backend_class + "' AND objid "
        "OPERATOR(pg_catalog.=) '" + process + "') THEN true ELSE pg_catalog.pg_try_advisory_lock_shared(" + backend_class + ", " + process +
        ") END, pg_catalog.pg_backend_pid()";
    ask_server(text, Question::lock, out);
}

void Session::Impl::send_environment_query(Outputs& out) {
    static const std::string kText = rules::environment_query();
    context.metrics.environment_reads.add();
    env_being_read.reset();
    // Before the question: a change of the server's settings that comes later makes the answer old.
    env_server_word = context.upstream.counters.server.load();
    ask_server(kText, Question::environment, out);
}

// A question of Larder's own, as a batch under a name of its own: a simple Query would drop the client's unnamed statement
// and portal. Both names are gone again at its end. Nothing of the answer goes to the client.
void Session::Impl::ask_server(Bytes text, Question question, Outputs& out, std::span<const protocol::ValueList::Value> values) {
    constexpr Bytes kName = "larder's own";
    auto& to = out.server.text();
    protocol::append_parse(to, kName, text);
    protocol::append_bind(to, kName, kName, {}, values, {});
    protocol::Execute{kName, 0}.append_to(to);
    protocol::Close{protocol::Target::portal, kName}.append_to(to);
    protocol::Close{protocol::Target::statement, kName}.append_to(to);
    to.append(protocol::kSync);
    owed.push({.kind = Owed::Kind::query, .swallow = true, .question = question});
}

// A DataRow of a question of Larder's own.
void Session::Impl::on_own_row(const protocol::Frame& frame, Owed& question) {
    const auto columns = texts_of(frame.body);
    if (is_console) return on_console_login_row(columns);
    if (question.question == Question::lock) return verified(columns);
    if (question.question == Question::transaction) return transaction_told(columns.empty() ? Bytes{} : Bytes(columns[0].value_or("")), question);
    if (question.question != Question::environment && question.question != Question::login_environment) {
        if (pool != nullptr) on_pool_row(question.question, columns);
        return;
    }
    std::vector<std::string> texts;
    for (const auto& column : columns) texts.push_back(column.value_or(std::string()));
    env_being_read = rules::parse_environment(login.database, texts);
}

void Session::Impl::verified(const std::vector<std::optional<std::string>>& columns) {
    if (columns.size() != 4) return;
    server_is_replica = columns[0] == "t";
    const bool has_instance_lock = columns[1] == "t";
    const bool has_backend_lock = columns[2] == "t";
    if (columns[3]) std::from_chars(columns[3]->data(), columns[3]->data() + columns[3]->size(), backend_pid);
    verified_number = 0;
    if (server_is_replica || !has_backend_lock || asked_number == 0) return;
    if (has_instance_lock) {
        verified_number = asked_number;
    } else if (asked_number == context.upstream.instance_number() && context.upstream.not_serving() != rules::Reason::no_upstream) {
        // (While the control connection is lost nobody knows better, as after a restart of the server: it is asked again once there is one.)
        if (pool != nullptr) pool->is_foreign_server = true;
        // Another server, or another life of it, than the one that the counters speak of.
        context.upstream.counters.server.move();
        context.upstream.report_foreign_server();
    }
}

}  // namespace larder::session
