// Backend decoders: the first byte is the message's type, the rest is its body.
#include "fuzz/round_trip.h"
#include "protocol/backend.h"

namespace larder::protocol {
namespace {

void walk(larder::Bytes body) {
    if (const auto error = ErrorResponse::decode(body)) {
        larder::fuzz::require(error->sqlstate().size() == 5);
        larder::fuzz::require(error->message().size() <= body.size() && error->severity().size() <= body.size() + 5);
    }
    if (const auto rows = RowDescription::decode(body)) {
        std::size_t count = 0;
        for (const Field field : *rows) count += field.name.size() < body.size();
        larder::fuzz::require(count == rows->size());
    }
    if (const auto row = DataRow::decode(body)) {
        std::size_t count = 0;
        for (const auto value : row->values) count += !value || value->size() < body.size();
        larder::fuzz::require(count == row->values.size());
    }
    if (const auto complete = CommandComplete::decode(body)) (void)complete->rows();
    if (const auto request = Authentication::decode(body)) (void)request->offers("SCRAM-SHA-256");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const larder::Bytes body{reinterpret_cast<const char*>(data) + 1, size - 1};
    walk(body);
    switch (static_cast<char>(data[0])) {
        case 'R': larder::fuzz::round_trip<Authentication>(body); break;
        case 'K': larder::fuzz::round_trip<BackendKeyData>(body); break;
        case 'S': larder::fuzz::round_trip<ParameterStatus>(body); break;
        case 'Z': larder::fuzz::round_trip<ReadyForQuery>(body); break;
        case 'T': larder::fuzz::round_trip<RowDescription>(body); break;
        case 'D': larder::fuzz::round_trip<DataRow>(body); break;
        case 'C': larder::fuzz::round_trip<CommandComplete>(body); break;
        case 'E': larder::fuzz::round_trip<ErrorResponse>(body, 5, [](const auto& m, auto& out) { m.append_to(out); }); break;
        case 'A': larder::fuzz::round_trip<NotificationResponse>(body); break;
        case 't': larder::fuzz::round_trip<ParameterDescription>(body); break;
        case 'G': larder::fuzz::round_trip<CopyResponse>(body, 5, [](const auto& m, auto& out) { m.append_to(out, 'G'); }); break;
        case 'V': larder::fuzz::round_trip<FunctionCallResponse>(body); break;
        case 'v': larder::fuzz::round_trip<NegotiateProtocolVersion>(body); break;
        default: break;
    }
    return 0;
}

}  // namespace larder::protocol
