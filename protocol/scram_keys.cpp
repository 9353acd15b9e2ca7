#include "protocol/scram_keys.h"

#include <algorithm>
#include <charconv>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "protocol/digest.h"

namespace larder::protocol {

namespace {

constexpr Bytes kVerifierPrefix = "SCRAM-SHA-256$";
constexpr std::size_t kNonceRawBytes = 18;  // as PostgreSQL: 24 characters without padding
constexpr std::size_t kBase64BytesMax = 1 << 20;
constexpr std::size_t kRandomPoolBytes = 1024;  // some ten logins
constexpr std::size_t kPasswordBytesMax = 1 << 16;

const unsigned char* unsigned_data(Bytes bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

std::optional<ScramKey> key_from_base64(Bytes text) {
    const auto raw = from_base64(text);
    if (!raw || raw->size() != kScramKeyBytes) return std::nullopt;
    ScramKey key;
    std::copy(raw->begin(), raw->end(), key.begin());
    return key;
}

// Cuts `text` at the first `separator`; the rest stays in `text`.
std::optional<Bytes> cut(Bytes& text, char separator) {
    const std::size_t at = text.find(separator);
    if (at == Bytes::npos) return std::nullopt;
    const Bytes head = text.substr(0, at);
    text.remove_prefix(at + 1);
    return head;
}

}  // namespace

std::optional<ScramKey> hmac_sha256(Bytes key, Bytes text) {
    constexpr std::size_t kBlockBytes = 64;
    std::array<char, kBlockBytes> inner{}, outer{};
    std::optional<ScramKey> long_key;
    if (key.size() > kBlockBytes) {
        if (!(long_key = sha256({key}))) return std::nullopt;
        key = as_bytes(*long_key);
    }
    std::copy(key.begin(), key.end(), inner.begin());
    for (std::size_t i = 0; i < kBlockBytes; ++i) {
        outer[i] = static_cast<char>(inner[i] ^ 0x5c);
        inner[i] = static_cast<char>(inner[i] ^ 0x36);
    }
    const auto digest = sha256({Bytes(inner.data(), kBlockBytes), text});
    const auto code = digest ? sha256({Bytes(outer.data(), kBlockBytes), as_bytes(*digest)}) : std::nullopt;
    OPENSSL_cleanse(inner.data(), kBlockBytes);
    OPENSSL_cleanse(outer.data(), kBlockBytes);
    return code;
}

std::optional<ScramKey> sha256(Bytes text) {
    return sha256({text});
}

ScramKey exclusive_or(const ScramKey& left, const ScramKey& right) {
    ScramKey out;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = left[i] ^ right[i];
    return out;
}

bool equal_in_constant_time(Bytes left, Bytes right) {
    return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::optional<ScramClientKeys> ScramClientKeys::derive(Bytes password, Bytes salt, std::uint32_t iterations) {
    if (iterations == 0 || iterations > kScramIterationsMax || password.size() > kPasswordBytesMax) return std::nullopt;
    ScramKey salted;
    if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), unsigned_data(salt), static_cast<int>(salt.size()),
                          static_cast<int>(iterations), EVP_sha256(), static_cast<int>(salted.size()), salted.data()) != 1) {
        return std::nullopt;
    }
    const auto client_key = hmac_sha256(as_bytes(salted), "Client Key");
    const auto server_key = hmac_sha256(as_bytes(salted), "Server Key");
    OPENSSL_cleanse(salted.data(), salted.size());
    if (!client_key || !server_key) return std::nullopt;
    return ScramClientKeys{*client_key, *server_key};
}

std::optional<ScramVerifier> ScramVerifier::parse(Bytes text) {
    if (!text.starts_with(kVerifierPrefix)) return std::nullopt;
    text.remove_prefix(kVerifierPrefix.size());
    const auto iterations = cut(text, ':');
    const auto salt = iterations ? cut(text, '$') : std::nullopt;
    const auto stored_key = salt ? cut(text, ':') : std::nullopt;
    if (!stored_key) return std::nullopt;

    ScramVerifier verifier;
    const char* const end = iterations->data() + iterations->size();
    const auto [stop, error] = std::from_chars(iterations->data(), end, verifier.iterations);
    if (error != std::errc{} || stop != end || verifier.iterations == 0) return std::nullopt;
    auto raw_salt = from_base64(*salt);
    const auto stored = key_from_base64(*stored_key);
    const auto server = key_from_base64(text);
    if (!raw_salt || raw_salt->empty() || !stored || !server) return std::nullopt;
    verifier.salt = std::move(*raw_salt);
    verifier.stored_key = *stored;
    verifier.server_key = *server;
    return verifier;
}

std::optional<ScramVerifier> ScramVerifier::from_password(Bytes password, Bytes salt, std::uint32_t iterations) {
    const auto keys = ScramClientKeys::derive(password, salt, iterations);
    if (!keys) return std::nullopt;
    const auto stored = sha256(as_bytes(keys->client_key));
    if (!stored) return std::nullopt;
    return ScramVerifier{iterations, std::string{salt}, *stored, keys->server_key};
}

std::string ScramVerifier::to_string() const {
    return std::string{kVerifierPrefix} + std::to_string(iterations) + ":" + to_base64(salt) + "$" + to_base64(as_bytes(stored_key)) + ":" +
           to_base64(as_bytes(server_key));
}

std::optional<ScramVerifier> ScramVerifier::mock(Bytes user, Bytes secret) {
    const auto salt = hmac_sha256(secret, user);
    const auto keys = random_bytes(2 * kScramKeyBytes);
    if (!salt || !keys) return std::nullopt;
    ScramVerifier verifier;
    verifier.salt = std::string{as_bytes(*salt).substr(0, kScramSaltBytes)};
    // Nobody knows a ClientKey whose digest is this.
    std::copy_n(keys->begin(), kScramKeyBytes, verifier.stored_key.begin());
    std::copy_n(keys->begin() + kScramKeyBytes, kScramKeyBytes, verifier.server_key.begin());
    return verifier;
}

std::string to_base64(Bytes raw) {
    std::string out(4 * ((raw.size() + 2) / 3) + 1, '\0');  // EVP_EncodeBlock adds a NUL
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), unsigned_data(raw), static_cast<int>(raw.size()));
    out.resize(static_cast<std::size_t>(size));
    return out;
}

std::optional<std::string> from_base64(Bytes text) {
    // EVP_DecodeBlock forgives white space at both ends and counts padding as data, so the shape is checked here.
    if (text.size() % 4 != 0 || text.size() > kBase64BytesMax) return std::nullopt;
    if (text.empty()) return std::string{};
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
    const Bytes digits = text.substr(0, text.size() - padding);
    const bool is_clean = std::all_of(digits.begin(), digits.end(), [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
    });
    if (!is_clean) return std::nullopt;
    std::string out(text.size() / 4 * 3, '\0');
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), unsigned_data(text), static_cast<int>(text.size()));
    if (size < 0) return std::nullopt;
    out.resize(static_cast<std::size_t>(size) - padding);
    return out;
}

std::optional<std::string> random_bytes(std::size_t count) {
    // A call of the generator costs some microseconds, whatever it gives, and a login takes a handful.
    thread_local std::array<char, kRandomPoolBytes> pool;
    thread_local std::size_t left = 0;
    std::string out(count, '\0');
    if (count > pool.size()) return RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(count)) == 1 ? std::optional(out) : std::nullopt;
    if (left < count) {
        left = 0;
        if (RAND_bytes(reinterpret_cast<unsigned char*>(pool.data()), static_cast<int>(pool.size())) != 1) return std::nullopt;
        left = pool.size();
    }
    left -= count;
    std::copy_n(pool.data() + left, count, out.data());
    OPENSSL_cleanse(pool.data() + left, count);  // nobody gets them twice
    return out;
}

std::optional<std::string> scram_nonce() {
    const auto raw = random_bytes(kNonceRawBytes);
    if (!raw) return std::nullopt;
    return to_base64(*raw);
}

}  // namespace larder::protocol
