// Reads listen.auth_file, hba_file and ident_file at start-up and on SIGHUP. Threads: any; reads files.
#pragma once

#include <memory>
#include <string>

#include "config/config.h"
#include "protocol/login_rules.h"
#include "protocol/user_file.h"

namespace larder::proxy {

// Null for an empty path. Throws config::ConfigError with file and line, and without any of the file's content. All files that this
// process reads are given the same salt secret, drawn at the first call.
std::shared_ptr<const protocol::UserFile> read_user_file(const std::string& path, const protocol::UserFile* before = nullptr);

// Null without hba_file. Throws config::ConfigError with file and line.
std::shared_ptr<const protocol::LoginRules> read_login_rules(const config::Listen& listen);

// The salt secret, and what it makes of a user's name: the salt of a plain secret.
const std::string& login_salt_secret();
std::string login_salt(const std::string& user);

}  // namespace larder::proxy
