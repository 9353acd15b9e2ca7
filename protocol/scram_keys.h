// The cryptography of SCRAM-SHA-256 (RFC 5802, RFC 7677), and verifiers as PostgreSQL keeps them.
//
// Names are the RFC's. Everything comes from OpenSSL's libcrypto; a failure there (out of memory, algorithm switched
// off) gives nullopt and fails the login. Comparisons of secrets take constant time. Threads: pure functions and values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace larder::protocol {

inline constexpr std::size_t kScramKeyBytes = 32;
inline constexpr std::size_t kScramSaltBytes = 16;
inline constexpr std::uint32_t kScramIterationsDefault = 4096;
// A hostile server could otherwise keep a thread busy for an hour. PostgreSQL's default is 4096, and a million takes under a second.
inline constexpr std::uint32_t kScramIterationsMax = 1'000'000;

using ScramKey = std::array<unsigned char, kScramKeyBytes>;

inline Bytes as_bytes(const ScramKey& key) { return Bytes{reinterpret_cast<const char*>(key.data()), key.size()}; }

std::optional<ScramKey> hmac_sha256(Bytes key, Bytes text);
std::optional<ScramKey> sha256(Bytes text);
ScramKey exclusive_or(const ScramKey& left, const ScramKey& right);
bool equal_in_constant_time(Bytes left, Bytes right);  // different lengths are told apart at once

// What a client derives from a password. With these two, and no password, a client can log in.
struct ScramClientKeys {
    ScramKey client_key{};
    ScramKey server_key{};

    // PBKDF2 of `password`: costs about a millisecond per 4096 iterations. The password is taken as it is, which is what
    // SASLprep makes of ASCII; PostgreSQL, too, takes a password raw when SASLprep cannot be applied.
    static std::optional<ScramClientKeys> derive(Bytes password, Bytes salt, std::uint32_t iterations);
};

// What a server keeps: "SCRAM-SHA-256$4096:salt$StoredKey:ServerKey", the parts in base64.
struct ScramVerifier {
    std::uint32_t iterations = kScramIterationsDefault;
    std::string salt;  // raw
    ScramKey stored_key{};
    ScramKey server_key{};

    static std::optional<ScramVerifier> parse(Bytes text);
    static std::optional<ScramVerifier> from_password(Bytes password, Bytes salt, std::uint32_t iterations);
    std::string to_string() const;

    // For a user that does not exist. The salt follows from the name and a secret of this server, so that asking twice
    // gives the same one and does not tell that the user is made up. No password matches.
    static std::optional<ScramVerifier> mock(Bytes user, Bytes secret);
};

std::string to_base64(Bytes raw);
// Nothing unless `text` is whole base64 with its padding and nothing else.
std::optional<std::string> from_base64(Bytes text);

// `count` random bytes of the kind that keys are made of; nothing if the system has none.
std::optional<std::string> random_bytes(std::size_t count);
// A nonce for one login: 24 printable characters.
std::optional<std::string> scram_nonce();

}  // namespace larder::protocol
