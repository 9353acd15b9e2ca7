// The user file: who may log in at Larder, and by what secret. One user a line, as PgBouncer's auth_file:
//
//   "name" "secret"
//   ; a comment, as is a line that begins with '#'
//
// A quotation mark inside is doubled. The secret is what pg_authid.rolpassword holds (a SCRAM-SHA-256 verifier, or "md5" and 32
// hex digits) or the password itself. An empty secret is a user whom no password lets in.
//
// Secrets are wiped when their last owner lets go of them. No error message quotes a line: it might hold a secret.
// Threads: immutable after parse(), but for the verifier of a plain secret, which is derived once, by whoever asks first.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/thread_annotations.h"
#include "protocol/scram_keys.h"

namespace larder::protocol {

inline constexpr std::size_t kUserFileBytesMax = 16u << 20;   // some 80 000 users with verifiers
inline constexpr std::size_t kUserNameBytesMax = 63;          // PostgreSQL cuts longer names off at NAMEDATALEN - 1
inline constexpr std::size_t kUserSecretBytesMax = 1024;      // as libpq's longest password, and more than a verifier takes

class UserSecret {
public:
    enum class Kind : unsigned char { none, scram, md5, plain };

    // `text` as in the file. `salt`: for the verifier of a plain secret.
    UserSecret(std::string text, std::string salt);
    ~UserSecret();
    UserSecret(const UserSecret&) = delete;
    UserSecret& operator=(const UserSecret&) = delete;

    Kind kind() const { return kind_; }
    // The password if it is plain, the md5 digest with its prefix, the verifier's text.
    Bytes text() const { return text_; }
    // Kinds scram and plain. For the latter the first call takes a millisecond or two (PBKDF2). Null: libcrypto would not.
    const ScramVerifier* verifier() const;

private:
    Kind kind_ = Kind::none;
    std::string text_, salt_;
    mutable Mutex mutex_;
    mutable std::optional<ScramVerifier> verifier_;  // plain: set under the mutex, once, and never changed after that
};

struct UserFileError {
    int line = 0;          // from 1; 0: the file as a whole
    std::string problem;   // never holds a part of the file
};

class UserFile {
public:
    // `salt_secret` (at least 16 random bytes, the same as long as the process lives) makes the salts of plain secrets, and those of
    // unknown users: a user who is added or taken out keeps the salt, so that it does not tell which of both happened.
    // `before`: a user whose secret stands there as well keeps its object, with the verifier that was derived.
    static std::shared_ptr<const UserFile> parse(Bytes text, Bytes salt_secret, UserFileError& error, const UserFile* before = nullptr);

    // Null: no such user. Lives as long as somebody holds it, also after a reload.
    std::shared_ptr<const UserSecret> find(Bytes name) const;
    std::size_t size() const { return users_.size(); }
    Bytes salt_secret() const { return salt_secret_; }

private:
    std::map<std::string, std::shared_ptr<const UserSecret>, std::less<>> users_;
    std::string salt_secret_;
};

}  // namespace larder::protocol
