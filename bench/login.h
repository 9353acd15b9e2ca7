// One client's login: trust, clear-text password, md5 and SCRAM-SHA-256, as the server asks.
//
// Errors: whatever does not fit ends in failed; error() then says why.
// Threads: none. The cost of SCRAM's 4096 hash rounds is paid once per password, salt and count, and kept.
#pragma once

#include <string>
#include <string_view>

namespace larder::bench {

struct Credentials {
    std::string user, password, database;
};

class Login {
public:
    enum class State { running, ready, failed };

    explicit Login(const Credentials& credentials) : credentials_(credentials) {}

    void start(std::string& out);
    // A message that came before ReadyForQuery. What is to be sent goes to `out`.
    State on_message(char type, std::string_view body, std::string& out);
    const std::string& error() const { return error_; }

private:
    State on_authentication(std::string_view body, std::string& out);
    State on_scram_challenge(std::string_view challenge, std::string& out);
    State fail(std::string_view why);

    const Credentials& credentials_;
    std::string client_first_, server_signature_, error_;
};

}  // namespace larder::bench
