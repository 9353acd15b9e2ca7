// A login that Larder itself judges, and the one at the server that follows from it: two machines over bytes.
//
// ClientLogin asks as PostgreSQL does for pg_hba.conf's method `md5`: SCRAM-SHA-256, but md5 for a user whose secret is an md5
// digest. A user that does not exist, or has no secret, is asked for SCRAM with a made-up salt, and fails at the same step with
// the same words as a wrong password. Errors are PostgreSQL's: 28P01 for a wrong password, 08P01 for what is no answer.
//
// ServerLogin answers a server's questions with what the client's login proved: the plain secret, the md5 digest, or the SCRAM
// keys of the client's proof, which fit a server whose verifier is the one of the user file (same salt and iterations).
// Threads: an object belongs to one connection.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "protocol/authentication.h"
#include "protocol/scram.h"
#include "protocol/user_file.h"

namespace larder::protocol {

// What a login at the server can be made with. Wiped at its end.
struct Credentials {
    std::shared_ptr<const UserSecret> secret;  // of kind plain or md5; null: only the keys
    std::optional<ScramClientKeys> keys;

    Credentials() = default;
    Credentials(Credentials&&) = default;
    Credentials& operator=(Credentials&&) = default;
    ~Credentials();
};

// What a client has to show.
enum class Demand : unsigned char {
    secret,    // SCRAM-SHA-256, or md5 if that is what is known of it: pg_hba.conf's md5
    scram,     // SCRAM-SHA-256, whatever is known
    password,  // in clear
    nothing,   // trust, or a certificate that was looked at
};

class ClientLogin {
public:
    enum class Step : unsigned char {
        more,      // `out` goes to the client, who has to answer
        accepted,  // the same, and the client is who it says; AuthenticationOk is the caller's to send
        refused,   // `out` ends with a FATAL error; close
    };

    // `secret` null: there is no such user. `salt_secret`: as UserFile::salt_secret().
    ClientLogin(std::shared_ptr<const UserSecret> secret, Bytes salt_secret, Bytes user, Demand demand = Demand::secret)
        : salt_secret_(salt_secret), user_(user), secret_(std::move(secret)), demand_(demand) {}
    ClientLogin(const std::shared_ptr<const UserFile>& users, Bytes user) : ClientLogin(users->find(user), users->salt_secret(), user) {}

    // The first request; `accepted` at once if nothing is demanded.
    Step start(std::string& out);
    // `type` and body of the next frontend message, whatever it is.
    Step on_message(char type, Bytes body, std::string& out);

    // After `accepted`, once.
    Credentials take_credentials() { return std::move(credentials_); }

private:
    enum class State : unsigned char {
        start,          // nothing was sent
        wants_md5,      // waits for PasswordMessage
        wants_password, // the same, with the password in clear
        wants_initial,  // waits for SASLInitialResponse
        wants_first,    // the mechanism is chosen, the first message was left out
        wants_final,    // waits for SASLResponse with the proof
        ended,
    };

    Step on_md5(Bytes body, std::string& out);
    Step on_password(Bytes body, std::string& out);
    bool is_password(Bytes password) const;
    Step on_initial(Bytes body, std::string& out);
    Step on_first(Bytes data, std::string& out);
    Step on_final(Bytes data, std::string& out);
    Step refuse(std::string& out, Bytes sqlstate, Bytes message);
    Step wrong_password(std::string& out);
    Step wrong_scram(std::string& out, ScramError error);

    State state_ = State::start;
    std::string salt_secret_;
    std::string user_;
    std::shared_ptr<const UserSecret> secret_;  // null: no such user
    Demand demand_ = Demand::secret;
    std::string md5_salt_;
    std::optional<ScramServer> scram_;
    Credentials credentials_;
};

class ServerLogin {
public:
    enum class Step : unsigned char {
        more,           // `out` goes to the server
        accepted,       // it said AuthenticationOk
        no_credential,  // it asks for what we do not have: the caller fails the login
        not_trusted,    // it does not know the password itself, or breaks the protocol: close, send nothing
    };

    // Borrows `credentials` until accepted. `user` as in the StartupMessage.
    ServerLogin(const Credentials& credentials, Bytes user) : credentials_(credentials), user_(user) {}

    Step on_request(const Authentication& request, std::string& out);

private:
    Step on_sasl(const Authentication& request, std::string& out);
    Step on_md5(Bytes salt, std::string& out);

    const Credentials& credentials_;
    std::string user_;
    std::optional<ScramClient> scram_;
};

}  // namespace larder::protocol
