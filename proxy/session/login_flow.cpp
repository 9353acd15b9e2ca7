// Logins that Larder judges by its user file (context.users) or by what the server says of a user (context.directory): the client's first, and only when it has proved its password a server
// connection, at which Larder logs in with what the proof gave. A wrong password so never costs the server anything.
//
// The client hears AuthenticationOk when the server has said so: a role that may not log in there gets PostgreSQL's own error.
// What the server has said is kept for a moment, and given again to the next client that comes with the same
// request (known_login.h): it holds no server connection then, like a client between two transactions.
#include "proxy/session/session_impl.h"
#include "protocol/error.h"

namespace larder::session {

void Session::Impl::begin_own_login(Outputs& out) {
    phase = Phase::own_login;
    if (context.login_rules != nullptr && !follows_login_rules(out)) return;
    auto secret = context.users == nullptr ? nullptr : context.users->find(login.user);
    if (secret != nullptr || context.directory == nullptr) return ask_for_password(std::move(secret), out);
    // A longer name can be nobody's, and is not kept.
    if (login.user.size() > protocol::kUserNameBytesMax) return ask_for_password(nullptr, out);
    if (const auto known = context.directory->find(login.user)) return ask_for_password(*known, out);
    needs.look_up_user = true;
}

bool Session::Impl::follows_login_rules(Outputs& out) {
    protocol::HbaClient who;
    who.database = login.database, who.user = login.user;
    who.is_tls = is_client_tls, who.is_replication = login.is_physical;
    // "127.0.0.1:5123", "[::1]:5123", "unix".
    Bytes address = Bytes(client.address).substr(0, client.address.rfind(':'));
    if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
    who.address = protocol::IpAddress::parse(address);
    const auto decision = context.login_rules->decide(who, address, certificate_name);
    demand = decision.demand;
    if (decision.refusal.empty()) return true;
    context.metrics.login_failures.add();
    fail_client(out, protocol::sqlstate::kInvalidAuthorizationSpecification, decision.refusal);
    return false;
}

void Session::Impl::user_looked_up(const LookedUpUser& user, Outputs& out) {
    if (phase != Phase::own_login || own_login != nullptr) return;
    if (!user.has_failed) return ask_for_password(user.secret, out);
    context.metrics.login_failures.add();
    fail_client(out, protocol::sqlstate::kCannotConnectNow, "users cannot be looked up now", "Larder could not ask the server for them; its log says why.");
}

// A user who does not exist is asked, too.
void Session::Impl::ask_for_password(UserSecretRef secret, Outputs& out) {
    own_login = std::make_unique<OwnLogin>(std::move(secret), context.salt_secret, login.user, demand);
    own_login_stepped(own_login->client->start(out.client.text()), out);
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
        own_login_stepped(own_login->client->on_message(header->type, body, out.client.text()), out);
    }
    return phase == Phase::closed ? in.size() : consumed;
}

void Session::Impl::own_login_stepped(protocol::ClientLogin::Step step, Outputs& out) {
    switch (step) {
        case protocol::ClientLogin::Step::more: return;
        case protocol::ClientLogin::Step::refused:
            context.metrics.login_failures.add();
            if (context.directory != nullptr) context.directory->doubt(login.user);
            close_all();
            return;
        case protocol::ClientLogin::Step::accepted:
            own_login->credentials = own_login->client->take_credentials();
            own_login->client.reset();
            if (is_console && is_in_console_lists()) return enter_console_here(out);
            if (give_known_login(out)) return;
            phase = Phase::connecting;
            needs.connect_server = true;
            return;
    }
}

// Answers a server's question in the client's name.
protocol::ServerLogin::Step Session::Impl::answer_authentication(const protocol::Frame& frame, Outputs& out) {
    const auto request = protocol::Authentication::decode(frame.body);
    if (!request || own_login->server == nullptr) return protocol::ServerLogin::Step::not_trusted;  // null: it has said yes already
    const auto step = own_login->server->on_request(*request, out.server.text());
    if (step == protocol::ServerLogin::Step::accepted) own_login->server.reset();
    return step;
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

// --- logins that are known

std::string Session::Impl::login_request() const {
    std::string request = login.database + '\0' + login.user + '\0';
    for (const auto& [name, value] : login.all) ((request += name) += '\0') += value + '\0';
    for (const auto& option : login.unknown_options) (request += option) += '\0';
    return request += std::to_string(login.minor);
}

LoginWords Session::Impl::login_words() const {
    if (is_stranger()) return {};  // not verified: nobody has got into it, and who does so now is asked for again the next time
    return {database->server().server.load(), database->counters().catalogue.load(), context.upstream.instance_number()};
}

// Before the server hears of it: what changes from here on makes the login old.
void Session::Impl::note_login_begins() {
    pool->beginning = std::make_unique<PoolState::Beginning>();
    pool->beginning->request = login_request();
    pool->beginning->words = login_words();
    pool->beginning->begun = context.now;
}

// False: the server has to be asked.
bool Session::Impl::give_known_login(Outputs& out) {
    if (pool == nullptr || context.known_logins == nullptr || context.shared_servers == nullptr) return false;
    const auto* known = context.known_logins->find(login_request(), login_words(), context.now);
    if (known == nullptr || !context.shared_servers->has_any(known->facts->pool_key)) return false;
    pool->login = known->facts;
    pool->told.rest_on(known->facts);
    env = known->env;
    env_server_word = known->words.server;
    verified_number = asked_number = known->words.instance_number;
    const auto& parameters = known->facts->parameters;
    if (const auto name = parameters.find("application_name"); name != parameters.end()) login.application_name = name->second;
    negotiate(known->facts->minor, out);
    out.client.append(protocol::kAuthenticationOk);
    out.client.text().append(known->facts->parameter_messages);
    send_client_key(out);
    out.client.append(protocol::ready_for_query('I'));
    phase = Phase::ready;
    context.metrics.logins.add();
    context.metrics.known_logins.add();
    return true;
}

// The login at the server is over.
void Session::Impl::keep_login(LoginFacts facts, PoolState::Beginning beginning) {
    KnownLogin known;
    known.env = env;
    known.words = beginning.words;
    known.begun = beginning.begun;
    known.may_be_given_again = own_login != nullptr && beginning.may_be_given_again && verified_number != 0 && verified_number == beginning.words.instance_number;
    facts.request = std::move(beginning.request);
    facts.parameter_messages = std::move(beginning.parameter_messages);
    facts.minor = login.minor;
    known.facts = std::make_shared<const LoginFacts>(std::move(facts));
    pool->login = context.known_logins == nullptr ? known.facts : context.known_logins->keep(std::move(known));
    pool->told.rest_on(pool->login);
}

// A role that may not log in (any more), a database that is gone or forbidden: no other connection would do. A server that is full
// or about to start is another matter.
bool Session::Impl::is_login_refused_for_good(const protocol::Frame& frame) const {
    if (own_login == nullptr || frame.type != protocol::ErrorResponse::kType) return false;
    const auto error = protocol::ErrorResponse::decode(frame.body);
    if (!error) return false;
    const auto sqlstate = error->sqlstate();
    return sqlstate.starts_with("28") || sqlstate.starts_with("3D") || sqlstate.starts_with("42");
}

}  // namespace larder::session
