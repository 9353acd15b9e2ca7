// BEGIN, COMMIT and ROLLBACK that Larder answers itself: see deferred_block.h.
#include <charconv>
#include <utility>

#include "proxy/session/session_impl.h"
#include "protocol/byte_writer.h"
#include "protocol/error.h"

namespace larder::session {

namespace {

// A time as PostgreSQL shows it: "0", "250ms", "5min". A number alone is milliseconds.
std::int64_t duration_us(std::string_view text) {
    constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {{"", 1'000}, {"us", 1}, {"ms", 1'000}, {"s", 1'000'000}, {"min", 60'000'000}, {"h", 3'600'000'000}, {"d", 86'400'000'000}};
    std::int64_t value = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
    if (end.ec != std::errc() || value < 0) return 0;
    const std::string_view unit(end.ptr, static_cast<std::size_t>(text.data() + text.size() - end.ptr));
    for (const auto& [name, factor] : kUnits) {
        if (name == unit) return value > INT64_MAX / factor ? INT64_MAX : value * factor;
    }
    return 0;
}

bool is_read_committed(const sql::Facts& facts, const rules::SessionEnv& env) {
    switch (facts.isolation) {
        case sql::Isolation::unspecified: return env.is_default_isolation_servable();
        case sql::Isolation::read_uncommitted:
        case sql::Isolation::read_committed: return true;
        case sql::Isolation::repeatable_read:
        case sql::Isolation::serializable: return false;
    }
    return false;
}

bool is_plain(const Batch& batch, const Prepared& source) {
    return !batch.is_named_parse() && batch.bind.values.empty() && batch.bind.portal.empty() && source.types.empty();
}

}  // namespace

std::int64_t idle_in_transaction_us(const rules::SessionEnv& env) { return duration_us(env.setting("idle_in_transaction_session_timeout")); }

// A BEGIN that may wait, or the end of a block whose BEGIN still waits.
bool Session::Impl::is_answered_here(const Statement& statement) const {
    const auto kind = statement.kind();
    if (!is_quiet()) return false;
    if (deferred.is_active) return (kind == sql::Kind::commit || kind == sql::Kind::rollback) && !statement.facts().statements.front().is_chain;
    return may_defer(statement) && env != nullptr && database != nullptr && is_read_committed(statement.facts().statements.front(), *env);
}

bool Session::Impl::is_quiet() const { return owed.empty() && !batch_is_open && !copy_in && !is_skipping; }

// But for what the session's settings say.
bool Session::Impl::may_defer(const Statement& statement) const {
    if (!is_quiet() || statement.kind() != sql::Kind::begin || !context.deferred_begin || status != 'I') return false;
    if (login.is_replication || server_is_replica || !own.values().cache || !portals.empty()) return false;
    if (pool != nullptr && pool->mode == PoolMode::statement) return false;
    // Where nothing is served, a block of hits cannot be.
    return context.has_upstream_login && context.upstream.not_serving() == rules::Reason::none;
}

// The CommandComplete; the ReadyForQuery is the caller's.
void Session::Impl::answer_here(const Statement& statement, Outputs& out) {
    if (statement.kind() == sql::Kind::begin) {
        deferred.is_active = true;
        deferred.text = statement.text();
        block.began(statement.facts().statements.front().isolation);
        status = 'T';
        context.metrics.deferred_begins.add();
        if (idle_in_transaction_us(*env) > 0) needs.reconsider = true;
        protocol::CommandComplete{statement.facts().statements.front().is_start ? "START TRANSACTION" : "BEGIN"}.append_to(out.client.text());
    } else {
        const bool commits = statement.kind() == sql::Kind::commit && status == 'T';
        end_deferred(commits);
        protocol::CommandComplete{commits ? "COMMIT" : "ROLLBACK"}.append_to(out.client.text());
    }
    deferred.idle_since = context.now;
}

// What settle() does at the end of a real block.
void Session::Impl::end_deferred(bool commits) {
    deferred.is_active = false;
    deferred.text.clear();
    note_transaction();
    status = 'I';
    own.block_ended(commits);
    sequence.block_ended();
    block = {};
    portals.clear();
    last_hit = {};
}

void Session::Impl::ready_here(Outputs& out) {
    if (status == 'I') pass_on_notifications(out);
    out.client.append(protocol::ready_for_query(status));
    if (status == 'I' && shutdown_wanted) fail_client(out, "57P01", "terminating connection because Larder is shutting down");
}

void Session::Impl::pass_on_notifications(Outputs& out) {
    if (deferred.notifications.empty()) return;
    out.client.append(std::exchange(deferred.notifications, {}));
}

void Session::Impl::answer_query_here(const Statement& statement, Outputs& out) {
    unnamed.reset();
    answer_here(statement, out);
    ready_here(out);
}

// A row limit means nothing to what gives no rows.
bool Session::Impl::is_batch_answered_here(const Batch& batch) {
    const auto source = source_of(batch);
    return source != nullptr && source->statement != nullptr && is_answered_here(*source->statement) && is_plain(batch, *source);
}

// False: it is of a shape that the server has to see.
bool Session::Impl::answer_batch_here(const Batch& batch, const std::shared_ptr<Prepared>& source, Outputs& out) {
    if (!is_plain(batch, *source)) return false;
    answer_steps_here(batch, source, out);
    if (batch.closes_portal) out.client.append(protocol::kCloseComplete);
    ready_here(out);
    return true;
}

// All but the end of a batch: what was asked of the statement and its portal.
void Session::Impl::answer_steps_here(const Batch& batch, const std::shared_ptr<Prepared>& source, Outputs& out) {
    constexpr Bytes kNoParameters = {"t\0\0\0\6\0\0", 7};
    auto& to = out.client;
    if (batch.parse) {
        to.append(protocol::kParseComplete);
        unnamed = source;
    }
    if (batch.describes_statement) {
        to.append(kNoParameters);
        to.append(protocol::kNoData);
    }
    to.append(protocol::kBindComplete);
    if (batch.describes_portal) to.append(protocol::kNoData);
    answer_here(*source->statement, out);
}

// JDBC sends BEGIN's Parse, Bind and Execute with those of the first statement behind them, and one Sync for both. Returns how many bytes
// were used: 0 if this is something else; nothing if the rest has to come first.
std::optional<std::size_t> Session::Impl::on_begin_before_batch(Bytes in, Outputs& out) {
    if (deferred.is_active || !context.deferred_begin || status != 'I') return 0;
    Batch first, next;
    if (!match_unsynced(in, kWholeFrameBytesMax, first) || first.is_named_parse() || !first.bind.values.empty() || !first.bind.portal.empty()) return 0;
    const auto source = source_of(first);
    if (source == nullptr || source->statement == nullptr || !source->types.empty()) return 0;
    const auto& begin = *source->statement;
    if (!may_defer(begin)) return 0;
    switch (match_batch(in.substr(first.bytes), kWholeFrameBytesMax, next)) {
        case Match::no: return 0;
        case Match::incomplete: return std::nullopt;
        case Match::yes: break;
    }
    if (next.has_row_limit) return 0;
    // Now is the time to ask: behind a BEGIN that the server is given, the statement would be one of unknown settings, and so would the
    // first of every block be that such a client begins.
    if (pauses_for_environment(may_ask_for_environment() && is_environment_due(env == nullptr), out)) return std::nullopt;
    if (answered_in_its_stead(out)) return first.bytes + next.bytes;
    if (!is_answered_here(begin)) return 0;
    note_statement();
    answer_steps_here(first, source, out);
    return first.bytes;
}

std::shared_ptr<Statement> Session::Impl::statement_in(const protocol::Frame& frame) const {
    if (frame.type == protocol::Parse::kType) {
        const auto parse = protocol::Parse::decode(frame.body);
        return parse ? context.memo->find(parse->text, is_lexing_safe()) : nullptr;
    }
    if (frame.type != protocol::Bind::kType) return nullptr;
    const auto bind = protocol::Bind::decode(frame.body);
    return bind ? statement_named(bind->statement) : nullptr;
}

// Before anything else goes to the server. `statement`: what follows; null if that is not known.
void Session::Impl::make_block_real(Statement* statement, Outputs& out) {
    if (!deferred.is_active) return;
    // Not in the block: SET TRANSACTION must not find that a query of Larder's came before it.
    if (lock_may_be_gone && context.has_upstream_login) send_lock_query(out);
    constexpr Bytes kName = "larder's begin";
    auto& to = out.server.text();
    protocol::append_parse(to, kName, deferred.text);
    protocol::append_bind(to, kName, kName, {}, {}, {});
    protocol::Execute{kName, 0}.append_to(to);
    protocol::Close{protocol::Target::portal, kName}.append_to(to);
    protocol::Close{protocol::Target::statement, kName}.append_to(to);
    for (const auto kind : {Owed::Kind::parse, Owed::Kind::bind, Owed::Kind::execute, Owed::Kind::close, Owed::Kind::close}) {
        owed.push({.kind = kind, .swallow = true, .question = Question::begin});
    }
    deferred.is_active = false;
    deferred.text.clear();
    context.metrics.deferred_begins_made_real.add();
    if (status == 'E') {
        // It failed before it was real, by a cancel: the server's fails in its own way, and nobody hears how.
        ask_server("SELECT 1/0", Question::other, out);
    } else if (block.had_hit && statement != nullptr && changes_modes(*statement)) {
        // The server must see a query in the place of the hit, so that it refuses a change of the transaction's modes as it would have.
        ask_server("SELECT 1", Question::other, out);
        block.had_hit = false;
    }
}

// Of the block that is open: SET TRANSACTION and what may be one, and a BEGIN that names modes, which PostgreSQL sets inside of a block as well.
bool Session::Impl::changes_modes(Statement& statement) {
    if (plan_of(statement).plan.touches_transaction_modes) return true;
    const auto& facts = statement.facts();
    return facts.is_single() && facts.statements.front().kind == sql::Kind::begin && facts.statements.front().has_tx_modes;
}

// Nothing of what was sent behind it has run. The client believes to be in a block that never was.
void Session::Impl::begin_failed(Bytes body, Outputs& out) {
    const auto error = protocol::ErrorResponse::decode(body);
    fail_client(out, error ? error->sqlstate() : protocol::sqlstate::kProtocolViolation, "the transaction that was begun could not be begun at the server",
                "Nothing of it was done. If this happens often, set cache.deferred_begin = false.");
}

// False: the limit is not reached, or none is set.
bool Session::Impl::is_idle_too_long() const {
    if (!deferred.is_active || env == nullptr || pause != Pause::none) return false;
    const auto limit = idle_in_transaction_us(*env);
    return limit > 0 && (context.now - deferred.idle_since).count() >= limit;
}

}  // namespace larder::session
