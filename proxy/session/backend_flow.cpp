// The server's messages: whose they are, what they settle, and what of them is captured.
#include "base/check.h"
#include "base/planted_fault.h"
#include "proxy/session/session_impl.h"
#include "protocol/error.h"

namespace larder::session {

using protocol::Frame;

std::size_t Session::Impl::on_reply(Bytes in, Outputs& out) {
    // A message that waited is given again first, and may want the connection.
    const bool waits = pause != Pause::none && pause != Pause::leftovers;
    std::size_t at = 0;
    std::size_t run_begin = 0;   // DataRows and CopyData that follow each other are passed on, and captured, at once
    std::int64_t run_rows = 0;
    const auto end_run = [&] {
        if (run_begin < at) on_row_run(in.substr(run_begin, at - run_begin), run_rows, out);
        run_rows = 0;
    };
    while (has_server && phase != Phase::closed) {
        if (server_relay_bytes > 0) {
            const auto piece = in.substr(at, server_relay_bytes);
            if (piece.empty()) break;
            server_relay_bytes -= piece.size();
            out.client.append_borrowed(piece);
            at += piece.size();
            run_begin = at;
            if (server_relay_bytes == 0) on_backend_frame(server_relay_type, {}, {}, out);
            continue;
        }
        const auto rest = in.substr(at);
        const auto header = protocol::peek_header(rest);
        if (!header) break;
        if (header->type == protocol::DataRow::kType && header->total_bytes <= rest.size() && header->total_bytes >= protocol::kHeaderBytes && !owed.empty() &&
            !owed.front().swallow) {
            at += static_cast<std::size_t>(header->total_bytes);
            ++run_rows;
            continue;
        }
        end_run();
        run_begin = at;
        const auto limit = protocol::backend_body_bytes_max(header->type);
        if (!limit || header->check(*limit)) {
            broken_protocol("a message that cannot be one", out);
            return in.size();
        }
        const auto total = static_cast<std::size_t>(header->total_bytes);
        if (rest.size() < total) {
            if (relays_in_pieces(header->type, total, out)) continue;
            if (has_server && phase != Phase::closed) break;
            return in.size();
        }
        at += total;
        run_begin = at;
        on_backend_frame(header->type, rest.substr(protocol::kHeaderBytes, total - protocol::kHeaderBytes), rest.substr(0, total), out);
    }
    if (has_server && phase != Phase::closed) end_run();
    if (pause == Pause::owed && owed.empty()) pause = Pause::none;
    else if (pool != nullptr && !waits && at == in.size()) give_back(out);
    return phase == Phase::closed || !has_server ? in.size() : at;
}

// A message that has not come as a whole. False: wait for its rest (or the session has ended).
bool Session::Impl::relays_in_pieces(char type, std::size_t total, Outputs& out) {
    if (total <= kWholeFrameBytesMax) return false;
    if (!owed.empty() && owed.front().swallow) return broken_protocol("an answer to Larder's own question that is too long", out);
    if (type == protocol::DataRow::kType && active_capture() != nullptr) {
        if (total <= context.cache.limits().entry_bytes_max) return false;  // bounded by the entry limit; the caller keeps it
        spoil_captures(rules::Reason::too_large);
    }
    server_relay_type = type;
    server_relay_bytes = total;
    return true;
}

void Session::Impl::on_row_run(Bytes run, std::int64_t rows, Outputs& out) {
    if (auto* capture = active_capture()) capture->rows(run, rows);
    if (!owed.empty() && owed.front().execution) {
        owed.front().execution->rows += static_cast<std::uint64_t>(rows);
        owed.front().execution->bytes += run.size();
    }
    out.client.append_borrowed(run);
}

// The capture that rows and their end belong to now: of the oldest owed message, if it has one.
Capture* Session::Impl::active_capture() {
    if (owed.empty()) return nullptr;
    auto& front = owed.front();
    if (front.capture) return front.capture.get();
    // A portal is described before it is executed.
    if (front.kind == Owed::Kind::describe_portal && owed.size() > 1) return owed.at(1).capture.get();
    return nullptr;
}

void Session::Impl::spoil_captures(rules::Reason reason) {
    for (std::size_t i = 0; i < owed.size(); ++i) {
        auto& capture = owed.at(i).capture;
        if (!capture || capture->is_given_up()) continue;
        context.metrics.bypasses[static_cast<std::size_t>(reason)].add();
        capture->give_up();
    }
    complete_captures.clear();
}

// One message. `body` and `whole` are empty if it was too long and has been passed on in pieces already.
void Session::Impl::on_backend_frame(char type, Bytes body, Bytes whole, Outputs& out) {
    using Kind = Owed::Kind;
    const bool has_front = !owed.empty();
    const auto kind = has_front ? owed.front().kind : Kind::query;
    const bool swallow = has_front && owed.front().swallow;
    switch (type) {
        case protocol::ReadyForQuery::kType: return on_ready_for_query(body, whole, out);
        case protocol::ErrorResponse::kType: return on_error_reply(body, whole, out);
        case protocol::ErrorResponse::kNoticeType:
        case protocol::ParameterStatus::kType:
        case protocol::NotificationResponse::kType: return on_unasked(type, body, whole, out);
        default: break;
    }
    if (swallow && type == protocol::DataRow::kType) return on_own_row({type, body, whole}, owed.front());
    if (swallow && kind == Kind::query) return;
    if (!has_front) {
        // Only the messages above may come unasked; CopyData of a CopyBoth is the exception.
        if (type == protocol::CopyData::kType || type == protocol::kCopyDoneType) {
            out.client.append_borrowed(whole);
            return;
        }
        broken_protocol("an answer that nobody asked for", out);
        return;
    }
    switch (type) {
        case protocol::DataRow::kType:
            if (whole.empty()) return;
            return on_row_run(whole, 1, out);
        case protocol::RowDescription::kType:
            if (auto* capture = active_capture()) {
                if (whole.empty()) spoil_captures(rules::Reason::too_large);
                else capture->row_description(whole);
            }
            out.client.append_borrowed(whole);
            if (kind == Kind::describe_portal || kind == Kind::describe_statement) on_described(whole);
            return;
        case protocol::kNoDataType:
            if (!owed.front().is_of_query) out.client.append_borrowed(whole);
            if (kind == Kind::describe_portal || kind == Kind::describe_statement) on_described(whole);
            return;
        case protocol::ParameterDescription::kType:
            if (owed.front().description) owed.front().description->messages.append(whole);
            out.client.append_borrowed(whole);
            return;
        case protocol::FunctionCallResponse::kType:
            if (swallow) return function_told(body, owed.front());
            [[fallthrough]];
        case protocol::CopyData::kType:
        case protocol::kCopyDoneType:
            out.client.append_borrowed(whole);
            return;
        case protocol::kParseCompleteType:
        case protocol::kBindCompleteType:
        case protocol::kCloseCompleteType: {
            const auto expected = type == protocol::kParseCompleteType ? Kind::parse : type == protocol::kBindCompleteType ? Kind::bind : Kind::close;
            if (kind != expected) {
                broken_protocol("an answer to something else", out);
                return;
            }
            const auto answered = owed.pop();
            if (is_planted(PlantedFault::note_at_execute) && kind == Kind::bind && active_capture()) active_capture()->note_again();
            if (!swallow && !answered.is_of_query) out.client.append_borrowed(whole);
            return;
        }
        case protocol::CommandComplete::kType:
        case protocol::kEmptyQueryResponseType:
        case protocol::kPortalSuspendedType: return on_command_complete(type, body, whole, out);
        case protocol::CopyResponse::kInType:
        case protocol::CopyResponse::kBothType: return on_copy_in_response(whole, out);
        case protocol::CopyResponse::kOutType:
            out.client.append_borrowed(whole);
            return;
        default:
            broken_protocol("a message that belongs into a login", out);
            return;
    }
}

// Messages that may come at any time, between those that were asked for.
void Session::Impl::on_unasked(char type, Bytes body, Bytes whole, Outputs& out) {
    if (type == protocol::ErrorResponse::kNoticeType) {
        if (!owed.empty() && owed.front().swallow) return;  // a question of Larder's own is nobody else's business
        spoil_captures(rules::Reason::had_notice);
    } else if (type == protocol::ParameterStatus::kType) {
        on_parameter_status(body);
        if (pool != nullptr && pool->step != PoolState::Step::none) return;  // tell_parameters() compares in the end
    } else if (pool != nullptr && pool->step != PoolState::Step::none) {
        return;  // for the client before this one, who listened
    } else if (deferred.is_active || !deferred.notifications.empty()) {
        // In a block the server would have kept it back.
        if (deferred.notifications.size() + whole.size() <= DeferredBlock::kNotificationBytesMax) return void(deferred.notifications.append(whole));
    }
    out.client.append_borrowed(whole);
}

// The last message of a description.
void Session::Impl::on_described(Bytes whole) {
    const auto done = owed.pop();
    if (!done.description || whole.empty()) return;
    auto& kept = *done.description;
    kept.messages.append(whole);
    kept.statement->keep_description(kept.facts.get(), kept.env.get(), std::move(kept.types), std::move(kept.messages));
}

void Session::Impl::on_command_complete(char type, Bytes body, Bytes whole, Outputs& out) {
    copy_in = false;
    if (pool != nullptr && body.starts_with("D")) note_discarded(body);
    if (type == protocol::CommandComplete::kType) last_tag_was_rollback = body.starts_with("ROLLBACK") && !body.starts_with("ROLLBACK PREPARED");
    if (is_planted(PlantedFault::end_at_command_complete)) writes.settled('T');
    auto& front = owed.front();
    if (front.capture && type == protocol::CommandComplete::kType) front.capture->complete(whole);
    if (front.is_of_query)
        keep_completion(whole);
    else if (!front.swallow)
        out.client.append_borrowed(whole);
    if (front.kind != Owed::Kind::execute) return;
    auto done = owed.pop();
    end_execution(done);
    if (done.executed) done.executed->catalogue_word = done.catalogue_word;
    if (done.capture && done.capture->is_complete()) complete_captures.push_back(std::move(done.capture));
}

void Session::Impl::on_error_reply(Bytes body, Bytes whole, Outputs& out) {
    copy_in = false;
    if (pool != nullptr && pool->step != PoolState::Step::none) {
        question_failed = true;  // nothing of the client's was sent yet, so it need not hear of it
        return;
    }
    if (owed.empty()) {
        // The server says that it is about to end this connection.
        error_was_forwarded = true;
        out.client.append_borrowed(whole);
        return;
    }
    auto& front = owed.front();
    const bool is_own_question = front.swallow && front.kind == Owed::Kind::query;
    if (const auto error = protocol::ErrorResponse::decode(body); error && error->is_fatal()) {
        error_was_forwarded = true;
        out.client.append_borrowed(whole);
        complete_captures.clear();
        return;
    }
    if (front.question == Question::begin) return begin_failed(body, out);
    if (front.question == Question::transaction && front.kind == Owed::Kind::function_call) return ask_failed(body, out);
    if (is_own_question) {
        // In a block the failed question has failed the block: the client must hear of it as of its own statement's error.
        const auto error = protocol::ErrorResponse::decode(body);
        if (pause == Pause::environment && environment_error.empty() && ((status == 'T' && !deferred.is_active) || (error && error->sqlstate() == protocol::sqlstate::kQueryCanceled))) environment_error.assign(whole);
        if (front.question == Question::lock || front.question == Question::other) lock_may_be_gone = true;
        question_failed = true;
        // The client's cancel hit the question instead of the statement behind it.
        if (pause != Pause::environment && owed.size() > 1 && error && error->sqlstate() == protocol::sqlstate::kQueryCanceled) needs.cancel_server = true;
        return;
    }
    if (!front.is_silent) out.client.append_borrowed(whole);
    if (front.execution) front.execution->has_failed = true;
    if (front.kind == Owed::Kind::execute) end_execution(front);
    complete_captures.clear();
    front.capture.reset();
    if (!front.ends_with_ready()) skip_to_sync();
    if (!owed.empty() && owed.front().kind == Owed::Kind::sync) owed.front().name.clear();  // what was complete is so no more
}

// What the client sent after the message that failed is ignored by the server up to the next Sync.
void Session::Impl::skip_to_sync() {
    std::vector<Owed> skipped;
    while (!owed.empty() && owed.front().kind != Owed::Kind::sync) skipped.push_back(owed.pop());
    for (auto i = skipped.size(); i > 0; --i) undo(skipped[i - 1], i == 1);  // the newest first, since each knows what was before it
    if (owed.empty()) is_skipping = batch_is_open;
}

// A message whose success was taken for granted has failed (then the unnamed statement is gone, if it was to be made) or
// was ignored (then the one before it is still there).
void Session::Impl::undo(Owed& undone, bool has_failed) {
    if (pool != nullptr && undo_at_link(undone, has_failed)) return;
    if (undone.kind != Owed::Kind::parse || undone.swallow || undone.is_of_query) return;
    if (!undone.name.empty()) {
        prepared.erase(undone.name);
    } else if (undone.is_unnamed) {
        unnamed = has_failed ? nullptr : std::move(undone.replaced);
        server_has_unnamed = unnamed != nullptr && unnamed->at_server;
    }
}

// A question of Larder's own that was sent ahead of a BEGIN that the client got its answer to long ago.
bool Session::Impl::is_before_begin(const Owed& done, char new_status) const { return done.swallow && new_status == 'I' && block.is_understood; }

void Session::Impl::on_ready_for_query(Bytes body, Bytes whole, Outputs& out) {
    const auto ready = protocol::ReadyForQuery::decode(body);
    if (!ready || owed.empty() || !owed.front().ends_with_ready()) {
        broken_protocol("a ReadyForQuery that is not due", out);
        return;
    }
    copy_in = false;
    auto done = owed.pop();
    end_execution(done);
    const char new_status = static_cast<char>(ready->status);
    if (done.capture && done.capture->is_complete()) complete_captures.push_back(std::move(done.capture));
    if (done.kind == Owed::Kind::sync && !done.name.empty()) out.client.append(done.name);
    if (new_status == 'I' && !done.swallow) pass_on_notifications(out);
    if (!done.swallow) out.client.append_borrowed(whole);
    if (pool != nullptr && done.swallow && done.kind == Owed::Kind::query) pool_question_answered(done.question);
    question_failed = false;
    if (done.question == Question::environment) {
        if (env_being_read) env = context.environments.intern(std::move(env_being_read));
        else environment_failed = true;
        env_being_read.reset();
    }
    // The marks come first: what is stored below must not be older than what this answer ended.
    const bool is_settled = owed.empty();
    if (is_settled) settle(new_status, out);
    else if (!deferred.is_active && !is_before_begin(done, new_status)) status = new_status;
    for (auto& capture : complete_captures) {
        if (new_status != 'E') capture->finish();
    }
    complete_captures.clear();
    if (!is_settled || phase == Phase::closed) return;
    if (phase == Phase::set_up) {
        if (is_console) return enter_console(out);
        phase = Phase::ready;
        begin_pooling();
        out.client.append(protocol::ready_for_query('I'));
    } else if (pause == Pause::environment) {
        pause = Pause::none;
    } else if (pool != nullptr && pool->step != PoolState::Step::none) {
        on_step_done(out);
    }
}

void Session::Impl::on_parameter_status(Bytes body) {
    const auto parameter = protocol::ParameterStatus::decode(body);
    if (!parameter) return;
    note_parameter(parameter->name, parameter->value);
    if (pool != nullptr) {
        if (pool->step != PoolState::Step::none) return;
        pool->told.tell(parameter->name, parameter->value);
        if (phase == Phase::ready) {
            pool->has_moved_state = true;
            pool->are_settings_known = false;
        }
    }
    if (parameter->name == "application_name") login.application_name = parameter->value;
    else if (phase == Phase::ready && rules::is_environment_setting(parameter->name)) {
        env.reset();  // changed by something that Larder did not see: a function, a reload
        block.changed_environment = true;
    }
}

// The server said what no server may say now: nothing of this connection can be trusted any more. Returns false.
bool Session::Impl::broken_protocol(std::string_view what, Outputs& out) {
    context.metrics.protocol_errors.add();
    fail_client(out, protocol::sqlstate::kProtocolViolation, std::string("the server sent ").append(what), "This server connection was closed.");
    return false;
}

}  // namespace larder::session
