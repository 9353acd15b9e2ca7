// PostgreSQL's MD5 passwords. Threads: pure functions.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"

namespace larder::protocol {

// As pg_authid keeps it: "md5" and the hex digest of password and user name. Nothing if this OpenSSL forbids MD5.
std::optional<std::string> md5_verifier(Bytes password, Bytes user);

// The answer to AuthenticationMD5Password: "md5" and the digest of the verifier's hex digits and the salt.
std::optional<std::string> md5_response(Bytes verifier, Bytes salt);

}  // namespace larder::protocol
