// Messages that are passed on without being understood: the data of a COPY, frames that are too long to be kept, and
// frames whose inside cannot be read.
#include "base/check.h"
#include "proxy/session/session_impl.h"

namespace larder::session {

using protocol::Frame;

void Session::Impl::on_copy_in_response(Bytes whole, Outputs& out) {
    copy_in = true;
    out.client.append_borrowed(whole);
    // What was sent before the server came to read the data: Sync is ignored, anything else ends the COPY with an error
    // and is eaten by it. All that only up to the end of the data, if that was sent ahead as well.
    while (owed.front().copy_ends == 0 && owed.size() > 1) {
        auto eaten = owed.erase_at(1);
        undo(eaten, false);
        owed.front().copy_ends += eaten.copy_ends;
        if (eaten.kind != Owed::Kind::sync) break;
    }
    if (owed.front().copy_ends > 0) {
        --owed.front().copy_ends;
        copy_in = false;
    }
    if (owed.front().kind == Owed::Kind::execute && owed.ready_owed() == 0) batch_is_open = true;
    // The server now waits for the client: what was to wait for the end of all that is owed would wait forever.
    if (pause == Pause::owed) pause = Pause::none;
}

// CopyData, CopyDone and CopyFail. Outside a COPY the server throws them away without a word, which costs less than knowing better.
void Session::Impl::on_copy_data(const Frame& frame, Outputs& out) {
    if (frame.type != protocol::CopyData::kType) {
        if (!copy_in && !owed.empty()) ++owed.back().copy_ends;  // sent ahead, for a COPY whose response is still to come
        copy_in = false;
    }
    out.server.append_borrowed(frame.whole);
}

// During COPY FROM STDIN the server reads on: Flush and Sync are ignored, anything else is an error that eats it.
void Session::Impl::on_copy_message(Bytes whole, Outputs& out) {
    if (whole.front() != protocol::kSyncType && whole.front() != protocol::kFlushType) copy_in = false;
    out.server.append_borrowed(whole);
}

void Session::Impl::begin_large_frame(const protocol::FrameHeader& header, Bytes in, Outputs& out) {
    client_relay_bytes = static_cast<std::size_t>(header.total_bytes) - in.size();
    if (copy_in || is_skipping || header.type == protocol::CopyData::kType) {
        if (copy_in && header.type != protocol::CopyData::kType) copy_in = false;
        out.server.append_borrowed(in);
        return;
    }
    before_sending(nullptr, out);
    const auto body = in.substr(protocol::kHeaderBytes);
    const auto first_end = body.find('\0');
    const Bytes first = body.substr(0, first_end);
    switch (header.type) {
        case protocol::Query::kType:
            unnamed.reset();
            server_has_unnamed = false;
            if (pool != nullptr) make_names_exact({}, out);
            sending_statement(nullptr, out);
            return send(out, in, {.kind = Owed::Kind::query});
        case protocol::FunctionCall::kType:
            if (pool != nullptr) make_names_exact({}, out);
            sending_statement(nullptr, out);
            return send(out, in, {.kind = Owed::Kind::function_call});
        case protocol::Parse::kType: {
            // Too long to be parsed: the session knows that the name exists, and nothing of what it does.
            if (pool != nullptr) {
                pool->lasting.add(Pin::large_statement);
                if (first_end != Bytes::npos && !first.empty() && !pool->link->is_own) ensure_named(first, out);
            }
            Owed reply{.kind = Owed::Kind::parse};
            if (first_end != Bytes::npos && first.empty()) {
                reply.is_unnamed = true;
                reply.replaced = std::exchange(unnamed, std::make_shared<Prepared>());
                server_has_unnamed = true;
            } else if (first_end != Bytes::npos && (pool == nullptr || pool->link->is_own)) {
                prepared.erase(std::string(first));
            }
            return send(out, in, std::move(reply));
        }
        case protocol::Bind::kType: {
            last_hit = {};
            const Bytes rest = first_end == Bytes::npos ? Bytes{} : body.substr(first_end + 1);
            const auto second_end = rest.find('\0');
            std::shared_ptr<Prepared> source;
            if (second_end != Bytes::npos) {
                const auto name = rest.substr(0, second_end);
                ensure_at_server(name, out);
                source = prepared_named(name);
            }
            if (first_end != Bytes::npos) portals[std::string(first)] = source == nullptr ? Portal{} : Portal{source->statement, nullptr, source->parsed_under};
            return send(out, in, {.kind = Owed::Kind::bind});
        }
        default:  // the limits of the other messages are lower, and were checked
            LARDER_ASSERT(false);
    }
}

// A frame whose inside cannot be read. What PostgreSQL answers depends on how far it read, so it is PostgreSQL's to answer;
// what such a message may do is not known.
void Session::Impl::on_malformed_frame(const Frame& frame, Outputs& out) {
    context.metrics.protocol_errors.add();
    before_sending(nullptr, out);
    if (pool != nullptr) make_names_exact({}, out);
    sending_statement(nullptr, out);
    if (pool == nullptr || pool->link->is_own) prepared.clear();
    portals.clear();
    last_hit = {};
    Owed reply;
    switch (frame.type) {
        case protocol::Query::kType: reply.kind = Owed::Kind::query; break;
        case protocol::Parse::kType: reply.kind = Owed::Kind::parse; break;
        case protocol::Bind::kType: reply.kind = Owed::Kind::bind; break;
        case protocol::Execute::kType: reply.kind = Owed::Kind::execute; break;
        case protocol::Close::kType: reply.kind = Owed::Kind::close; break;
        default: reply.kind = frame.body.starts_with('S') ? Owed::Kind::describe_statement : Owed::Kind::describe_portal; break;
    }
    send(out, frame.whole, std::move(reply));
}

}  // namespace larder::session
