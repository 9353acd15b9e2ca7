#include "proxy/user_file_reader.h"

#include <fstream>

#include <openssl/crypto.h>

namespace larder::proxy {

namespace {

constexpr std::size_t kSaltSecretBytes = 32;

// Nothing: it cannot be read.
std::optional<std::string> text_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    // One byte more than allowed: the parser then says that the file is too large.
    std::string text(protocol::kHbaFileBytesMax + 1, '\0');
    if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!in.is_open() || in.bad()) return std::nullopt;
    text.resize(static_cast<std::size_t>(in.gcount()));
    return text;
}

}  // namespace

const std::string& login_salt_secret() {
    static const std::string secret = [] {
        auto bytes = protocol::random_bytes(kSaltSecretBytes);
        if (!bytes) throw config::ConfigError("the salts of logins", 0, "the system gives no random bytes");
        return *bytes;
    }();
    return secret;
}

std::shared_ptr<const protocol::LoginRules> read_login_rules(const config::Listen& listen) {
    if (listen.hba_file.empty()) return nullptr;
    if (listen.auth_file.empty() && listen.auth_user.empty()) {
        throw config::ConfigError("listen.hba_file", 0, "needs listen.auth_file or listen.auth_user: without both the server judges logins, by its own pg_hba.conf");
    }
    protocol::HbaError error;
    auto rules = std::make_shared<protocol::LoginRules>();
    rules->hba = protocol::HbaFile::parse(listen.hba_file, text_of, error);
    if (rules->hba == nullptr) throw config::ConfigError(error.file, error.line, error.problem + " (listen.hba_file)");
    if (listen.ident_file.empty()) return rules;
    const auto text = text_of(listen.ident_file);
    if (!text) throw config::ConfigError(listen.ident_file, 0, "cannot be read (listen.ident_file)");
    rules->maps = protocol::IdentFile::parse(listen.ident_file, *text, error);
    if (rules->maps == nullptr) throw config::ConfigError(error.file, error.line, error.problem + " (listen.ident_file)");
    return rules;
}

std::string login_salt(const std::string& user) {
    const auto salt = protocol::hmac_sha256(login_salt_secret(), user);
    return salt ? std::string(protocol::as_bytes(*salt).substr(0, protocol::kScramSaltBytes)) : std::string();
}

std::shared_ptr<const protocol::UserFile> read_user_file(const std::string& path, const protocol::UserFile* before) {
    if (path.empty()) return nullptr;
    std::ifstream in(path, std::ios::binary);
    // One byte more than allowed: parse() then says that the file is too large.
    std::string text(protocol::kUserFileBytesMax + 1, '\0');
    if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!in.is_open() || in.bad()) throw config::ConfigError(path, 0, "cannot be read (listen.auth_file)");
    text.resize(static_cast<std::size_t>(in.gcount()));
    protocol::UserFileError error;
    auto file = protocol::UserFile::parse(text, login_salt_secret(), error, before);
    OPENSSL_cleanse(text.data(), text.size());
    if (!file) throw config::ConfigError(path, error.line, error.problem);
    return file;
}

}  // namespace larder::proxy
