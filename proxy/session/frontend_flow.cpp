// The client's messages on their way to the server: in order, with the marks of what they may write set before them,
// and with what they will change remembered.
#include <algorithm>

#include "base/check.h"
#include "base/planted_fault.h"
#include "proxy/session/explain.h"
#include "proxy/session/session_impl.h"
#include "protocol/byte_writer.h"
#include "protocol/error.h"

namespace larder::session {

using protocol::Frame;

namespace {

// Kinds of a walsender's own language, which libpg_query does not know and which write no relation.
bool is_replication_command(Bytes text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\n' || text.front() == '\t')) text.remove_prefix(1);
    for (const Bytes word : {"IDENTIFY_SYSTEM", "START_REPLICATION", "CREATE_REPLICATION_SLOT", "DROP_REPLICATION_SLOT", "READ_REPLICATION_SLOT",
                             "TIMELINE_HISTORY", "BASE_BACKUP", "ALTER_REPLICATION_SLOT", "UPLOAD_MANIFEST"}) {
        if (text.size() < word.size()) continue;
        bool equal = true;
        for (std::size_t i = 0; i < word.size(); ++i) equal &= std::toupper(static_cast<unsigned char>(text[i])) == word[i];
        if (equal) return true;
    }
    return false;
}

bool controls_transaction(sql::Kind kind) {
    using sql::Kind;
    return kind == Kind::begin || kind == Kind::commit || kind == Kind::rollback || kind == Kind::prepare_transaction ||
           kind == Kind::commit_prepared || kind == Kind::rollback_prepared;
}

// Data outside a COPY, and a Flush when nothing is under way.
bool has_no_answer(char type) {
    return type == protocol::kFlushType || type == protocol::CopyData::kType || type == protocol::kCopyDoneType || type == protocol::CopyFail::kType;
}

// Statements that leave the meaning of later reads alone.
bool is_plain_read(const Statement* statement, const rules::Plan& plan) {
    return statement != nullptr && statement->kind() == sql::Kind::select && plan.writes.empty() && !plan.changes_environment &&
           !plan.may_release_locks && !plan.may_commit_inside;
}

}  // namespace

bool Session::Impl::is_lexing_safe() const { return env == nullptr || env->is_lexing_safe(); }

std::shared_ptr<Prepared> Session::Impl::prepared_named(Bytes name) const {
    if (name.empty()) return unnamed;
    const auto found = prepared.find(name);
    return found == prepared.end() ? nullptr : found->second;
}

std::shared_ptr<Statement> Session::Impl::statement_named(Bytes name) const {
    const auto source = prepared_named(name);
    return source == nullptr ? nullptr : source->statement;
}

std::size_t Session::Impl::on_ready_bytes(Bytes in, Outputs& out) {
    std::size_t consumed = 0;
    while (pause == Pause::none && phase != Phase::closed) {
        const auto used = on_frame_start(in.substr(consumed), out);
        if (!used) break;
        consumed += *used;
    }
    // What ended without the server, a hit that was waited for, ends here for a Larder that stops.
    if (shutdown_wanted && is_idle()) fail_client(out, "57P01", "terminating connection because Larder is shutting down");
    if (pool != nullptr) give_back(out);  // a message that was answered without what it had asked for
    return phase == Phase::closed ? in.size() : consumed;
}

// Deals with what is at the front of `in`. Returns how much of it was used; nothing if more has to come, or to happen, first.
std::optional<std::size_t> Session::Impl::on_frame_start(Bytes in, Outputs& out) {
    if (client_relay_bytes > 0) {
        const auto piece = in.substr(0, client_relay_bytes);
        if (piece.empty()) return std::nullopt;
        client_relay_bytes -= piece.size();
        out.server.append_borrowed(piece);
        return piece.size();
    }
    const auto header = protocol::peek_header(in);
    if (!header) return std::nullopt;
    const auto limit = phase == Phase::login ? protocol::authentication_body_bytes_max(header->type) : protocol::frontend_body_bytes_max(header->type);
    if (!limit) {
        if (!drain_before_refusal(out)) return std::nullopt;
        context.metrics.protocol_errors.add();
        protocol::append_invalid_frontend_type(out.client.text(), header->type);
        close_all();
        return in.size();
    }
    if (const auto error = header->check(*limit)) {
        if (!drain_before_refusal(out)) return std::nullopt;
        context.metrics.protocol_errors.add();
        protocol::append_error(out.client.text(), *error);
        close_all();
        return in.size();
    }
    if (owed.size() > context.limits.owed_max) {
        pause = Pause::owed;
        return std::nullopt;
    }
    if (header->total_bytes > kWholeFrameBytesMax) {
        // Its name is at the front, and that much is needed; the rest is passed on as it comes.
        if (in.size() < kWholeFrameBytesMax / 2) return std::nullopt;
        if (phase == Phase::ready && needs_server()) return std::nullopt;
        if (phase == Phase::ready) make_block_real(nullptr, out);
        begin_large_frame(*header, in.substr(0, std::min<std::size_t>(in.size(), header->total_bytes)), out);
        return phase == Phase::closed ? in.size() : std::optional(std::min<std::size_t>(in.size(), header->total_bytes));
    }
    const auto total = static_cast<std::size_t>(header->total_bytes);
    if (in.size() < total) return std::nullopt;
    if (phase == Phase::ready && !is_skipping && !batch_is_open && (header->type == protocol::Parse::kType || header->type == protocol::Bind::kType)) {
        Batch batch;
        switch (match_batch(in, kWholeFrameBytesMax, batch)) {
            case Match::incomplete: return std::nullopt;
            case Match::yes:
                if (batch.has_row_limit && !is_batch_answered_here(batch)) break;
                if (!on_batch(batch, in.substr(0, batch.bytes), out)) return std::nullopt;
                message_done();
                return batch.bytes;
            case Match::no: break;
        }
        if (const auto used = on_begin_before_batch(in, out); used != 0u) return used;
    }
    const Frame frame{header->type, in.substr(protocol::kHeaderBytes, total - protocol::kHeaderBytes), in.substr(0, total)};
    if (!on_frontend_frame(frame, out)) return std::nullopt;
    message_done();
    return phase == Phase::closed ? in.size() : total;
}

// What the client asked before it broke the protocol is answered first, as PostgreSQL would. True: nothing is owed.
bool Session::Impl::drain_before_refusal(Outputs& out) {
    if (phase != Phase::ready || owed.empty() || copy_in) return true;
    if (batch_is_open) out.server.append(protocol::kFlush);
    pause = Pause::owed;
    return false;
}

// Any message but a Query wants a server connection, and in a block that it knows of. Nothing: both are there.
std::optional<bool> Session::Impl::wants_server_first(const Frame& frame, Outputs& out) {
    if (frame.type == protocol::Query::kType) return std::nullopt;
    if (pool != nullptr && !has_server && (has_no_answer(frame.type) || needs_server())) return has_no_answer(frame.type);
    if (deferred.is_active) make_block_real(statement_in(frame).get(), out);
    return std::nullopt;
}

// False: paused, the frame has to be given again.
bool Session::Impl::on_frontend_frame(const Frame& frame, Outputs& out) {
    if (phase == Phase::login) {
        out.server.append_borrowed(frame.whole);
        return true;
    }
    if (frame.type == protocol::kTerminateType) {
        if (has_server && !leave_server(out)) out.server.append(protocol::kTerminate);
        if (owed.empty()) close_all();
        else has_terminated = true;  // it is answered as far as the client listens; then the server closes
        return true;
    }
    if (const auto is_dealt_with = wants_server_first(frame, out)) return *is_dealt_with;
    // After an error the server ignores everything up to the next Sync, and so does Larder.
    if (is_skipping && frame.type != protocol::kSyncType) return true;
    if (copy_in && frame.type != protocol::CopyData::kType && frame.type != protocol::kCopyDoneType && frame.type != protocol::CopyFail::kType) {
        on_copy_message(frame.whole, out);
        return true;
    }
    switch (frame.type) {
        case protocol::Query::kType:
            if (const auto query = protocol::Query::decode(frame.body)) return on_query(query->text, frame.whole, out);
            break;
        case protocol::Parse::kType:
            if (const auto parse = protocol::Parse::decode(frame.body)) return on_parse(*parse, frame.whole, out), true;
            break;
        case protocol::Bind::kType:
            if (const auto bind = protocol::Bind::decode(frame.body)) return on_bind(*bind, frame.whole, out), true;
            break;
        case protocol::Execute::kType:
            if (const auto execute = protocol::Execute::decode(frame.body)) return on_execute(*execute, frame.whole, out), true;
            break;
        case protocol::Describe::kType:
            if (const auto describe = protocol::Describe::decode(frame.body)) return on_describe(*describe, frame.whole, out), true;
            break;
        case protocol::Close::kType:
            if (const auto close = protocol::Close::decode(frame.body)) return on_close(*close, frame.whole, out), true;
            break;
        case protocol::kSyncType: return on_sync(frame.whole, out), true;
        case protocol::kFlushType:
            out.server.append(frame.whole);
            return true;
        case protocol::FunctionCall::kType:
            before_sending(nullptr, out);
            if (pool != nullptr) make_names_exact({}, out);
            sending_statement(nullptr, out);
            send(out, frame.whole, {.kind = Owed::Kind::function_call});
            return true;
        case protocol::CopyData::kType:
        case protocol::kCopyDoneType:
        case protocol::CopyFail::kType: return on_copy_data(frame, out), true;
        default:  // 'p' after the login
            protocol::append_invalid_frontend_type(out.client.text(), frame.type);
            close_all();
            return true;
    }
    on_malformed_frame(frame, out);
    return true;
}

// A Query in the middle of a batch ends it as a Sync would, once it is known that none of its messages has failed: after
// an error the server would have ignored the Query. Of one that is answered here the server has to be told.
bool Session::Impl::ends_batch_first(Outputs& out) {
    if (owed.empty() && !batch_is_open) return true;
    if (owed.empty()) send(out, protocol::kSync, {.kind = Owed::Kind::sync, .swallow = true});
    else if (batch_is_open) out.server.append(protocol::kFlush);
    pause = Pause::owed;
    return false;
}

// Once for each Query and Execute, however often it has to wait.
void Session::Impl::count_statement() {
    if (!std::exchange(is_counted, true)) note_statement();
}

bool Session::Impl::on_query(Bytes text, Bytes whole, Outputs& out) {
    count_statement();
    const auto statement = context.memo->find(text, is_lexing_safe());
    if (statement->command().kind != LarderCommand::Kind::none && status != 'E') {
        if (!ends_batch_first(out)) return false;
        if (pauses_for_environment(wants_environment_to_explain(statement->command()), out)) return false;
        if (answered_in_its_stead(out)) return true;
        run_own_command(statement->command(), true, nullptr, out);
        return true;
    }
    if (is_answered_here(*statement)) return answer_query_here(*statement, out), true;
    const auto* resolved = &plan_of(*statement);
    cache::ResultRef hit;
    std::unique_ptr<Capture> capture;
    if (is_planted(PlantedFault::lookup_while_owed) && looks_up_early(*statement, *resolved)) return false;
    if (pauses_for_environment(wants_environment(*statement, *resolved), out)) return false;
    if (answered_in_its_stead(out)) return true;
    if (statement->looks_cacheable()) {
        auto reason = resolved->plan.reason;
        if (reason == rules::Reason::none) reason = obstacle();
        // The server would close its unnamed portal, and it can only do so if it sees the Query.
        if (reason == rules::Reason::none && status == 'T' && portals.contains("")) reason = rules::Reason::protocol_shape;
        if (reason == rules::Reason::none) {
            make_key(key, env->id, statement->text());
            switch (decide_read(*resolved, true, nullptr, {}, hit, capture, out)) {
                case ReadStep::pause: return false;
                case ReadStep::fetch: break;
                case ReadStep::hit:
                    unnamed.reset();
                    served(hit, out);
                    count_hit(*statement, *resolved, *hit, out);
                    out.client.append_result(hit, hit->all());
                    out.client.append(protocol::ready_for_query(status));
                    return true;
            }
        } else {
            count_bypass(reason, out);
        }
    } else if (own.values().trace && statement->facts().is_single()) {
        trace_bypass(resolved->plan.reason, out);
    }
    if (needs_server(true)) return false;
    leave_flight();  // a lead that was handed over and is of no use here goes on
    environment_failed = false;
    last_hit = {};
    if (!portals.empty()) portals.erase("");
    unnamed.reset();
    server_has_unnamed = false;  // PostgreSQL drops it with each simple Query
    make_block_real(statement.get(), out);
    before_sending(statement.get(), out);
    if (login.is_replication && is_replication_command(text)) block.is_opaque = true;
    else sending_statement(statement, out);
    if (!is_plain_read(statement.get(), resolved->plan)) owed_reads_only = false;
    Owed entry{.kind = Owed::Kind::query, .capture = std::move(capture)};
    begin_execution(entry, statement, *resolved, nullptr, {}, out);
    send_query(*statement, *resolved, whole, std::move(entry), out);
    return true;
}

// What was parsed then means now what its bytes say.
bool Session::Impl::is_encoded_alike(const Statement& statement, const std::shared_ptr<const rules::SessionEnv>& earlier) const {
    if (statement.is_ascii() || (earlier != nullptr && earlier == env)) return true;
    constexpr std::string_view kEncoding = "client_encoding";
    return earlier != nullptr && env != nullptr && earlier->setting(kEncoding) == env->setting(kEncoding);
}

// Everything that has to be done before a statement is sent: marks first, then what will be different after it.
// Null: Larder does not know what it is.
// `portal`: of an Execute.
void Session::Impl::sending_statement(const std::shared_ptr<Statement>& statement, Outputs&, const Portal* portal) {
    const bool is_known = statement != nullptr && database != nullptr && (portal == nullptr || is_encoded_alike(*statement, portal->parsed_under));
    if (!is_known || !register_unjudged(statement)) {
        if (database != nullptr) writes.sending_unknown(*database, is_block_known(), context);
        env.reset();
        block.changed_environment = block.has_locked = true;
        block.is_opaque = true;
        lock_may_be_gone = true;
        batch_controls_transaction = batch_may_copy = true;
        owed_reads_only = false;
        sending_leftovers(nullptr, nullptr);
        return;
    }
    const auto& resolved = plan_of(*statement);
    const auto& plan = resolved.plan;
    static const std::vector<rules::Parameter> kNone;
    const auto* parameters = portal == nullptr ? nullptr : portal->parameters.get();
    const bool are_known = parameters != nullptr && parameters->env() == resolved.env;
    writes.sending(resolved, are_known ? parameters->parameters() : kNone, is_block_known(), context);
    // A ROLLBACK of its own is the one end of a block that cannot commit.
    const bool only_rolls_back = statement->kind() == sql::Kind::rollback;
    if (((plan.ends_block && !only_rolls_back) || plan.may_commit_inside) && !is_planted(PlantedFault::mark_after_outcome)) writes.may_commit(*database, context);
    note_for_ask(*statement, resolved, portal != nullptr);
    if (pool != nullptr) sending_leftovers(statement.get(), &resolved);
    apply_effects(statement.get(), plan);
}

void Session::Impl::apply_effects(const Statement* statement, const rules::Plan& plan) {
    block.has_locked |= may_lock(statement->facts(), plan);
    // Going back to a savepoint takes settings back, if there are any to be taken back.
    const bool keeps_environment = statement->kind() == sql::Kind::rollback_to && status == 'T' && !block.changed_environment && unjudged.empty();
    if (plan.changes_environment && !keeps_environment) {
        env.reset();
        block.changed_environment = true;
    }
    if (plan.changes_environment_locally && !keeps_environment) block.changed_environment = true;
    if (plan.may_release_locks) lock_may_be_gone = true;
    if (plan.touches_transaction_modes) block.is_opaque = true;
    const auto& text = statement->facts();
    if (!text.parsed) {
        block.is_opaque = true;
        batch_controls_transaction = true;
    }
    for (const auto& facts : text.statements) {
        if (controls_transaction(facts.kind)) {
            batch_controls_transaction = true;
            if (facts.is_chain) block.had_hit = false;  // what comes next is another block, in which no read was answered
            if (!text.is_single() || facts.is_chain) block.is_opaque = true;
            else if (facts.kind == sql::Kind::begin && !block.is_understood && status == 'I' && owed.ready_owed() == 0) block.began(facts.isolation);
            else if (facts.kind == sql::Kind::begin) block.is_opaque = true;
        }
        // What a cursor calls is called by its FETCH, which may come after the environment was read again.
        if (facts.kind == sql::Kind::fetch && block.changed_environment) env.reset();
        forget_statements(facts);
        follow_savepoints(facts);
    }
    if (!is_plain_read(statement, plan)) owed_reads_only = false;
}

// DEALLOCATE and DISCARD at the SQL level share the names of the protocol's statements. Forgetting one that lives on costs
// a hit; remembering one that is gone would answer where PostgreSQL gives an error.
void Session::Impl::forget_statements(const sql::Facts& facts) {
    if (is_refused_by_block()) return;
    const bool all = facts.kind == sql::Kind::deallocate || (facts.kind == sql::Kind::discard && facts.discard == sql::Discard::all);
    if (pool != nullptr && pool->mode != PoolMode::session) {
        // Whether it succeeds is seen by what is left; DISCARD ALL in a block never does.
        if (facts.kind == sql::Kind::discard && status == 'T') return;
        for (const auto& [name, statement] : prepared) {
            if (all || (facts.kind == sql::Kind::deallocate && name == facts.savepoint)) pool->forgotten[name] = statement;
        }
    }
    if (facts.kind == sql::Kind::deallocate && !facts.savepoint.empty()) prepared.erase(facts.savepoint);
    else if (all) prepared.clear();
}

void Session::Impl::follow_savepoints(const sql::Facts& facts) {
    if (facts.kind == sql::Kind::savepoint) own.savepoint(facts.savepoint);
    else if (facts.kind == sql::Kind::release) own.release(facts.savepoint);
    else if (facts.kind == sql::Kind::rollback_to) own.rollback_to(facts.savepoint);
}

// True: whatever is sent now runs in a block that only a COMMIT can end, so that nothing it writes becomes visible yet.
bool Session::Impl::is_block_known() const { return status != 'I' && owed.ready_owed() == 0 && !batch_controls_transaction; }

// The block has failed, and no message is under way that may end it: all but its end is refused, and does nothing.
bool Session::Impl::is_refused_by_block() const { return status == 'E' && owed.empty(); }

// Questions of Larder's own that must reach the server before the next message does.
// `statement`: what is about to be sent; null if that is not known, or does not matter.
void Session::Impl::before_sending(Statement* statement, Outputs& out) {
    if (batch_is_open) return;
    if (block.had_hit && status == 'T' && owed.empty() && statement != nullptr && changes_modes(*statement)) {
        // A read of this block was answered from the cache. The server must see a query in its place, so that it refuses
        // a change of the transaction's modes as it would have.
        ask_server("SELECT 1", Question::other, out);
        block.had_hit = false;
    }
    // SET TRANSACTION, or a BEGIN inside of a block, which sets its modes as well, must not find that a query of Larder's came before it.
    if (statement != nullptr && (statement->kind() == sql::Kind::set_transaction || (statement->kind() == sql::Kind::begin && status == 'T'))) return;
    if (pool != nullptr && statement != nullptr && !pool->link->is_own && !is_refused_by_block()) {
        const auto& resolved = plan_of(*statement);
        if (leftovers_of(statement->facts(), statement->text(), resolved.plan, pool->mode).needs_exact_names) {
            make_names_exact(statement->facts().is_single() ? Bytes(statement->facts().statements.front().savepoint) : Bytes{}, out);
        }
    }
    if (lock_may_be_gone && context.has_upstream_login && !login.is_replication && status != 'E') send_lock_query(out);
    ask_before_commit(statement, out);
}

void Session::Impl::send(Outputs& out, Bytes whole, Owed&& entry) {
    const auto kind = entry.kind;
    if (query_since.us == 0) query_since = context.now;
    if (transaction_since.us == 0) transaction_since = context.now;
    if (!is_skipping) owed.push(std::move(entry));
    batch_is_open = kind != Owed::Kind::query && kind != Owed::Kind::sync && kind != Owed::Kind::function_call;
    out.server.append_borrowed(whole);
}

// --- SET larder.trace = on, and its like

void Session::Impl::run_own_command(const LarderCommand& command, bool simple, const Batch* batch, Outputs& out) {
    auto& text = out.client.text();
    const bool explains = command.kind == LarderCommand::Kind::explain;
    OwnSettings::Outcome outcome;
    if (explains)
        outcome.tag = "EXPLAIN";
    else
        outcome = own.run(command, status == 'T');
    environment_failed = false;
    if (!simple && batch->parse) text.append(protocol::kParseComplete);
    if (!simple) text.append(protocol::kBindComplete);
    if (!outcome.sqlstate.empty()) {
        protocol::append_error(text, {protocol::severity::kError, outcome.sqlstate, outcome.error, {}, "Larder knows larder.cache, larder.trace, larder.max_age and larder.freshness."});
        if (status == 'T') {
            make_block_real(nullptr, out);
            // The server's block must fail as well: let it fail in its own way, and swallow how.
            ask_server("SELECT 1/0", Question::other, out);
            status = 'E';
        }
        text.append(protocol::ready_for_query(status));
        return;
    }
    const bool describes = simple || batch->describes_portal;
    if (outcome.shown || explains) {
        const std::string name = explains ? "LARDER PLAN" : "larder." + command.setting;
        const protocol::Field field{.name = name, .type = 25, .type_bytes = -1};
        if (describes) protocol::append_row_description(text, std::span(&field, 1));
        for (const auto& line : explains ? explain_statement(command) : std::vector{*outcome.shown}) {
            const protocol::ValueList::Value value = Bytes(line);
            protocol::append_data_row(text, std::span(&value, 1));
        }
    } else if (describes && !simple) {
        text.append(protocol::kNoData);
    }
    protocol::CommandComplete{outcome.tag}.append_to(text);
    if (!simple && batch->closes_portal) text.append(protocol::kCloseComplete);
    text.append(protocol::ready_for_query(status));
}

bool Session::Impl::wants_environment_to_explain(const LarderCommand& command) {
    if (command.kind != LarderCommand::Kind::explain) return false;
    const auto statement = context.memo->find(command.value, is_lexing_safe());
    return wants_environment(*statement, plan_of(*statement));
}

std::vector<std::string> Session::Impl::explain_statement(const LarderCommand& command) {
    const auto statement = context.memo->find(command.value, is_lexing_safe());
    const auto& resolved = plan_of(*statement);
    ExplainedState state;
    // Whatever else stands against it: without the environment the plan says so itself.
    if (env != nullptr && statement->looks_cacheable()) state.obstacle = obstacle();
    state.waits_for_feed = wants_barrier(resolved.plan);
    if (state.waits_for_feed && state.obstacle == rules::Reason::none && resolved.plan.reason == rules::Reason::none) state.obstacle = barrier_obstacle(resolved.plan);
    state.ttl = std::chrono::microseconds(std::max<std::int64_t>(0, ttl_us(resolved.plan)));
    state.has_parameters = statement->facts().is_single() && statement->facts().statements.front().parameters_max > 0;
    if (env != nullptr && resolved.plan.reason == rules::Reason::none && !state.has_parameters) {
        make_key(key, env->id, statement->text());
        state.is_kept_now =
            static_cast<bool>(context.cache.find({key, cache::hash_key(key)}, context.now, bounds_of(resolved.plan), true).result);
    }
    return explain(*statement, resolved, context.upstream, state).lines();
}

// --- telling people

void Session::Impl::trace(Outputs& out, std::string_view text) {
    if (!owed.empty() || server_relay_bytes > 0) return;  // a notice may not come between two rows of another answer
    protocol::append_notice(out.client.text(), {protocol::severity::kNotice, protocol::sqlstate::kSuccessfulCompletion, std::string("larder: ").append(text)});
}

void Session::Impl::count_bypass(rules::Reason reason, Outputs& out) {
    bypass_reason = reason;
    context.metrics.bypasses[static_cast<std::size_t>(reason)].add();
    trace_bypass(reason, out);
}

void Session::Impl::trace_bypass(rules::Reason reason, Outputs& out) {
    if (!own.values().trace) return;
    trace(out, std::string("bypass, ").append(rules::name(reason)).append(": ").append(rules::explain(reason)));
}

}  // namespace larder::session
