// SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, both ends, as state machines over bytes (RFC 5802, RFC 7677).
//
//   client                                    server
//   first()            n,,n=,r=<nonce>      → on_first()
//   on_server_first()                       ← r=<both nonces>,s=<salt>,i=<iterations>
//                      c=…,r=…,p=<proof>    → on_final()
//   on_server_final()                       ← v=<signature>
//
// The bytes are the payload of SASLInitialResponse, SASLResponse and AuthenticationSASLContinue/Final. A step out of order or after
// a failure fails. Every message has a length limit and is read strictly: attributes in order, whole base64, printable
// nonces. Nonces are given by the caller (scram_nonce()), so that tests can repeat the RFC's examples.
//
// Channel binding is tls-server-end-point: the caller passes the hash of the server's certificate, or "" without TLS.
// Threads: an object belongs to one connection.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <boost/system/result.hpp>

#include "base/bytes.h"
#include "protocol/scram_keys.h"

namespace larder::protocol {

inline constexpr Bytes kScramSha256 = "SCRAM-SHA-256";
inline constexpr Bytes kScramSha256Plus = "SCRAM-SHA-256-PLUS";
inline constexpr std::size_t kScramMessageBytesMax = 4096;
inline constexpr std::size_t kScramNonceBytesMax = 512;  // each side's; PostgreSQL's have 24
inline constexpr std::size_t kScramSaltBytesMax = 1024;

enum class ScramError {
    malformed,        // the message is not SCRAM, or too long: 08P01
    unsupported,      // an authorization identity or a mandatory extension: 0A000
    binding_refused,  // the channel bindings do not agree: somebody may be in between
    bad_nonce,        // the other side's nonce does not begin with ours
    too_costly,       // more iterations than kScramIterationsMax
    wrong_proof,      // wrong password, or no such user: 28P01
    wrong_signature,  // the server does not know the password either: do not talk to it
    out_of_order,     // a step after the end or before its turn
    crypto_failed,    // libcrypto would not
};

Bytes scram_error_message(ScramError error);
Bytes scram_error_sqlstate(ScramError error);

template <class T>
using ScramResult = boost::system::result<T, ScramError>;

// result::value() of a failed step is a bug of the caller.
[[noreturn]] void throw_exception_from_error(ScramError error, const boost::source_location& where);

class ScramClient {
public:
    // `binding` is the certificate hash if `mechanism` is SCRAM-SHA-256-PLUS; without it pass "". `could_bind` says that TLS
    // is on and only the server did not offer PLUS, which the server is told, so that it can notice a downgrade.
    static ScramClient with_password(Bytes password, Bytes nonce, Bytes binding = {}, bool could_bind = false);
    // With keys that an earlier login gave (ScramServer::client_keys()); they fit one salt and iteration count only.
    static ScramClient with_keys(const ScramClientKeys& keys, Bytes nonce, Bytes binding = {}, bool could_bind = false);

    Bytes mechanism() const { return binding_.empty() ? kScramSha256 : kScramSha256Plus; }

    // client-first-message. The user name is left empty: PostgreSQL takes it from the StartupMessage.
    ScramResult<std::string> first(Bytes user = {});
    // client-final-message.
    ScramResult<std::string> on_server_first(Bytes message);
    // True when the server has proved that it knows the password, too; a login without it is no login.
    ScramResult<bool> on_server_final(Bytes message);

    bool is_done() const { return state_ == State::done; }

private:
    enum class State {
        start,         // nothing sent
        first_sent,    // waits for server-first
        final_sent,    // waits for server-final
        done,          // the signature was right
        failed,        // all further steps give out_of_order
    };

    ScramClient() = default;
    ScramError fail(ScramError error) {
        state_ = State::failed;
        return error;
    }

    State state_ = State::start;
    std::string password_;
    std::optional<ScramClientKeys> keys_;  // given, or derived from the password in on_server_first()
    std::string nonce_;
    std::string binding_;
    bool could_bind_ = false;
    std::string first_bare_;
    ScramKey server_signature_{};
};

class ScramServer {
public:
    // `binding`: hash of the certificate that this connection was shown, "" without TLS. A server with a binding offers both
    // mechanisms; `mechanism` is the one that the client took.
    ScramServer(ScramVerifier verifier, Bytes nonce, Bytes mechanism, Bytes binding = {});

    // Takes client-first-message, gives server-first-message.
    ScramResult<std::string> on_first(Bytes message);
    // Takes client-final-message, gives server-final-message if the proof is right.
    ScramResult<std::string> on_final(Bytes message);

    bool is_done() const { return state_ == State::done; }
    // After success: with these Larder can log in to the server in the client's name. Only then.
    std::optional<ScramClientKeys> client_keys() const;

private:
    enum class State {
        start,       // waits for client-first
        first_sent,  // waits for client-final
        done,        // the proof was right
        failed,      // all further steps give out_of_order
    };

    ScramError fail(ScramError error) {
        state_ = State::failed;
        return error;
    }
    std::optional<ScramError> read_gs2_header(Bytes& message);
    std::optional<ScramError> check_proof(Bytes proof, Bytes auth_message);

    State state_ = State::start;
    ScramVerifier verifier_;
    std::string nonce_;
    bool is_plus_;
    std::string binding_;
    std::string gs2_header_;
    std::string first_bare_;
    std::string server_first_;
    std::string both_nonces_;
    ScramKey client_key_{};
};

}  // namespace larder::protocol
