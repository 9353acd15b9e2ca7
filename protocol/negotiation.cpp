#include "protocol/negotiation.h"

#include <algorithm>

#include "protocol/backend.h"
#include "protocol/byte_writer.h"
#include "protocol/error.h"

namespace larder::protocol {

namespace {

Negotiation refuse_version(const StartupMessage& startup, std::uint16_t minor_max) {
    const std::string message = "unsupported frontend protocol " + std::to_string(startup.major) + "." + std::to_string(startup.minor) +
                                ": server supports 3.0 to 3." + std::to_string(minor_max);
    Negotiation result;
    result.kind = Negotiation::Kind::refuse;
    append_error(result.reply, {severity::kFatal, sqlstate::kFeatureNotSupported, message});
    return result;
}

}  // namespace

Negotiation negotiate(const StartupMessage& startup, std::uint16_t minor_max) {
    if (startup.major != 3) return refuse_version(startup, minor_max);

    NegotiateProtocolVersion answer;
    answer.minor = std::min({startup.minor, minor_max, kNewestMinor});
    if (answer.minor == 1) answer.minor = 0;

    std::string names;
    for (const auto [name, value] : startup.parameters) {
        if (!name.starts_with(kProtocolOptionPrefix)) continue;
        ByteWriter(names).cstring(name);
        ++answer.option_count;
    }
    answer.options = names;

    Negotiation result;
    result.minor = answer.minor;
    if (answer.minor != startup.minor || answer.option_count > 0) {
        result.kind = Negotiation::Kind::negotiate;
        answer.append_to(result.reply);
    }
    return result;
}

}  // namespace larder::protocol
