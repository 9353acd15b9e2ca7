// When a client gives its server connection back.
#pragma once

#include <cstdint>

namespace larder::session {

enum class PoolMode : std::uint8_t {
    session,      // when it leaves
    automatic,    // after each transaction, unless it left something behind that cannot be carried to another connection
    transaction,  // the same, but code that is not understood and sequences are taken to leave nothing hidden behind
    statement,    // as transaction, and a transaction block ends the session
};

}  // namespace larder::session
