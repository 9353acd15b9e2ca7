#include "bench/login.h"

#include <charconv>
#include <map>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "bench/wire.h"

namespace larder::bench {

namespace {

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string digest(const EVP_MD* kind, std::string_view text) {
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_Digest(text.data(), text.size(), out, &size, kind, nullptr);
    return {reinterpret_cast<char*>(out), size};
}

std::string hmac(std::string_view key, std::string_view text) {
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text), text.size(), out, &size);
    return {reinterpret_cast<char*>(out), size};
}

std::string md5_hex(std::string_view text) {
    std::string hex;
    for (const char byte : digest(EVP_md5(), text)) {
        hex.push_back("0123456789abcdef"[static_cast<unsigned char>(byte) >> 4]);
        hex.push_back("0123456789abcdef"[byte & 15]);
    }
    return hex;
}

std::string base64(std::string_view raw) {
    std::string out(4 * ((raw.size() + 2) / 3) + 1, '\0');
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(raw), static_cast<int>(raw.size()));
    out.resize(static_cast<std::size_t>(size));
    return out;
}

std::string from_base64(std::string_view text) {
    std::string out(text.size(), '\0');
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(text), static_cast<int>(text.size()));
    if (size < 0 || text.size() % 4 != 0) return {};
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
    out.resize(static_cast<std::size_t>(size) - padding);
    return out;
}

std::string salted_password(std::string_view password, std::string_view salt, int rounds) {
    static std::map<std::string, std::string> known;
    const auto name = std::string(password) + '\0' + std::string(salt) + '\0' + std::to_string(rounds);
    auto& salted = known[name];
    if (salted.empty()) {
        salted.resize(SHA256_DIGEST_LENGTH);
        PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), bytes_of(salt), static_cast<int>(salt.size()), rounds, EVP_sha256(),
                          SHA256_DIGEST_LENGTH, reinterpret_cast<unsigned char*>(salted.data()));
    }
    return salted;
}

// The value of attribute `name` in "r=…,s=…,i=…".
std::string_view attribute(std::string_view message, char name) {
    while (!message.empty()) {
        const auto end = std::min(message.find(','), message.size());
        const auto part = message.substr(0, end);
        if (part.size() >= 2 && part[0] == name && part[1] == '=') return part.substr(2);
        message.remove_prefix(std::min(end + 1, message.size()));
    }
    return {};
}

}  // namespace

void Login::start(std::string& out) {
    client_first_.clear();
    server_signature_.clear();
    append_startup(out, credentials_.user, credentials_.database);
}

Login::State Login::fail(std::string_view why) {
    error_ = why;
    return State::failed;
}

Login::State Login::on_message(char type, std::string_view body, std::string& out) {
    switch (type) {
    case 'R': return on_authentication(body, out);
    case 'Z': return State::ready;
    case 'E': return fail(error_field(body, 'M'));
    case 'S': case 'K': case 'N': return State::running;
    default: return fail("unexpected message during login");
    }
}

Login::State Login::on_authentication(std::string_view body, std::string& out) {
    if (body.size() < 4) return fail("short authentication request");
    const auto kind = load_u32(body.data());
    body.remove_prefix(4);
    switch (kind) {
    case 0: return State::running;
    case 3: append_message(out, 'p', credentials_.password + '\0'); return State::running;
    case 5: append_message(out, 'p', "md5" + md5_hex(md5_hex(credentials_.password + credentials_.user) + std::string(body.substr(0, 4))) + '\0'); return State::running;
    case 10: {
        char nonce[18];
        if (RAND_bytes(reinterpret_cast<unsigned char*>(nonce), sizeof nonce) != 1) return fail("no random bytes");
        client_first_ = "n=,r=" + base64({nonce, sizeof nonce});
        const auto first = "n,," + client_first_;
        std::string answer("SCRAM-SHA-256\0", 14);
        append_u32(answer, static_cast<std::uint32_t>(first.size()));
        append_message(out, 'p', answer + first);
        return State::running;
    }
    case 11: return on_scram_challenge(body, out);
    case 12: return attribute(body, 'v') == server_signature_ ? State::running : fail("the server's SCRAM signature is wrong");
    default: return fail("unknown authentication method " + std::to_string(kind));
    }
}

// RFC 5802, section 3.
Login::State Login::on_scram_challenge(std::string_view challenge, std::string& out) {
    const auto nonce = attribute(challenge, 'r');
    const auto salt = from_base64(attribute(challenge, 's'));
    const auto count = attribute(challenge, 'i');
    int rounds = 0;
    std::from_chars(count.data(), count.data() + count.size(), rounds);
    if (nonce.substr(0, client_first_.size() - 5) != std::string_view(client_first_).substr(5) || salt.empty() || rounds <= 0)
        return fail("bad SCRAM challenge");

    const auto salted = salted_password(credentials_.password, salt, rounds);
    const auto client_key = hmac(salted, "Client Key");
    const auto final_part = "c=biws,r=" + std::string(nonce);
    const auto signed_text = client_first_ + ',' + std::string(challenge) + ',' + final_part;
    auto proof = hmac(digest(EVP_sha256(), client_key), signed_text);
    for (std::size_t i = 0; i < proof.size(); ++i) proof[i] = static_cast<char>(proof[i] ^ client_key[i]);
    server_signature_ = base64(hmac(hmac(salted, "Server Key"), signed_text));
    append_message(out, 'p', final_part + ",p=" + base64(proof));
    return State::running;
}

}  // namespace larder::bench
