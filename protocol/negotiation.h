// Negotiation: what to answer to the version and the protocol options of a StartupMessage.
//
// Protocol 3.0 and 3.2 exist. 3.1 was never given out, and minors above the newest are asked for by clients that can do with less
// (or that want to find proxies which say yes to anything): they get NegotiateProtocolVersion with the newest minor
// that is not above theirs. Options named "_pq_.…" change the protocol; none is known, so all are listed in that
// answer. Another major version is refused. Threads: pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "protocol/startup.h"

namespace larder::protocol {

inline constexpr std::uint16_t kNewestMinor = 2;
inline constexpr Bytes kProtocolOptionPrefix = "_pq_.";

struct Negotiation {
    enum class Kind {
        accept,     // nothing to say
        negotiate,  // send `reply` before the authentication request, then go on with `minor`
        refuse,     // send `reply`, a FATAL 0A000, and close
    };
    Kind kind = Kind::accept;
    std::uint16_t minor = 0;  // what both sides speak from now on
    std::string reply;
};

// `minor_max` is the newest minor to speak: kNewestMinor, or less if the server behind can only do less.
Negotiation negotiate(const StartupMessage& startup, std::uint16_t minor_max = kNewestMinor);

}  // namespace larder::protocol
