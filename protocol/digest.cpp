#include "protocol/digest.h"

#include <memory>

#include <openssl/evp.h>

namespace larder::protocol {

namespace {

struct Free {
    void operator()(EVP_MD* algorithm) const { EVP_MD_free(algorithm); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Algorithm = std::unique_ptr<EVP_MD, Free>;

template <std::size_t size>
std::optional<std::array<unsigned char, size>> digest(const Algorithm& algorithm, std::initializer_list<Bytes> parts) {
    thread_local const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
    if (algorithm == nullptr || context == nullptr || EVP_DigestInit_ex2(context.get(), algorithm.get(), nullptr) != 1) return std::nullopt;
    for (const auto part : parts) {
        if (EVP_DigestUpdate(context.get(), part.data(), part.size()) != 1) return std::nullopt;
    }
    std::array<unsigned char, size> out;
    unsigned int written = 0;
    if (EVP_DigestFinal_ex(context.get(), out.data(), &written) != 1 || written != size) return std::nullopt;
    return out;
}

}  // namespace

std::optional<Md5Digest> md5(std::initializer_list<Bytes> parts) {
    static const Algorithm algorithm(EVP_MD_fetch(nullptr, "MD5", nullptr));
    return digest<kMd5Bytes>(algorithm, parts);
}

std::optional<ScramKey> sha256(std::initializer_list<Bytes> parts) {
    static const Algorithm algorithm(EVP_MD_fetch(nullptr, "SHA256", nullptr));
    return digest<kScramKeyBytes>(algorithm, parts);
}

}  // namespace larder::protocol
