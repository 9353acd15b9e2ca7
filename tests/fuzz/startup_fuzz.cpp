// Start-up packets, and what is answered to them.
#include "fuzz/round_trip.h"
#include "protocol/backend.h"
#include "protocol/frame.h"
#include "protocol/negotiation.h"
#include "protocol/options.h"

namespace larder::protocol {
namespace {

using larder::fuzz::require;

void check_startup(larder::Bytes body) {
    const auto startup = StartupMessage::decode(body);
    if (!startup) return;
    std::size_t bytes = 0;
    for (const auto [name, value] : startup->parameters) {
        require(!name.empty());
        bytes += name.size() + value.size() + 2;
    }
    require(bytes == startup->parameters.raw().size());
    require(startup->user().size() <= body.size() && startup->database().size() <= body.size());
    (void)parse_options(startup->parameters.find("options").value_or(larder::Bytes{}));

    const Negotiation answer = negotiate(*startup);
    require(answer.reply.empty() == (answer.kind == Negotiation::Kind::accept));
    require(answer.minor <= startup->minor || startup->major != 3);
    if (answer.reply.empty()) return;
    const FrameResult reply = next_frame(answer.reply, kBackendSmallBodyBytesMax);
    require(reply.kind == FrameResult::Kind::frame && reply.frame.whole.size() == answer.reply.size());
    if (answer.kind == Negotiation::Kind::negotiate) require(NegotiateProtocolVersion::decode(reply.frame.body).has_value());
    if (answer.kind == Negotiation::Kind::refuse) require(ErrorResponse::decode(reply.frame.body)->sqlstate() == "0A000");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const FrameResult packet = next_startup_frame({reinterpret_cast<const char*>(data), size});
    if (packet.kind != FrameResult::Kind::frame) return 0;
    const larder::Bytes body = packet.frame.body;
    const auto write = [](const auto& message, std::string& out) { message.append_to(out); };
    switch (startup_kind(body)) {
        case StartupKind::ssl_request: larder::fuzz::round_trip<SslRequest>(body, 4, write); break;
        case StartupKind::gssenc_request: larder::fuzz::round_trip<GssEncRequest>(body, 4, write); break;
        case StartupKind::cancel_request: larder::fuzz::round_trip<CancelRequest>(body, 4, write); break;
        case StartupKind::startup:
            check_startup(body);
            if (larder::load_be16(body.data()) == 3) larder::fuzz::round_trip<StartupMessage>(body, 4, write);
            break;
    }
    return 0;
}

}  // namespace larder::protocol
