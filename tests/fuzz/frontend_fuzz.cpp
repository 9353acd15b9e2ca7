// Frontend decoders: the first byte chooses the message, the rest is its body.
#include "fuzz/round_trip.h"
#include "protocol/frontend.h"

namespace larder::protocol {
namespace {

std::size_t bytes_of(const ValueList& values) {
    std::size_t bytes = 0;
    for (const auto value : values) {
        if (value && !value->empty()) bytes += static_cast<unsigned char>(value->front()) + static_cast<unsigned char>(value->back());
    }
    return bytes + (values.at(values.size() / 2u) ? 1 : 0);
}

void walk(larder::Bytes body) {
    if (const auto bind = Bind::decode(body)) {
        std::size_t seen = bytes_of(bind->values);
        for (std::size_t i = 0; i < bind->values.size(); ++i) seen += bind->formats.format_of(i);
        larder::fuzz::require(bind->formats.fits(bind->values.size()) && seen != SIZE_MAX);
    }
    if (const auto call = FunctionCall::decode(body)) bytes_of(call->arguments);
    if (const auto parse = Parse::decode(body)) {
        for (std::size_t i = 0; i < parse->types.size(); ++i) larder::fuzz::require(parse->types[i] <= UINT32_MAX);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const larder::Bytes body{reinterpret_cast<const char*>(data) + 1, size - 1};
    walk(body);
    switch (static_cast<char>(data[0])) {
        case 'Q': larder::fuzz::round_trip<Query>(body); break;
        case 'P': larder::fuzz::round_trip<Parse>(body); break;
        case 'B': larder::fuzz::round_trip<Bind>(body); break;
        case 'D': larder::fuzz::round_trip<Describe>(body); break;
        case 'C': larder::fuzz::round_trip<Close>(body); break;
        case 'E': larder::fuzz::round_trip<Execute>(body); break;
        case 'F': larder::fuzz::round_trip<FunctionCall>(body); break;
        case 'f': larder::fuzz::round_trip<CopyFail>(body); break;
        case 'd': larder::fuzz::round_trip<CopyData>(body); break;
        case 'p': larder::fuzz::round_trip<PasswordMessage>(body); break;
        case 'i': larder::fuzz::round_trip<SaslInitialResponse>(body); break;
        case 'r': larder::fuzz::round_trip<SaslResponse>(body); break;
        default: break;
    }
    return 0;
}

}  // namespace larder::protocol
