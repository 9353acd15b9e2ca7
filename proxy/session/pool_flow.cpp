// The pooled modes: a server connection is asked for when a message needs one, and given back when the transaction is over.
//
// The connection with which a client logs in is the first that it holds, and goes into the pool like any other. Another one
// comes from the pool's idle ones, from a client that gives its own back, or is opened for this session with the start-up
// parameters that it came with (if the server lets that in without a password). Until it is fit to be used, the message that
// needs it is not consumed (Pause::server).
//
// Lent are only connections that a direct one could not be told from: same database, role, start-up parameters and settings
// of the login (PoolState::key); carry_flow.cpp makes up the rest.
#include "base/check.h"
#include "proxy/session/session_impl.h"
#include "protocol/error.h"

namespace larder::session {

using Step = PoolState::Step;

namespace {

constexpr int kAttemptsMax = 3;  // connections that are lost before they can be used, for one message

// What a login gives, as far as it can be asked for without a table of all settings.
std::string login_environment_of(const rules::SessionEnv& env) {
    std::string text = env.current_user + '\0' + env.session_user;
    for (const auto& [name, value] : env.settings) ((text += '\0') += value);
    return text;
}

}  // namespace

bool Session::Impl::needs_server(bool is_cancellable) {
    if (pool == nullptr || (has_server && pool->step == Step::none)) return false;
    if (pool->step == Step::none) {
        pool->step = Step::queued;
        pool->attempts = 0;
        needs.acquire_server = true;
    }
    pool->is_message_cancellable = is_cancellable;
    pause = Pause::server;
    return true;
}

// The login is over: from here on its connection may go to others.
void Session::Impl::begin_pooling() {
    if (pool == nullptr) return;
    const auto beginning = std::exchange(pool->beginning, nullptr);
    if (env == nullptr || pool->has_check_failed || env->current_user != env->session_user) {
        pool->lasting.add(env == nullptr || pool->has_check_failed ? Pin::unknown_state : Pin::role);
        return note_pins();
    }
    LoginFacts facts;
    std::string& alike = facts.pool_key;
    alike = login.database + '\0' + login.user + '\0';  // ServerPool::rows() reads these two
    for (const auto& [name, value] : login.all) ((alike += name) += '\0') += value + '\0';
    alike += std::to_string(login.minor) + '\0';
    facts.settings = std::move(beginning->settings);
    facts.environment = login_environment_of(*env);
    (alike += facts.settings + '\0') += facts.environment;
    facts.parameters = pool->link->parameters;
    pool->link->is_spare = own_login != nullptr && context.shared_servers != nullptr && context.shared_servers->has_any(facts.pool_key);
    keep_login(std::move(facts), std::move(*beginning));
}

void Session::Impl::on_server_lent(std::unique_ptr<ServerLink> link, Outputs& out) {
    LARDER_ASSERT(pool != nullptr && pool->step == Step::queued && !has_server);
    if (counts != nullptr) counts->assignments.add();
    server_key = link->key;
    backend_pid = link->backend_pid;
    verified_number = link->verified_number;
    asked_number = link->asked_number;
    server_is_replica = link->is_replica;
    lock_may_be_gone = link->lock_may_be_gone;
    server_has_unnamed = link->has_unnamed;
    pool->link = std::move(link);
    pool->link->last_client = client.id;
    has_server = true;
    begin_carry(out);
}

// It is what the session would have had all along: on with the message that waits.
void Session::Impl::borrowed(Outputs& out) {
    pool->step = Step::none;
    pool->link->owes_discard = false;
    pool->link->settings = pool->settings;
    ++pool->link_number;
    if (pool->mode == PoolMode::session) {
        pool->link->is_own = true;  // there are no statements on it
        needs.pinned = true;        // until the client leaves
    }
    tell_parameters(out);
    if (pause == Pause::server) pause = Pause::none;
}

// What another connection reports otherwise, as after a reload of the server's configuration.
void Session::Impl::tell_parameters(Outputs& out) {
    for (const auto& [name, value] : pool->link->parameters) {
        if (pool->told.tell(name, value)) protocol::ParameterStatus{name, value}.append_to(out.client.text());
    }
}

// The connection was lost, or did not take the session's settings, before the message in hand was sent: another one will do.
void Session::Impl::lose_before_use(Outputs& out) {
    if (has_server) drop_server();
    if (++pool->attempts > kAttemptsMax) {
        pool->step = Step::none;
        return fail_client(out, "08006", "no server connection could be brought into this session's state", "Larder has given up after several attempts.");
    }
    pool->step = Step::queued;
    pause = Pause::server;
    needs.acquire_server = true;
}

// --- a connection that is opened for a session that is under way

void Session::Impl::begin_second_login(Outputs& out) {
    has_server = true;
    pool->link = std::make_unique<ServerLink>();
    pool->link->is_own = false;
    pool->link->last_client = client.id;
    pool->step = Step::login;
    server_key = {};
    backend_pid = 0;
    verified_number = asked_number = 0;
    server_has_unnamed = server_is_replica = lock_may_be_gone = false;
    send_startup(out);
}

std::size_t Session::Impl::on_second_login_reply(Bytes in, Outputs& out) {
    std::size_t consumed = 0;
    while (pool->step == Step::login && has_server) {
        const auto rest = in.substr(consumed);
        const auto header = protocol::peek_header(rest);
        if (!header) break;
        const auto limit = protocol::backend_body_bytes_max(header->type);
        if (!limit || header->check(std::min<std::uint32_t>(*limit, kWholeFrameBytesMax))) {
            second_login_failed(protocol::sqlstate::kProtocolViolation, "the server sent a message that does not belong into a login", out);
            return in.size();
        }
        if (rest.size() < header->total_bytes) break;
        const auto total = static_cast<std::size_t>(header->total_bytes);
        consumed += total;
        on_second_login_message({header->type, rest.substr(protocol::kHeaderBytes, total - protocol::kHeaderBytes), rest.substr(0, total)}, out);
    }
    return has_server ? consumed : in.size();
}

void Session::Impl::on_second_login_message(const protocol::Frame& frame, Outputs& out) {
    switch (frame.type) {
        case protocol::Authentication::kType: {
            if (own_login != nullptr) {
                const auto step = answer_authentication(frame, out);
                if (step == protocol::ServerLogin::Step::more || step == protocol::ServerLogin::Step::accepted) return;
                return second_login_failed(protocol::sqlstate::kInvalidAuthorizationSpecification, "the server asks for a secret that this login did not give", out);
            }
            // The login was relayed: Larder has no password of the client's to answer with.
            const auto request = protocol::Authentication::decode(frame.body);
            if (!request || request->kind != protocol::Authentication::Kind::ok) second_login_failed();
            return;
        }
        case protocol::BackendKeyData::kType:
            if (const auto data = protocol::BackendKeyData::decode(frame.body)) {
                if (const auto made = protocol::CancelKey::make(data->pid, data->secret)) server_key = *made;
                backend_pid = data->pid;
            }
            return;
        case protocol::ParameterStatus::kType:
            if (const auto parameter = protocol::ParameterStatus::decode(frame.body)) note_parameter(parameter->name, parameter->value);
            return;
        case protocol::ReadyForQuery::kType:
            pool->step = Step::checking;
            pool->second_login_settings.clear();
            pool->has_check_failed = false;
            send_lock_query(out);
            ask_server(login_settings_query(), Question::login_settings, out);
            ask_server(rules::environment_query(), Question::login_environment, out);
            return;
        case protocol::ErrorResponse::kNoticeType:
        case protocol::NegotiateProtocolVersion::kType: return;
        case protocol::ErrorResponse::kType: return second_login_refused(frame, out);
        default: return second_login_failed(protocol::sqlstate::kProtocolViolation, "the server sent a message that does not belong into a login", out);
    }
}

void Session::Impl::second_login_refused(const protocol::Frame& error, Outputs& out) {
    if (pool->mode != PoolMode::session && !is_login_refused_for_good(error)) return second_login_failed();
    context.metrics.login_failures.add();
    forget_login();
    pool->step = Step::none;
    out.client.append_borrowed(error.whole);
    close_all();
}

// In mode session there is nobody to wait for.
void Session::Impl::second_login_failed(std::string_view sqlstate, std::string_view message, Outputs& out) {
    if (pool->mode != PoolMode::session) return second_login_failed();
    pool->step = Step::none;
    fail_client(out, sqlstate, message);
}

// The next client that comes with the same request is let in by the server, or is not.
void Session::Impl::forget_login() {
    if (context.known_logins != nullptr && pool->login != nullptr) context.known_logins->forget(pool->login->request);
}

// The server does not let this session in a second time. The pool decides whether there is another way.
void Session::Impl::second_login_failed() {
    if (has_server) drop_server();
    pool->step = Step::queued;
    pause = Pause::server;
    needs.login_refused = true;
}

void Session::Impl::second_login_done(Outputs& out) {
    const bool is_alike = !pool->has_check_failed && env_being_read != nullptr && pool->second_login_settings == pool->login->settings &&
                          login_environment_of(*env_being_read) == pool->login->environment;
    env_being_read.reset();
    if (is_alike) return begin_carry(out);
    pool->step = Step::none;
    forget_login();
    fail_client(out, "57P01", "terminating connection because a login now begins with other settings than this one did",
                "A role's or database's settings were changed, and the server connections from before are gone.");
}

void Session::Impl::note_parameter(Bytes name, Bytes value) {
    if (pool != nullptr && pool->link != nullptr) pool->link->parameters[std::string(name)] = std::string(value);
}

// --- giving back

// Nothing is under way on the connection, and it is one that others could use.
bool Session::Impl::is_at_rest() const { return status == 'I' && pause == Pause::none && is_link_at_rest(); }

// The same of the connection alone: the session may wait for something, or be in a block that the server does not know of.
bool Session::Impl::is_link_at_rest() const {
    return pool != nullptr && pool->link != nullptr && pool->step == Step::none && phase == Phase::ready && has_server && owed.empty() &&
           !batch_is_open && !is_skipping && !copy_in && !has_terminated && client_relay_bytes == 0 && server_relay_bytes == 0 &&
           pool->cancels == 0 && !needs.cancel_server && pool->login != nullptr && !writes.is_marked() && !needs.close_server;
}

bool Session::Impl::may_give_back() const { return is_at_rest() && pool->mode != PoolMode::session; }

// Called whenever nothing is owed and the message in hand is done. Gives the connection back unless something keeps it.
void Session::Impl::give_back(Outputs& out) {
    if (!may_give_back()) return;
    if (!unjudged.empty()) refresh_facts();
    if (!pool->lasting.empty()) return note_pins();
    if (pool->has_moved_state) {
        pool->has_moved_state = false;
        pool->settings_read.clear();
        pool->names_read.clear();
        pool->pins_read.clear();
        ask_server(leftovers_query(kBackendLockClass), Question::leftovers, out);
        pause = Pause::leftovers;
        return;
    }
    if (pool->has_old_statements) find_old_statements();
    if (unjudged.empty()) pool->seen.remove(Pin::unjudged);
    note_pins();
    // The catalogue's facts will tell; mostly it is not long until they are there.
    if (!unjudged.empty() && !std::exchange(pool->will_be_reconsidered, true)) needs.reconsider = true;
    if (!pool->is_pinned() && unjudged.empty()) hand_over();
}

// The session waits for another one's answer, who may be in the queue for a connection, perhaps for this very one: it is given back
// meanwhile, unless something has to be asked first.
void Session::Impl::spare_server() {
    if (!is_link_at_rest() || pool->mode == PoolMode::session || (status != 'I' && !deferred.is_active)) return;
    if (pool->has_moved_state || !unjudged.empty() || !pool->lasting.empty()) return;
    if (pool->has_old_statements) find_old_statements();
    note_pins();
    if (!pool->is_pinned()) hand_over();
}

void Session::Impl::hand_over() {
    auto& link = *pool->link;
    if (link.is_own) {
        for (const auto& [name, statement] : prepared) note_at_link(name, *statement);
        link.is_own = false;
    }
    if (unnamed != nullptr) unnamed->at_server = false;
    link.key = server_key;
    link.backend_pid = backend_pid;
    link.verified_number = verified_number;
    link.asked_number = asked_number;
    link.is_replica = server_is_replica;
    link.lock_may_be_gone = lock_may_be_gone;
    link.has_unnamed = server_has_unnamed;
    server_has_unnamed = false;
    has_server = false;
    needs.release_server = true;
}

// A question of Larder's own that only the pooled modes ask has been answered.
void Session::Impl::pool_question_answered(Question question) {
    switch (question) {
        case Question::leftovers:
            if (question_failed) pool->lasting.add(Pin::unknown_state);
            else leftovers_read();
            if (pause == Pause::leftovers) pause = Pause::none;
            return;
        case Question::lock:
            if (question_failed) lock_may_be_gone = true;
            return;
        case Question::login_settings:
        case Question::login_environment:
        case Question::carry: pool->has_check_failed |= question_failed; return;
        default: return;
    }
}

// Nothing is owed any more while the connection was still being made ready.
void Session::Impl::on_step_done(Outputs& out) {
    if (pool->step == Step::checking) return second_login_done(out);
    if (pool->step != Step::carrying) return;
    if (pool->has_check_failed || pool->is_foreign_server) return lose_before_use(out);
    borrowed(out);
}

}  // namespace larder::session
