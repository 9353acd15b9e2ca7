// Logins that Larder judges by its user file (context.users): the client's first, and only when it has proved its password a server
// connection, at which Larder logs in with what the proof gave. A wrong password so never costs the server anything.
//
// The client hears AuthenticationOk when the server has said so: a role that may not log in there gets PostgreSQL's own error.
#include "proxy/session/session_impl.h"
#include "protocol/error.h"

namespace larder::session {

void Session::Impl::begin_own_login(Outputs& out) {
    own_login = std::make_unique<OwnLogin>(context.users, login.user);
    phase = Phase::own_login;
    own_login_stepped(own_login->client->start(out.client.text()));
}

std::size_t Session::Impl::on_own_login_bytes(Bytes in, Outputs& out) {
    std::size_t consumed = 0;
    while (phase == Phase::own_login) {
        const auto rest = in.substr(consumed);
        const auto header = protocol::peek_header(rest);
        if (!header) return consumed;
        // A type that is no answer is refused by name, whatever its length says; nothing of it is waited for.
        const auto limit = protocol::authentication_body_bytes_max(header->type);
        if (limit) {
            if (const auto error = header->check(std::min<std::uint32_t>(*limit, kWholeFrameBytesMax))) {
                context.metrics.protocol_errors.add();
                protocol::append_error(out.client.text(), *error);
                close_all();
                return in.size();
            }
            if (rest.size() < header->total_bytes) return consumed;
        }
        const auto total = limit ? static_cast<std::size_t>(header->total_bytes) : rest.size();
        const auto body = limit ? rest.substr(protocol::kHeaderBytes, total - protocol::kHeaderBytes) : Bytes{};
        consumed += total;
        own_login_stepped(own_login->client->on_message(header->type, body, out.client.text()));
    }
    return phase == Phase::closed ? in.size() : consumed;
}

void Session::Impl::own_login_stepped(protocol::ClientLogin::Step step) {
    switch (step) {
        case protocol::ClientLogin::Step::more: return;
        case protocol::ClientLogin::Step::refused:
            context.metrics.login_failures.add();
            close_all();
            return;
        case protocol::ClientLogin::Step::accepted:
            own_login->credentials = own_login->client->take_credentials();
            own_login->client.reset();
            phase = Phase::connecting;
            needs.connect_server = true;
            return;
    }
}

// Answers a server's question in the client's name.
protocol::ServerLogin::Step Session::Impl::answer_authentication(const protocol::Frame& frame, Outputs& out) {
    const auto request = protocol::Authentication::decode(frame.body);
    if (!request) return protocol::ServerLogin::Step::not_trusted;
    return own_login->server->on_request(*request, out.server.text());
}

// At the session's first server connection, which its login waits for.
void Session::Impl::answer_first_authentication(const protocol::Frame& frame, Outputs& out) {
    switch (answer_authentication(frame, out)) {
        case protocol::ServerLogin::Step::more: return;
        case protocol::ServerLogin::Step::accepted: out.client.append(protocol::kAuthenticationOk); return;
        case protocol::ServerLogin::Step::no_credential:
            context.metrics.login_failures.add();
            return fail_client(out, protocol::sqlstate::kInvalidAuthorizationSpecification, "the server asks for a secret that the user file does not give",
                               "Copy the verifier from the server's pg_authid; a verifier or md5 digest cannot answer a server that keeps another kind.");
        case protocol::ServerLogin::Step::not_trusted:
            context.metrics.login_failures.add();
            return fail_client(out, protocol::sqlstate::kProtocolViolation, "the server did not prove that it knows the password");
    }
}

}  // namespace larder::session
