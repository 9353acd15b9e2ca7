// A SCRAM server and a hostile client: two messages parted by a newline. Nobody gets in without the password.
#include "fuzz/round_trip.h"
#include "protocol/scram.h"

namespace larder::protocol {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const ScramVerifier verifier = *ScramVerifier::from_password("correct horse", "0123456789abcdef", 16);
    if (size == 0) return 0;
    const larder::Bytes text{reinterpret_cast<const char*>(data) + 1, size - 1};
    const std::size_t newline = text.find('\n');
    const bool is_plus = (data[0] & 1) != 0;
    ScramServer server(verifier, "servernonce", is_plus ? kScramSha256Plus : kScramSha256, (data[0] & 2) != 0 ? "hash" : "");
    const auto first = server.on_first(text.substr(0, newline));
    if (first.has_value()) larder::fuzz::require(first->size() <= 2 * kScramMessageBytesMax);
    const auto final = server.on_final(newline == larder::Bytes::npos ? larder::Bytes{} : text.substr(newline + 1));
    larder::fuzz::require(final.has_error() && !server.is_done() && !server.client_keys());
    (void)ScramVerifier::parse(text);
    if (const auto raw = from_base64(text)) larder::fuzz::require(to_base64(*raw).size() == text.size());
    return 0;
}

}  // namespace larder::protocol
