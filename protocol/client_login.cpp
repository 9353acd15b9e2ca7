#include "protocol/client_login.h"

#include <openssl/crypto.h>

#include "base/check.h"
#include "protocol/error.h"
#include "protocol/frontend.h"
#include "protocol/md5.h"

namespace larder::protocol {

namespace {

constexpr std::size_t kMd5SaltBytes = 4;

void append_sasl(std::string& out, Authentication::Kind kind, Bytes data) { Authentication{kind, data}.append_to(out); }

}  // namespace

Credentials::~Credentials() {
    if (!keys) return;
    OPENSSL_cleanse(keys->client_key.data(), keys->client_key.size());
    OPENSSL_cleanse(keys->server_key.data(), keys->server_key.size());
}

ClientLogin::Step ClientLogin::start(std::string& out) {
    LARDER_ASSERT(state_ == State::start);
    const bool is_md5 = secret_ && secret_->kind() == UserSecret::Kind::md5;
    if (demand_ == Demand::nothing) {
        // With a verifier alone nobody can log in at the server.
        if (secret_ && (is_md5 || secret_->kind() == UserSecret::Kind::plain)) credentials_.secret = secret_;
        state_ = State::ended;
        return Step::accepted;
    }
    if (demand_ == Demand::password) {
        append_sasl(out, Authentication::Kind::cleartext_password, {});
        state_ = State::wants_password;
        return Step::more;
    }
    // An md5 digest cannot prove anything to SCRAM: asked for that, such a user is as good as none.
    if (demand_ == Demand::scram && is_md5) secret_.reset();
    if (demand_ == Demand::secret && is_md5) {
        auto salt = random_bytes(kMd5SaltBytes);
        if (!salt) return refuse(out, sqlstate::kInternalError, "could not generate random MD5 salt");
        md5_salt_ = std::move(*salt);
        append_sasl(out, Authentication::Kind::md5_password, md5_salt_);
        state_ = State::wants_md5;
        return Step::more;
    }
    constexpr Bytes kMechanisms[] = {kScramSha256};
    append_authentication_sasl(out, kMechanisms);
    state_ = State::wants_initial;
    return Step::more;
}

ClientLogin::Step ClientLogin::on_message(char type, Bytes body, std::string& out) {
    LARDER_ASSERT(state_ != State::start && state_ != State::ended);
    if (type != kAuthenticationResponseType) {
        const bool is_sasl = state_ != State::wants_md5 && state_ != State::wants_password;
        return refuse(out, sqlstate::kProtocolViolation, (is_sasl ? "expected SASL response, got message type " : "expected password response, got message type ") +
                                                             std::to_string(static_cast<unsigned char>(type)));
    }
    switch (state_) {
        case State::wants_md5: return on_md5(body, out);
        case State::wants_password: return on_password(body, out);
        case State::wants_initial: return on_initial(body, out);
        case State::wants_first: return on_first(body, out);
        default: return on_final(body, out);
    }
}

ClientLogin::Step ClientLogin::on_md5(Bytes body, std::string& out) {
    const auto message = PasswordMessage::decode(body);
    if (!message) return refuse(out, sqlstate::kProtocolViolation, "invalid password packet size");
    if (message->password.empty()) return refuse(out, sqlstate::kInvalidPassword, "empty password returned by client");
    const auto expected = md5_response(secret_->text(), md5_salt_);
    if (!expected || !equal_in_constant_time(*expected, message->password)) return wrong_password(out);
    credentials_.secret = secret_;
    state_ = State::ended;
    return Step::accepted;
}

ClientLogin::Step ClientLogin::on_password(Bytes body, std::string& out) {
    const auto message = PasswordMessage::decode(body);
    if (!message) return refuse(out, sqlstate::kProtocolViolation, "invalid password packet size");
    if (message->password.empty()) return refuse(out, sqlstate::kInvalidPassword, "empty password returned by client");
    if (message->password.size() > kUserSecretBytesMax || !is_password(message->password)) return wrong_password(out);
    // The password itself answers whatever the server asks. One that looks like a verifier would be taken for that.
    auto given = std::make_shared<const UserSecret>(std::string(message->password), std::string());
    if (given->kind() == UserSecret::Kind::plain) credentials_.secret = std::move(given);
    state_ = State::ended;
    return Step::accepted;
}

bool ClientLogin::is_password(Bytes password) const {
    switch (secret_ ? secret_->kind() : UserSecret::Kind::none) {
        case UserSecret::Kind::plain: return equal_in_constant_time(secret_->text(), password);
        case UserSecret::Kind::md5: {
            const auto digest = md5_verifier(password, user_);
            return digest && equal_in_constant_time(secret_->text(), *digest);
        }
        case UserSecret::Kind::scram:
        case UserSecret::Kind::none: break;
    }
    // A user who does not exist takes as long as one who does.
    const auto* verifier = secret_ ? secret_->verifier() : nullptr;
    const auto made_up = verifier == nullptr ? ScramVerifier::mock(user_, salt_secret_) : std::nullopt;
    const auto* wanted = verifier != nullptr ? verifier : (made_up ? &*made_up : nullptr);
    if (wanted == nullptr || wanted->iterations > kScramIterationsMax) return false;
    const auto found = ScramVerifier::from_password(password, wanted->salt, wanted->iterations);
    return found && equal_in_constant_time(as_bytes(found->stored_key), as_bytes(wanted->stored_key)) && verifier != nullptr;
}

ClientLogin::Step ClientLogin::on_initial(Bytes body, std::string& out) {
    const auto message = SaslInitialResponse::decode(body);
    if (!message) return refuse(out, sqlstate::kProtocolViolation, decode_error_message(message.error()));
    if (message->mechanism != kScramSha256) return refuse(out, sqlstate::kProtocolViolation, "client selected an invalid SASL authentication mechanism");
    const auto nonce = scram_nonce();
    const auto* verifier = secret_ ? secret_->verifier() : nullptr;
    const auto made_up = verifier == nullptr ? ScramVerifier::mock(user_, salt_secret_) : std::nullopt;
    if (!nonce || (verifier == nullptr && !made_up)) return refuse(out, sqlstate::kInternalError, "could not generate random nonce");
    scram_.emplace(verifier != nullptr ? *verifier : *made_up, *nonce, kScramSha256);
    if (message->data) return on_first(*message->data, out);
    append_sasl(out, Authentication::Kind::sasl_continue, {});  // as PostgreSQL: an empty challenge asks for the message that was left out
    state_ = State::wants_first;
    return Step::more;
}

ClientLogin::Step ClientLogin::on_first(Bytes data, std::string& out) {
    const auto challenge = scram_->on_first(data);
    if (!challenge) return wrong_scram(out, challenge.error());
    append_sasl(out, Authentication::Kind::sasl_continue, *challenge);
    state_ = State::wants_final;
    return Step::more;
}

ClientLogin::Step ClientLogin::on_final(Bytes data, std::string& out) {
    const auto signature = scram_->on_final(data);
    if (!signature) return wrong_scram(out, signature.error());
    // A made-up verifier lets nobody in, whatever is proved.
    if (!secret_ || secret_->verifier() == nullptr) return wrong_password(out);
    append_sasl(out, Authentication::Kind::sasl_final, *signature);
    credentials_.keys = scram_->client_keys();
    if (secret_ && secret_->kind() == UserSecret::Kind::plain) credentials_.secret = secret_;
    scram_.reset();
    state_ = State::ended;
    return Step::accepted;
}

ClientLogin::Step ClientLogin::refuse(std::string& out, Bytes sqlstate, Bytes message) {
    append_error(out, {.severity = severity::kFatal, .sqlstate = sqlstate, .message = message});
    scram_.reset();
    state_ = State::ended;
    return Step::refused;
}

ClientLogin::Step ClientLogin::wrong_password(std::string& out) {
    return refuse(out, sqlstate::kInvalidPassword, "password authentication failed for user \"" + user_ + "\"");
}

ClientLogin::Step ClientLogin::wrong_scram(std::string& out, ScramError error) {
    if (error == ScramError::wrong_proof) return wrong_password(out);
    return refuse(out, scram_error_sqlstate(error), scram_error_message(error));
}

ServerLogin::Step ServerLogin::on_request(const Authentication& request, std::string& out) {
    switch (request.kind) {
        case Authentication::Kind::ok:
            // Half a SCRAM login may not end so: the server would not have proved that it knows the password.
            return scram_ && !scram_->is_done() ? Step::not_trusted : Step::accepted;
        case Authentication::Kind::md5_password: return on_md5(request.data, out);
        case Authentication::Kind::sasl:
        case Authentication::Kind::sasl_continue:
        case Authentication::Kind::sasl_final: return on_sasl(request, out);
        // A password in clear is not given away: nothing here says that the line to the server is encrypted.
        default: return Step::no_credential;
    }
}

ServerLogin::Step ServerLogin::on_md5(Bytes salt, std::string& out) {
    if (!credentials_.secret) return Step::no_credential;
    const auto verifier = credentials_.secret->kind() == UserSecret::Kind::md5 ? std::optional<std::string>(credentials_.secret->text())
                                                                                : md5_verifier(credentials_.secret->text(), user_);
    const auto response = verifier ? md5_response(*verifier, salt) : std::nullopt;
    if (!response) return Step::no_credential;
    PasswordMessage{*response}.append_to(out);
    return Step::more;
}

ServerLogin::Step ServerLogin::on_sasl(const Authentication& request, std::string& out) {
    if (request.kind == Authentication::Kind::sasl) {
        if (scram_) return Step::not_trusted;
        const bool is_plain = credentials_.secret && credentials_.secret->kind() == UserSecret::Kind::plain;
        const auto nonce = scram_nonce();
        if (!request.offers(kScramSha256) || !nonce || (!is_plain && !credentials_.keys)) return Step::no_credential;
        scram_ = is_plain ? ScramClient::with_password(credentials_.secret->text(), *nonce) : ScramClient::with_keys(*credentials_.keys, *nonce);
        const auto first = scram_->first();
        if (!first) return Step::not_trusted;
        SaslInitialResponse{kScramSha256, Bytes(*first)}.append_to(out);
        return Step::more;
    }
    if (!scram_) return Step::not_trusted;
    if (request.kind == Authentication::Kind::sasl_final) return scram_->on_server_final(request.data) ? Step::more : Step::not_trusted;
    const auto proof = scram_->on_server_first(request.data);
    if (!proof) return Step::not_trusted;
    SaslResponse{*proof}.append_to(out);
    return Step::more;
}

}  // namespace larder::protocol
