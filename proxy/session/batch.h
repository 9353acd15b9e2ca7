// The one shape of extended messages that can be answered from the cache: [Parse] [Describe statement] Bind [Describe portal]
// Execute [Close portal] Sync in direct succession, about one statement and one portal; of a read, without a row limit.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "protocol/frontend.h"

namespace larder::session {

struct Batch {
    std::optional<protocol::Parse> parse;
    protocol::Bind bind;
    bool describes_statement = false;
    bool describes_portal = false;
    bool closes_portal = false;
    bool has_row_limit = false;            // JDBC's COMMIT has one
    std::size_t bytes = 0;                 // of all its frames

    bool is_named_parse() const { return parse && !parse->statement.empty(); }
};

enum class Match : unsigned char {
    yes,
    no,
    incomplete,  // it may be one, once the rest of the message that is on its way is here
};

// Looks whether `in` begins with such a batch of at most `bytes_max`. Views in `batch` point into `in`.
// An end between two messages is the client's pause, and what it has sent so far should go to the server: no. An end inside
// a message is the network's, and the rest is on its way: incomplete.
Match match_batch(Bytes in, std::size_t bytes_max, Batch& batch);

// Does `in` begin with such messages up to Execute, and do others than Close and Sync follow? They are in `batch`, without those.
bool match_unsynced(Bytes in, std::size_t bytes_max, Batch& batch);

}  // namespace larder::session
