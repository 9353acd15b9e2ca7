// The virtual database `larder`: who may enter, and one statement in, one table out, in both forms of the protocol.
#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/version.h"
#include "proxy/session/session_impl.h"
#include "protocol/error.h"
#include "protocol/negotiation.h"
#include "sql/analyse.h"

namespace larder::session {

namespace {

constexpr Oid kTextType = 25;
constexpr std::string_view kConsoleOwner = "larder";
constexpr std::size_t kConsoleTextBytesMax = 64 * 1024;

void append_columns(std::string& out, const ConsoleReply& reply) {
    std::vector<protocol::Field> fields;
    for (const auto& name : reply.columns) fields.push_back({.name = name, .type = kTextType, .type_bytes = -1});
    protocol::append_row_description(out, fields);
}

void append_rows(std::string& out, const ConsoleReply& reply) {
    std::vector<protocol::ValueList::Value> values;
    for (const auto& row : reply.rows) {
        values.clear();
        for (const auto& value : row) values.push_back(value ? protocol::ValueList::Value(Bytes(*value)) : std::nullopt);
        protocol::append_data_row(out, values);
    }
    protocol::CommandComplete{reply.tag}.append_to(out);
}

void append_reply_error(std::string& out, const ConsoleReply& reply) {
    protocol::append_error(out, {protocol::severity::kError, reply.sqlstate, reply.error, {}, reply.hint});
}

// Drivers send these on their own; there is nothing here for them to change.
std::string_view harmless_tag(Bytes text) {
    const auto facts = sql::analyse(text);
    if (!facts.is_single()) return {};
    switch (facts.statements.front().kind) {
        case sql::Kind::begin: return "BEGIN";
        case sql::Kind::commit: return "COMMIT";
        case sql::Kind::rollback: return "ROLLBACK";
        case sql::Kind::set: return "SET";
        case sql::Kind::discard: return "DISCARD ALL";
        case sql::Kind::deallocate: return "DEALLOCATE";
        default: return {};
    }
}

// The names of a SELECT's columns, as far as they stand at the end of what stands between its commas: AS "Name", or a column's own.
std::vector<std::string> column_names(Bytes text) {
    std::vector<std::string> names(1);
    int depth = 0;
    std::string word;  // lower case
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if (c == '"' || c == '\'') {
            const auto end = std::min(text.find(c, at + 1), text.size());
            if (c == '"' && depth == 0) names.back().assign(text.substr(at + 1, end - at - 1));
            at = end;
        } else if (c == '(' || c == ')') {
            depth += c == '(' ? 1 : -1;
        } else if (depth == 0 && (std::isalnum(static_cast<unsigned char>(c)) || c == '_')) {
            word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            continue;
        } else if (depth == 0 && c == ',') {
            if (!word.empty()) names.back() = word;
            names.emplace_back();
            word.clear();
            continue;
        }
        if (word == "from") break;
        if (!word.empty() && word != "as") names.back() = word;
        word.clear();
    }
    return names;
}

// What psql's \\d and the like, and drivers that look around, ask of the catalogue. There is none here: nothing is found, which is no error.
bool asks_catalogue(Bytes text) {
    const auto facts = sql::analyse(text);
    if (!facts.is_single() || facts.statements.front().kind != sql::Kind::select) return false;
    const auto& reads = facts.statements.front().reads;
    return !reads.empty() && std::all_of(reads.begin(), reads.end(), [](const auto& read) { return read.name.schema == "pg_catalog" || read.name.schema == "information_schema"; });
}

bool is_blank(Bytes text) {
    for (const char c : text) {
        if (!std::isspace(static_cast<unsigned char>(c)) && c != ';') return false;
    }
    return true;
}

}  // namespace

void Session::Impl::on_console_login_row(const std::vector<std::optional<std::string>>& columns) {
    if (columns.size() != 3 || !columns[2] || is_in_console_lists()) return;
    Oid oid = 0;
    std::from_chars(columns[2]->data(), columns[2]->data() + columns[2]->size(), oid);
    console_role = context.upstream.console_rights.enter(oid, columns[0] == "t" ? ConsoleRight::may_change : columns[1] == "t" ? ConsoleRight::may_look : ConsoleRight::none);
}

// What the lists of the configuration say. False: they do not name this user, and the server has to be asked.
bool Session::Impl::is_in_console_lists() {
    const auto names = [this](const std::vector<std::string>& list) { return std::find(list.begin(), list.end(), login.user) != list.end(); };
    const auto right = names(context.console_admins) ? ConsoleRight::may_change : names(context.console_readers) ? ConsoleRight::may_look : ConsoleRight::none;
    if (right != ConsoleRight::none) console_role = std::make_shared<ConsoleRole>(0, right);  // whatever the server says
    return right != ConsoleRight::none;
}

// Whoever runs as Larder does, on the same machine, could do anything to it.
bool Session::Impl::is_console_owner() const { return is_console && client.is_same_os_user && login.user == kConsoleOwner; }

// Larder knows who it is: no server has a say, so that this works while there is none.
void Session::Impl::enter_console_here(Outputs& out) {
    negotiate(protocol::kNewestMinor, out);
    out.client.append(protocol::kAuthenticationOk);
    context.metrics.logins.add();
    enter_console(out);
}

void Session::Impl::enter_console(Outputs& out) {
    if (has_server) {
        out.server.append(protocol::kTerminate);
        drop_server();
    }
    if (!may_still_use_console(out)) return;
    phase = Phase::console;
    auto& text = out.client.text();
    protocol::ParameterStatus{"server_version", context.server_version.empty() ? kVersion : Bytes(context.server_version)}.append_to(text);
    protocol::ParameterStatus{"server_encoding", "UTF8"}.append_to(text);
    protocol::ParameterStatus{"client_encoding", "UTF8"}.append_to(text);
    protocol::ParameterStatus{"DateStyle", "ISO, MDY"}.append_to(text);
    protocol::ParameterStatus{"TimeZone", "UTC"}.append_to(text);
    protocol::ParameterStatus{"integer_datetimes", "on"}.append_to(text);
    protocol::ParameterStatus{"standard_conforming_strings", "on"}.append_to(text);
    send_client_key(out);
    text.append(protocol::ready_for_query('I'));
}

bool Session::Impl::may_still_use_console(Outputs& out) {
    if (console_role != nullptr && console_role->right() != ConsoleRight::none) return true;
    fail_client(out, protocol::sqlstate::kInsufficientPrivilege, "permission denied for database \"larder\"", "The console is for superusers, members of pg_monitor, and those whom admin.admin_users and admin.stats_users name.");
    return false;
}

// Answered before the rest of it has come, which is dropped.
void Session::Impl::refuse_long_console_message(char type, Outputs& out) {
    const bool is_query = type == protocol::Query::kType;
    auto& text = out.client.text();
    if (!console_skips) {
        protocol::append_error(text, {protocol::severity::kError, protocol::sqlstate::kProgramLimitExceeded, "a message to the console has at most " + std::to_string(kConsoleTextBytesMax / 1024) + " kB"});
        if (is_query) text.append(protocol::ready_for_query('I'));
    }
    console_skips |= !is_query;
}

std::size_t Session::Impl::on_console_bytes(Bytes in, Outputs& out) {
    std::size_t consumed = 0;
    while (phase == Phase::console) {
        const auto rest = in.substr(consumed);
        if (console_bytes_to_drop > 0) {
            const auto dropped = static_cast<std::size_t>(std::min<std::uint64_t>(console_bytes_to_drop, rest.size()));
            if (dropped == 0) break;
            consumed += dropped;
            console_bytes_to_drop -= dropped;
            continue;
        }
        const auto header = protocol::peek_header(rest);
        if (!header) break;
        const auto limit = protocol::frontend_body_bytes_max(header->type);
        if (!limit || header->check(*limit)) {
            context.metrics.protocol_errors.add();
            fail_client(out, protocol::sqlstate::kProtocolViolation, "the console does not take a message like this");
            return in.size();
        }
        if (header->total_bytes > kConsoleTextBytesMax) {
            console_bytes_to_drop = header->total_bytes;
            refuse_long_console_message(header->type, out);
            continue;
        }
        if (rest.size() < header->total_bytes) break;
        const auto total = static_cast<std::size_t>(header->total_bytes);
        if (!may_still_use_console(out)) return in.size();
        if (!on_console_frame({header->type, rest.substr(protocol::kHeaderBytes, total - protocol::kHeaderBytes), rest.substr(0, total)}, out)) return in.size();
        if (console_waits) break;  // the message comes again
        consumed += total;
    }
    return phase == Phase::closed ? in.size() : consumed;
}

ConsoleReply Session::Impl::run_console(Bytes text) {
    while (!text.empty() && (text.back() == ';' || std::isspace(static_cast<unsigned char>(text.back())))) text.remove_suffix(1);
    if (const auto tag = harmless_tag(text); !tag.empty()) {
        ConsoleReply reply;
        reply.tag = tag;
        return reply;
    }
    if (asks_catalogue(text)) {
        ConsoleReply reply;
        reply.columns = column_names(text);
        reply.tag = "SELECT 0";
        return reply;
    }
    return context.console->run(text, console_role->right() == ConsoleRight::may_change);
}

// False: the reply is not due yet, and the message in hand has to wait.
bool Session::Impl::is_console_reply_due() {
    if (!console_reply.is_done || console_reply.is_done()) return true;
    console_waits = true;
    needs.reconsider = true;
    return false;
}

void Session::Impl::ask_console_again() {
    console_waits = false;
    is_console_reply_due();
}

void Session::Impl::cancel_console() {
    console_waits = false;
    if (console_reply.on_cancel) console_reply.on_cancel();
    console_reply = {};
    console_reply.sqlstate = protocol::sqlstate::kQueryCanceled;
    console_reply.error = "canceling statement due to user request";
    console_reply.is_done = [] { return true; };
}

// The answer to a Query. False: it is not there yet.
bool Session::Impl::answer_console_query(Bytes query, std::string& text) {
    if (is_blank(query)) return text.append(protocol::kEmptyQueryResponse), true;
    if (!console_reply.is_done) console_reply = run_console(query);  // else it is the one that was waited for
    if (!is_console_reply_due()) return false;
    const auto reply = std::exchange(console_reply, {});
    if (!reply.sqlstate.empty()) return append_reply_error(text, reply), true;
    if (!reply.columns.empty()) append_columns(text, reply);
    append_rows(text, reply);
    return true;
}

// False: the session ended.
bool Session::Impl::on_console_frame(const protocol::Frame& frame, Outputs& out) {
    auto& text = out.client.text();
    if (frame.type == protocol::kTerminateType) {
        close_all();
        return false;
    }
    if (frame.type == protocol::kSyncType) {
        console_skips = false;
        text.append(protocol::ready_for_query('I'));
        return true;
    }
    if (console_skips || frame.type == protocol::kFlushType) return true;
    const auto fail = [&](std::string_view sqlstate, std::string_view message) {
        protocol::append_error(text, {protocol::severity::kError, sqlstate, message});
        console_skips = true;
    };
    switch (frame.type) {
        case protocol::Query::kType: {
            const auto query = protocol::Query::decode(frame.body);
            if (!query) fail(protocol::sqlstate::kProtocolViolation, "invalid message format");
            else if (!answer_console_query(query->text, text)) return true;
            console_skips = false;
            text.append(protocol::ready_for_query('I'));
            return true;
        }
        case protocol::Parse::kType: {
            const auto parse = protocol::Parse::decode(frame.body);
            if (!parse) return fail(protocol::sqlstate::kProtocolViolation, "invalid message format"), true;
            console_text = parse->text;
            console_reply = {};
            text.append(protocol::kParseComplete);
            return true;
        }
        case protocol::Bind::kType:
        case protocol::Describe::kType: {
            // The one statement is run when it is bound or described, so that its columns are known.
            if (console_reply.tag == "SHOW" && console_reply.columns.empty() && !is_blank(console_text)) console_reply = run_console(console_text);
            if (!console_reply.sqlstate.empty()) {
                append_reply_error(text, console_reply);
                console_skips = true;
                return true;
            }
            if (frame.type == protocol::Bind::kType) {
                text.append(protocol::kBindComplete);
                return true;
            }
            if (frame.body.starts_with('S')) protocol::append_parameter_description(text, {});
            if (console_reply.columns.empty()) text.append(protocol::kNoData);
            else append_columns(text, console_reply);
            return true;
        }
        case protocol::Execute::kType:
            if (!is_console_reply_due()) return true;
            if (is_blank(console_text)) text.append(protocol::kEmptyQueryResponse);
            else if (console_reply.sqlstate.empty()) append_rows(text, console_reply);
            else append_reply_error(text, console_reply), console_skips = true;  // it was cancelled
            console_reply = {};
            return true;
        case protocol::Close::kType:
            text.append(protocol::kCloseComplete);
            return true;
        default:
            fail_client(out, protocol::sqlstate::kFeatureNotSupported, "the console does not take a message like this");
            return false;
    }
}

}  // namespace larder::session
