// A user file of any bytes, and a client of any bytes at it: two parts with a zero byte in between. Nobody gets in.
#include <algorithm>

#include "fuzz/round_trip.h"
#include "protocol/client_login.h"

namespace larder::protocol {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const larder::Bytes text{reinterpret_cast<const char*>(data), size};
    const std::size_t zero = text.find('\0');
    UserFileError error;
    const auto file = UserFile::parse(text.substr(0, zero), "0123456789abcdef", error);
    larder::fuzz::require((file == nullptr) == !error.problem.empty());
    static const auto known = [] {
        UserFileError none;
        return UserFile::parse("\"s\" \"" + ScramVerifier::from_password("correct horse", "0123456789abcdef", 16)->to_string() +
                                   "\"\n\"m\" \"md5d41d8cd98f00b204e9800998ecf8427e\"", "0123456789abcdef", none);
    }();
    const auto rest = zero == larder::Bytes::npos ? larder::Bytes{} : text.substr(zero + 1);
    for (const larder::Bytes user : {"s", "m", "nobody"}) {
        ClientLogin login(known, user);
        std::string out;
        auto step = login.start(out);
        // Newlines part the messages.
        for (std::size_t at = 0; step == ClientLogin::Step::more && at <= rest.size();) {
            const auto end = std::min(rest.find('\n', at), rest.size());
            step = login.on_message('p', rest.substr(at, end - at), out);
            at = end + 1;
        }
        larder::fuzz::require(step != ClientLogin::Step::accepted && !login.take_credentials().keys);
    }
    return 0;
}

}  // namespace larder::protocol
