// A SCRAM client and a hostile server: two messages parted by a newline. A server without the verifier is never believed.
#include "fuzz/round_trip.h"
#include "protocol/scram.h"

namespace larder::protocol {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // With keys instead of a password no iteration count can slow the fuzzer down.
    static const ScramClientKeys keys = *ScramClientKeys::derive("correct horse", "0123456789abcdef", 16);
    const larder::Bytes text{reinterpret_cast<const char*>(data), size};
    const std::size_t newline = text.find('\n');
    auto client = ScramClient::with_keys(keys, "clientnonce", text.starts_with("r") ? "" : "hash");
    larder::fuzz::require(client.first().has_value());
    const auto final = client.on_server_first(text.substr(0, newline));
    if (final.has_value()) larder::fuzz::require(final->size() <= 2 * kScramMessageBytesMax);
    const auto done = client.on_server_final(newline == larder::Bytes::npos ? larder::Bytes{} : text.substr(newline + 1));
    larder::fuzz::require(done.has_error() && !client.is_done());
    return 0;
}

}  // namespace larder::protocol
