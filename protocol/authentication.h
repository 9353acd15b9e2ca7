// Authentication: every message of type 'R', by the number in its first four bytes.
//
// Views die with the body. Threads: values, for one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/bytes.h"
#include "protocol/decode_error.h"

namespace larder::protocol {

struct Authentication {
    static constexpr char kType = 'R';
    enum class Kind : std::uint32_t {
        ok = 0,
        kerberos_v5 = 2,
        cleartext_password = 3,
        crypt_password = 4,  // PostgreSQL gave it up in 8.4
        md5_password = 5,
        scm_credential = 6,  // the same, in 9.1
        gss = 7,
        gss_continue = 8,
        sspi = 9,
        sasl = 10,
        sasl_continue = 11,
        sasl_final = 12,
    };
    Kind kind = Kind::ok;
    Bytes data;  // md5 and crypt: the salt; sasl: mechanisms, each with its NUL; *_continue and sasl_final: for the mechanism

    static Decoded<Authentication> decode(Bytes body);
    void append_to(std::string& out) const;

    // For kind sasl: does the server offer this one?
    bool offers(Bytes mechanism) const;
};

inline constexpr Bytes kAuthenticationOk{"R\0\0\0\10\0\0\0\0", 9};
inline constexpr Bytes kAuthenticationCleartextPassword{"R\0\0\0\10\0\0\0\3", 9};

void append_authentication_sasl(std::string& out, std::span<const Bytes> mechanisms);

}  // namespace larder::protocol
