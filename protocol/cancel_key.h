// CancelKey: what a client must show to cancel a query, and what Larder must show to the server.
//
// Kept by value, since the message it came in is gone when it is needed. Never logged. Threads: a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <openssl/crypto.h>

#include "base/bytes.h"
#include "protocol/startup.h"

namespace larder::protocol {

class CancelKey {
public:
    std::int32_t pid = 0;

    CancelKey() = default;

    // Nothing if the secret has not 4 to 256 bytes.
    static std::optional<CancelKey> make(std::int32_t pid, Bytes secret) {
        if (secret.size() < kCancelKeyBytesMin || secret.size() > kCancelKeyBytesMax) return std::nullopt;
        CancelKey key;
        key.pid = pid;
        key.secret_ = secret;
        return key;
    }

    Bytes secret() const { return secret_; }  // lives as long as this key

    // Takes the same time wherever the secrets differ. The pid and the length are no secrets.
    bool matches(std::int32_t other_pid, Bytes other) const {
        if (secret_.empty() || other_pid != pid || other.size() != secret_.size()) return false;
        return CRYPTO_memcmp(secret_.data(), other.data(), other.size()) == 0;
    }
    bool matches(const CancelRequest& request) const { return matches(request.pid, request.secret); }

private:
    // Empty: no key yet, matches nothing. Each client has several of these: the four bytes of protocol 3.0 lie in the string
    // itself, and room for the longest secret would be a quarter of what an idle client takes.
    std::string secret_;
};

}  // namespace larder::protocol
