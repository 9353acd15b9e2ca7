#include "protocol/md5.h"

#include <openssl/evp.h>

namespace larder::protocol {

namespace {

constexpr Bytes kPrefix = "md5";
constexpr std::size_t kVerifierBytes = 3 + 32;

std::optional<std::string> prefixed_digest(Bytes text) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (EVP_Digest(text.data(), text.size(), digest, &size, EVP_md5(), nullptr) != 1) return std::nullopt;
    constexpr char kDigits[] = "0123456789abcdef";
    std::string out{kPrefix};
    for (unsigned int i = 0; i < size; ++i) {
        out.push_back(kDigits[digest[i] >> 4]);
        out.push_back(kDigits[digest[i] & 15]);
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
