// The replies that the server owes, in order: what was asked, and whether the answer goes to the client.
//
// One entry per message that has an answer of its own. An ErrorResponse in the extended protocol answers its message
// and cancels all that follow up to and including nothing but the next Sync; that is how PostgreSQL skips.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/session/capture.h"
#include "proxy/session/own_transactions.h"
#include "proxy/session/server_link.h"
#include "proxy/session/statement_memo.h"
#include "proxy/session/traffic.h"

namespace larder::session {

// The statement of a Parse, by its name in this session.
struct Prepared {
    std::shared_ptr<Statement> statement;  // null: the text was too long to be kept
    std::string types;                     // the declared parameter types, as on the wire
    std::uint64_t catalogue_word = 0;      // `catalogue` when the server last accepted it: after DDL it may refuse its old plan
    // Of a text that is not ASCII alone: the environment that it was parsed under (null: not known). Names and constants are
    // what they were then, whatever client_encoding becomes.
    std::shared_ptr<const rules::SessionEnv> parsed_under = nullptr;
    bool at_server = true;                 // false: its Parse was answered by Larder, or went to another connection (unnamed statements only)
    ParseKey parse_key = nullptr;          // in a pooled mode: the settings under which it was parsed
    bool has_parse_key = true;             // false: they are not known
};

// What Describe says of a statement, on its way into the memo.
struct DescriptionCapture {
    std::shared_ptr<Statement> statement;
    std::shared_ptr<const CatalogueFacts> facts;
    std::shared_ptr<const rules::SessionEnv> env;
    std::string types;
    std::string messages;                  // ParameterDescription, then RowDescription or NoData
};

// What Larder asks the server for itself.
enum class Question : std::uint8_t {
    other,             // its answer is of no interest
    lock,              // is this the server that the counters speak of, and does the connection hold Larder's lock
    environment,       // of the session
    leftovers,         // of the session on the connection
    login_settings,    // what ALTER ROLE and ALTER DATABASE gave to this login
    login_environment,  // of a connection that was opened for a session that is under way
    begin,             // of a block that was deferred
    transaction,       // the number of the transaction that is about to end
    carry,             // the session's settings are set on a connection
};

struct Owed {
    enum class Kind : std::uint8_t { query, parse, bind, describe_statement, describe_portal, execute, close, sync, function_call };
    Kind kind = Kind::query;
    bool swallow = false;    // Larder asked for itself: the client sees nothing of the answer
    bool is_silent = false;  // nor of an error
    bool is_of_query =
        false;  // the client sent a Query: what the extended protocol alone says is not for it, and the completion has to wait
    Question question = Question::other;  // a swallowed query
    std::string name =
        {};  // parse, close of a statement: its name, to undo or confirm what the session remembers; sync: the completion that waits for it
    bool is_unnamed = false;                           // parse of the unnamed statement
    std::shared_ptr<Prepared> replaced = nullptr;      // what was the unnamed statement before it; close, in a pooled mode: what was closed
    std::shared_ptr<LinkStatement> at_link = nullptr;  // close, in a pooled mode: what the connection had by this name
    unsigned copy_ends = 0;            // CopyDone and CopyFail that the client sent behind it before it was answered
    std::shared_ptr<Prepared> executed = nullptr;  // execute: the statement, which the server has accepted again when it is done
    std::uint64_t catalogue_word = 0;      // execute: `catalogue` when it was sent
    std::unique_ptr<DescriptionCapture> description = nullptr;  // describe_statement: the answer is being kept
    std::unique_ptr<Capture> capture = nullptr;  // query, execute: the answer is being captured
    std::unique_ptr<Execution> execution = nullptr;  // query, execute: what of it is counted
    std::unique_ptr<OwnTransactions::Ask> ask = nullptr;  // Question::transaction

    bool ends_with_ready() const { return kind == Kind::query || kind == Kind::sync || kind == Kind::function_call; }
};

class ReplyQueue {
public:
    Owed& push(Owed&& owed) {
        if (owed.ends_with_ready()) ++ready_owed_;
        if (entries_.capacity() == 0) entries_.reserve(kUsual);
        entries_.push_back(std::move(owed));
        return entries_.back();
    }
    bool empty() const { return first_ == entries_.size(); }
    std::size_t size() const { return entries_.size() - first_; }
    // ReadyForQuery messages that are owed.
    std::size_t ready_owed() const { return ready_owed_; }
    Owed& front() { return entries_[first_]; }
    Owed& back() { return entries_.back(); }
    Owed& at(std::size_t index) { return entries_[first_ + index]; }

    Owed pop() {
        Owed owed = std::move(entries_[first_]);
        if (owed.ends_with_ready()) --ready_owed_;
        ++first_;
        if (first_ == entries_.size()) {
            entries_.clear();
            first_ = 0;
        } else if (first_ >= kCompactAt && first_ * 2 >= entries_.size()) {
            entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(first_));
            first_ = 0;
        }
        return owed;
    }

    // Takes out an entry that will have no answer. index > 0: the front has begun to be answered.
    Owed erase_at(std::size_t index) {
        const auto at = entries_.begin() + static_cast<std::ptrdiff_t>(first_ + index);
        Owed owed = std::move(*at);
        if (owed.ends_with_ready()) --ready_owed_;
        entries_.erase(at);
        return owed;
    }

    void clear() {
        entries_.clear();
        first_ = 0;
        ready_owed_ = 0;
    }
    // Idle sessions hold no memory.
    void release() {
        if (empty()) std::vector<Owed>().swap(entries_);
    }

private:
    static constexpr std::size_t kUsual = 4;        // Bind, Describe, Execute, Sync
    static constexpr std::size_t kCompactAt = 256;
    std::vector<Owed> entries_;
    std::size_t first_ = 0;
    std::size_t ready_owed_ = 0;
};

}  // namespace larder::session
