#include "proxy/session/batch.h"

#include "protocol/frame.h"

namespace larder::session {

namespace {

using protocol::Target;

// What may come next.
enum class Expect { parse_or_bind, describe_statement_or_bind, bind, describe_or_execute, execute, close_or_sync, sync, nothing };

class Matcher {
public:
    explicit Matcher(Batch& batch) : batch_(batch) {}

    bool is_done() const { return expect_ == Expect::nothing; }
    bool has_execute() const { return expect_ == Expect::close_or_sync; }

    // False: this message does not belong here.
    bool take(char type, Bytes body) {
        switch (type) {
            case protocol::Parse::kType: return parse(protocol::Parse::decode(body));
            case protocol::Bind::kType: return bind(protocol::Bind::decode(body));
            case protocol::Describe::kType: return describe(protocol::Describe::decode(body));
            case protocol::Execute::kType: return execute(protocol::Execute::decode(body));
            case protocol::Close::kType: return close(protocol::Close::decode(body));
            case protocol::kSyncType: return sync(body);
            default: return false;
        }
    }

private:
    bool advance(bool fits, Expect next) {
        expect_ = next;
        return fits;
    }

    bool parse(const protocol::Decoded<protocol::Parse>& message) {
        if (!message) return false;
        batch_.parse = *message;
        return advance(expect_ == Expect::parse_or_bind, Expect::describe_statement_or_bind);
    }

    bool bind(const protocol::Decoded<protocol::Bind>& message) {
        if (!message || (batch_.parse && batch_.parse->statement != message->statement)) return false;
        batch_.bind = *message;
        return advance(expect_ == Expect::parse_or_bind || expect_ == Expect::describe_statement_or_bind || expect_ == Expect::bind, Expect::describe_or_execute);
    }

    bool describe(const protocol::Decoded<protocol::Describe>& message) {
        if (!message) return false;
        if (message->target == Target::statement) {
            batch_.describes_statement = true;
            return advance(expect_ == Expect::describe_statement_or_bind && message->name == batch_.parse->statement, Expect::bind);
        }
        batch_.describes_portal = true;
        return advance(expect_ == Expect::describe_or_execute && message->name == batch_.bind.portal, Expect::execute);
    }

    bool execute(const protocol::Decoded<protocol::Execute>& message) {
        const bool fits = message && message->portal == batch_.bind.portal;
        batch_.has_row_limit = fits && message->rows_max > 0;
        return advance(fits && (expect_ == Expect::describe_or_execute || expect_ == Expect::execute), Expect::close_or_sync);
    }

    bool close(const protocol::Decoded<protocol::Close>& message) {
        batch_.closes_portal = true;
        return advance(expect_ == Expect::close_or_sync && message && message->target == Target::portal && message->name == batch_.bind.portal, Expect::sync);
    }

    bool sync(Bytes body) { return advance(body.empty() && (expect_ == Expect::close_or_sync || expect_ == Expect::sync), Expect::nothing); }

    Batch& batch_;
    Expect expect_ = Expect::parse_or_bind;
};

}  // namespace

Match match_batch(Bytes in, std::size_t bytes_max, Batch& batch) {
    Matcher matcher(batch);
    std::size_t at = 0;
    while (!matcher.is_done()) {
        const auto rest = in.substr(at);
        const auto header = protocol::peek_header(rest);
        if (!header) return rest.empty() ? Match::no : Match::incomplete;
        const auto limit = protocol::frontend_body_bytes_max(header->type);
        if (!limit || header->check(*limit) || at + header->total_bytes > bytes_max) return Match::no;
        const auto total = static_cast<std::size_t>(header->total_bytes);
        if (rest.size() < total) return Match::incomplete;
        if (!matcher.take(header->type, rest.substr(protocol::kHeaderBytes, total - protocol::kHeaderBytes))) return Match::no;
        at += total;
    }
    batch.bytes = at;
    return Match::yes;
}

bool match_unsynced(Bytes in, std::size_t bytes_max, Batch& batch) {
    Matcher matcher(batch);
    std::size_t at = 0;
    while (!matcher.has_execute()) {
        const auto rest = in.substr(at);
        const auto header = protocol::peek_header(rest);
        if (!header) return false;
        const auto limit = protocol::frontend_body_bytes_max(header->type);
        if (!limit || header->check(*limit) || at + header->total_bytes > bytes_max) return false;
        const auto total = static_cast<std::size_t>(header->total_bytes);
        if (rest.size() < total || !matcher.take(header->type, rest.substr(protocol::kHeaderBytes, total - protocol::kHeaderBytes))) return false;
        if (matcher.is_done()) return false;
        at += total;
    }
    batch.bytes = at;
    const auto next = protocol::peek_header(in.substr(at));
    return next && !batch.has_row_limit && (next->type == protocol::Parse::kType || next->type == protocol::Bind::kType);
}

}  // namespace larder::session
