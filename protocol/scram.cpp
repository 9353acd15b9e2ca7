#include "protocol/scram.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "base/check.h"
#include "protocol/error.h"

namespace larder::protocol {

namespace {

constexpr Bytes kBindingType = "tls-server-end-point";

// Reads "x=value," pieces in order. An attribute that is not next gives nullopt and leaves the text alone.
class Attributes {
public:
    explicit Attributes(Bytes text) : text_(text) {}

    std::optional<Bytes> next(char name) {
        if (is_at_end_ || text_.size() < 2 || text_[0] != name || text_[1] != '=') return std::nullopt;
        const std::size_t comma = text_.find(',');
        const Bytes value = text_.substr(2, comma == Bytes::npos ? Bytes::npos : comma - 2);
        is_at_end_ = comma == Bytes::npos;
        text_ = is_at_end_ ? Bytes{} : text_.substr(comma + 1);
        return value;
    }
    // What follows must be attributes of any name: extensions, which RFC 5802 has us ignore.
    bool only_extensions_left() {
        while (!is_at_end_) {
            if (text_.empty() || !((text_[0] >= 'a' && text_[0] <= 'z') || (text_[0] >= 'A' && text_[0] <= 'Z'))) return false;
            if (!next(text_[0])) return false;
        }
        return true;
    }
    bool is_at_end() const { return is_at_end_; }

private:
    Bytes text_;
    bool is_at_end_ = false;
};

bool is_nonce(Bytes text, std::size_t bytes_max) {
    return !text.empty() && text.size() <= bytes_max &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x21 && c <= 0x7e && c != ','; });
}

bool is_message(Bytes message) {
    return !message.empty() && message.size() <= kScramMessageBytesMax && message.find('\0') == Bytes::npos;
}

std::string gs2_header(Bytes binding, bool could_bind) {
    if (!binding.empty()) return "p=" + std::string{kBindingType} + ",,";
    return could_bind ? "y,," : "n,,";
}

// A user name may hold ',' and '=' only in escaped form.
std::string escaped_name(Bytes user) {
    std::string out;
    for (const char c : user) {
        if (c == ',') {
            out += "=2C";
        } else if (c == '=') {
            out += "=3D";
        } else {
            out.push_back(c);
        }
    }
    return out;
}

}  // namespace

Bytes scram_error_message(ScramError error) {
    switch (error) {
        case ScramError::malformed: return "malformed SCRAM message";
        case ScramError::unsupported: return "client requires a SCRAM feature that is not supported";
        case ScramError::binding_refused: return "SCRAM channel binding check failed";
        case ScramError::bad_nonce: return "invalid SCRAM response: nonce does not match";
        case ScramError::too_costly: return "SCRAM iteration count is too high";
        case ScramError::wrong_proof: return "password authentication failed";
        case ScramError::wrong_signature: return "incorrect SCRAM server signature";
        case ScramError::out_of_order: return "unexpected SCRAM message";
        case ScramError::crypto_failed: return "SCRAM key could not be computed";
    }
    return "malformed SCRAM message";
}

Bytes scram_error_sqlstate(ScramError error) {
    switch (error) {
        case ScramError::unsupported: return sqlstate::kFeatureNotSupported;
        case ScramError::binding_refused: return sqlstate::kInvalidAuthorizationSpecification;
        case ScramError::wrong_proof: return sqlstate::kInvalidPassword;
        case ScramError::too_costly:
        case ScramError::crypto_failed: return sqlstate::kInternalError;
        default: return sqlstate::kProtocolViolation;
    }
}

void throw_exception_from_error(ScramError error, const boost::source_location&) {
    throw std::logic_error(std::string{scram_error_message(error)});
}

ScramClient ScramClient::with_password(Bytes password, Bytes nonce, Bytes binding, bool could_bind) {
    ScramClient client;
    client.password_ = password;
    client.nonce_ = nonce;
    client.binding_ = binding;
    client.could_bind_ = could_bind;
    return client;
}

ScramClient ScramClient::with_keys(const ScramClientKeys& keys, Bytes nonce, Bytes binding, bool could_bind) {
    ScramClient client = with_password({}, nonce, binding, could_bind);
    client.keys_ = keys;
    return client;
}

ScramResult<std::string> ScramClient::first(Bytes user) {
    if (state_ != State::start) return fail(ScramError::out_of_order);
    if (!is_nonce(nonce_, kScramNonceBytesMax)) return fail(ScramError::bad_nonce);
    state_ = State::first_sent;
    first_bare_ = "n=" + escaped_name(user) + ",r=" + nonce_;
    return gs2_header(binding_, could_bind_) + first_bare_;
}

ScramResult<std::string> ScramClient::on_server_first(Bytes message) {
    if (state_ != State::first_sent) return fail(ScramError::out_of_order);
    if (!is_message(message)) return fail(ScramError::malformed);
    Attributes attributes(message);
    const auto nonce = attributes.next('r');
    const auto salt = attributes.next('s');
    const auto iterations_text = attributes.next('i');
    if (!nonce || !salt || !iterations_text || !attributes.only_extensions_left()) return fail(ScramError::malformed);

    if (!is_nonce(*nonce, 2 * kScramNonceBytesMax)) return fail(ScramError::malformed);
    // The server must add something of its own, or a recorded conversation would do.
    if (!nonce->starts_with(nonce_) || nonce->size() == nonce_.size()) return fail(ScramError::bad_nonce);
    const auto raw_salt = from_base64(*salt);
    if (!raw_salt || raw_salt->empty() || raw_salt->size() > kScramSaltBytesMax) return fail(ScramError::malformed);
    std::uint64_t iterations = 0;
    const char* const end = iterations_text->data() + iterations_text->size();
    const auto [stop, error] = std::from_chars(iterations_text->data(), end, iterations);
    if (error == std::errc::result_out_of_range) return fail(ScramError::too_costly);
    if (error != std::errc{} || stop != end || iterations == 0) return fail(ScramError::malformed);
    if (iterations > kScramIterationsMax) return fail(ScramError::too_costly);

    if (!keys_) keys_ = ScramClientKeys::derive(password_, *raw_salt, static_cast<std::uint32_t>(iterations));
    if (!keys_) return fail(ScramError::crypto_failed);
    const std::string without_proof =
        "c=" + to_base64(gs2_header(binding_, could_bind_) + binding_) + ",r=" + std::string{*nonce};
    const std::string auth_message = first_bare_ + "," + std::string{message} + "," + without_proof;
    const auto stored_key = sha256(as_bytes(keys_->client_key));
    if (!stored_key) return fail(ScramError::crypto_failed);
    const auto client_signature = hmac_sha256(as_bytes(*stored_key), auth_message);
    const auto server_signature = hmac_sha256(as_bytes(keys_->server_key), auth_message);
    if (!client_signature || !server_signature) return fail(ScramError::crypto_failed);
    server_signature_ = *server_signature;
    state_ = State::final_sent;
    return without_proof + ",p=" + to_base64(as_bytes(exclusive_or(keys_->client_key, *client_signature)));
}

ScramResult<bool> ScramClient::on_server_final(Bytes message) {
    if (state_ != State::final_sent) return fail(ScramError::out_of_order);
    if (!is_message(message)) return fail(ScramError::malformed);
    Attributes attributes(message);
    // The RFC lets a server answer "e=reason"; PostgreSQL sends an ErrorResponse instead.
    if (attributes.next('e')) return fail(ScramError::wrong_proof);
    const auto encoded = attributes.next('v');
    if (!encoded || !attributes.only_extensions_left()) return fail(ScramError::malformed);
    const auto signature = from_base64(*encoded);
    if (!signature || signature->size() != kScramKeyBytes) return fail(ScramError::malformed);
    if (!equal_in_constant_time(*signature, as_bytes(server_signature_))) return fail(ScramError::wrong_signature);
    state_ = State::done;
    return true;
}

ScramServer::ScramServer(ScramVerifier verifier, Bytes nonce, Bytes mechanism, Bytes binding)
    : verifier_(std::move(verifier)), nonce_(nonce), is_plus_(mechanism == kScramSha256Plus), binding_(binding) {
    LARDER_ASSERT(is_nonce(nonce_, kScramNonceBytesMax));
}

// "n,," no binding; "y,," the client could but believes that we cannot; "p=type,," binding. Cuts it off `message`.
std::optional<ScramError> ScramServer::read_gs2_header(Bytes& message) {
    const std::size_t flag_end = message.find(',');
    if (flag_end == Bytes::npos) return ScramError::malformed;
    const Bytes flag = message.substr(0, flag_end);
    const Bytes rest = message.substr(flag_end + 1);
    if (rest.starts_with("a=")) return ScramError::unsupported;
    if (!rest.starts_with(",")) return ScramError::malformed;

    if (flag == "n" || flag == "y") {
        if (is_plus_) return ScramError::malformed;
        // We did offer PLUS: who took it out of our offer is no friend.
        if (flag == "y" && !binding_.empty()) return ScramError::binding_refused;
    } else if (flag.starts_with("p=")) {
        if (!is_plus_) return ScramError::malformed;
        if (flag.substr(2) != kBindingType || binding_.empty()) return ScramError::binding_refused;
    } else {
        return ScramError::malformed;
    }
    gs2_header_ = std::string{message.substr(0, flag_end + 2)};
    message.remove_prefix(gs2_header_.size());
    return std::nullopt;
}

ScramResult<std::string> ScramServer::on_first(Bytes message) {
    if (state_ != State::start) return fail(ScramError::out_of_order);
    if (!is_message(message)) return fail(ScramError::malformed);
    if (const auto error = read_gs2_header(message)) return fail(*error);
    Attributes attributes(message);
    if (attributes.next('m')) return fail(ScramError::unsupported);
    const auto user = attributes.next('n');  // ignored, as PostgreSQL does: the StartupMessage has said who it is
    const auto client_nonce = attributes.next('r');
    if (!user || !client_nonce || !attributes.only_extensions_left()) return fail(ScramError::malformed);
    if (!is_nonce(*client_nonce, kScramNonceBytesMax)) return fail(ScramError::malformed);

    first_bare_ = std::string{message};
    both_nonces_ = std::string{*client_nonce} + nonce_;
    server_first_ = "r=" + both_nonces_ + ",s=" + to_base64(verifier_.salt) + ",i=" + std::to_string(verifier_.iterations);
    state_ = State::first_sent;
    return server_first_;
}

ScramResult<std::string> ScramServer::on_final(Bytes message) {
    if (state_ != State::first_sent) return fail(ScramError::out_of_order);
    if (!is_message(message)) return fail(ScramError::malformed);
    // The proof is the last attribute; the signature covers what stands before it.
    const std::size_t proof_at = message.rfind(",p=");
    if (proof_at == Bytes::npos) return fail(ScramError::malformed);
    const Bytes without_proof = message.substr(0, proof_at);
    Attributes attributes(without_proof);
    const auto encoded_binding = attributes.next('c');
    const auto nonce = attributes.next('r');
    if (!encoded_binding || !nonce || !attributes.only_extensions_left()) return fail(ScramError::malformed);

    const auto bound = from_base64(*encoded_binding);
    if (!bound) return fail(ScramError::malformed);
    if (!equal_in_constant_time(*bound, is_plus_ ? gs2_header_ + binding_ : gs2_header_)) return fail(ScramError::binding_refused);
    if (!equal_in_constant_time(*nonce, both_nonces_)) return fail(ScramError::bad_nonce);

    const std::string auth_message = first_bare_ + "," + server_first_ + "," + std::string{without_proof};
    if (const auto error = check_proof(message.substr(proof_at + 3), auth_message)) return fail(*error);
    const auto server_signature = hmac_sha256(as_bytes(verifier_.server_key), auth_message);
    if (!server_signature) return fail(ScramError::crypto_failed);
    state_ = State::done;
    return "v=" + to_base64(as_bytes(*server_signature));
}

// ClientProof XOR ClientSignature is the ClientKey, whose digest is what we keep.
std::optional<ScramError> ScramServer::check_proof(Bytes encoded, Bytes auth_message) {
    const auto raw = from_base64(encoded);
    if (!raw || raw->size() != kScramKeyBytes) return ScramError::malformed;
    ScramKey proof;
    std::copy(raw->begin(), raw->end(), proof.begin());
    const auto client_signature = hmac_sha256(as_bytes(verifier_.stored_key), auth_message);
    if (!client_signature) return ScramError::crypto_failed;
    client_key_ = exclusive_or(proof, *client_signature);
    const auto digest = sha256(as_bytes(client_key_));
    if (!digest) return ScramError::crypto_failed;
    if (!equal_in_constant_time(as_bytes(*digest), as_bytes(verifier_.stored_key))) return ScramError::wrong_proof;
    return std::nullopt;
}

std::optional<ScramClientKeys> ScramServer::client_keys() const {
    if (state_ != State::done) return std::nullopt;
    return ScramClientKeys{client_key_, verifier_.server_key};
}

}  // namespace larder::protocol
