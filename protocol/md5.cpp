#include "protocol/md5.h"

#include "protocol/digest.h"

namespace larder::protocol {

namespace {

constexpr Bytes kPrefix = "md5";
constexpr std::size_t kVerifierBytes = 3 + 32;

std::optional<std::string> prefixed_digest(Bytes text) {
    const auto digest = md5({text});
    if (!digest) return std::nullopt;
    constexpr char kDigits[] = "0123456789abcdef";
    std::string out{kPrefix};
    for (const unsigned char byte : *digest) {
        out.push_back(kDigits[byte >> 4]);
        out.push_back(kDigits[byte & 15]);
    }
    return out;
}

}  // namespace

std::optional<std::string> md5_verifier(Bytes password, Bytes user) {
    std::string text{password};
    text.append(user);
    return prefixed_digest(text);
}

std::optional<std::string> md5_response(Bytes verifier, Bytes salt) {
    if (verifier.size() != kVerifierBytes || !verifier.starts_with(kPrefix)) return std::nullopt;
    std::string text{verifier.substr(kPrefix.size())};
    text.append(salt);
    return prefixed_digest(text);
}

}  // namespace larder::protocol
