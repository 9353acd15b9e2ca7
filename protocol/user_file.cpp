#include "protocol/user_file.h"

#include <algorithm>

#include <openssl/crypto.h>

namespace larder::protocol {

namespace {

constexpr Bytes kMd5Prefix = "md5";
constexpr Bytes kScramPrefix = "SCRAM-SHA-256$";
constexpr std::size_t kMd5Bytes = 3 + 32;

bool is_md5(Bytes text) {
    return text.size() == kMd5Bytes && text.starts_with(kMd5Prefix) && text.substr(kMd5Prefix.size()).find_first_not_of("0123456789abcdef") == Bytes::npos;
}

void skip_blanks(Bytes& line) { line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size())); }

// A quoted piece at the beginning of `line`, cut off it; a doubled quotation mark stands for one.
std::optional<std::string> take_quoted(Bytes& line) {
    skip_blanks(line);
    if (!line.starts_with('"')) return std::nullopt;
    line.remove_prefix(1);
    std::string out;
    out.reserve(line.size());  // no copy of a secret is left behind by growing
    for (;;) {
        const auto mark = line.find('"');
        if (mark == Bytes::npos) {
            OPENSSL_cleanse(out.data(), out.size());
            return std::nullopt;
        }
        out.append(line.substr(0, mark));
        line.remove_prefix(mark + 1);
        if (!line.starts_with('"')) return out;
        out.push_back('"');
        line.remove_prefix(1);
    }
}

struct Line {
    std::string name, secret;
    const char* problem = nullptr;
};

Line read_line(Bytes text) {
    Line line;
    auto name = take_quoted(text);
    if (!name || name->empty()) return line.problem = "a user name in quotation marks is missing", line;
    if (name->size() > kUserNameBytesMax) return line.problem = "the user name is longer than 63 bytes", line;
    line.name = std::move(*name);
    auto secret = take_quoted(text);
    if (!secret) return line.problem = "a secret in quotation marks is missing", line;
    line.secret = std::move(*secret);
    skip_blanks(text);
    if (!text.empty() && text[0] != ';' && text[0] != '#') return line.problem = "something stands behind the secret", line;
    if (line.secret.size() > kUserSecretBytesMax) return line.problem = "the secret is longer than 1024 bytes", line;
    if (line.secret.starts_with(kScramPrefix)) {
        const auto verifier = ScramVerifier::parse(line.secret);
        if (!verifier) return line.problem = "the SCRAM-SHA-256 verifier is not complete", line;
        if (verifier->iterations > kScramIterationsMax) return line.problem = "the SCRAM-SHA-256 verifier has more than a million iterations", line;
    }
    return line;
}

}  // namespace

UserSecret::UserSecret(std::string text, std::string salt) : text_(std::move(text)), salt_(std::move(salt)) {
    if (text_.empty()) return;
    kind_ = is_md5(text_) ? Kind::md5 : Kind::plain;
    if (!text_.starts_with(kScramPrefix)) return;
    kind_ = Kind::scram;
    verifier_ = ScramVerifier::parse(text_);
}

UserSecret::~UserSecret() {
    OPENSSL_cleanse(text_.data(), text_.size());
    if (!verifier_) return;
    OPENSSL_cleanse(verifier_->stored_key.data(), verifier_->stored_key.size());
    OPENSSL_cleanse(verifier_->server_key.data(), verifier_->server_key.size());
}

const ScramVerifier* UserSecret::verifier() const {
    const Lock lock(mutex_);
    if (kind_ == Kind::plain && !verifier_) verifier_ = ScramVerifier::from_password(text_, salt_, kScramIterationsDefault);
    return verifier_ ? &*verifier_ : nullptr;
}

std::shared_ptr<const UserFile> UserFile::parse(Bytes text, Bytes salt_secret, UserFileError& error, const UserFile* before) {
    error = {};
    auto file = std::make_shared<UserFile>();
    file->salt_secret_ = salt_secret;
    if (text.size() > kUserFileBytesMax) return error.problem = "the file is larger than 16 MiB", nullptr;
    if (text.find('\0') != Bytes::npos) return error.problem = "the file holds a zero byte", nullptr;
    while (!text.empty()) {
        ++error.line;
        const auto end = text.find('\n');
        auto rest = text.substr(0, end);
        text.remove_prefix(end == Bytes::npos ? text.size() : end + 1);
        skip_blanks(rest);
        if (rest.empty() || rest[0] == ';' || rest[0] == '#') continue;
        auto line = read_line(rest);
        if (line.problem == nullptr && file->users_.contains(line.name)) line.problem = "this user has a line already";
        const auto salt = hmac_sha256(salt_secret, line.name);
        if (line.problem == nullptr && !salt) line.problem = "libcrypto has no HMAC-SHA-256";
        if (line.problem != nullptr) {
            OPENSSL_cleanse(line.secret.data(), line.secret.size());
            return error.problem = line.problem, nullptr;
        }
        auto secret = before == nullptr ? nullptr : before->find(line.name);
        if (secret == nullptr || secret->text() != line.secret) secret = std::make_shared<const UserSecret>(line.secret, std::string(as_bytes(*salt).substr(0, kScramSaltBytes)));
        OPENSSL_cleanse(line.secret.data(), line.secret.size());
        file->users_.emplace(std::move(line.name), std::move(secret));
    }
    error.line = 0;
    return file;
}

std::shared_ptr<const UserSecret> UserFile::find(Bytes name) const {
    const auto found = users_.find(name);
    return found == users_.end() ? nullptr : found->second;
}

}  // namespace larder::protocol
