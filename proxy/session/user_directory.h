// Users whom the server is asked for (listen.auth_user): what is known of them, without asking.
// Implemented by proxy/. Threads: any; no call blocks on I/O.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "protocol/user_file.h"

namespace larder::session {

using UserSecretRef = std::shared_ptr<const protocol::UserSecret>;

// How a question to the server has ended.
struct LookedUpUser {
    UserSecretRef secret;     // null: there is no such user
    bool has_failed = false;  // nobody knows: the server could not be asked
};

class UserDirectory {
public:
    // Nothing: the server has to be asked. Null: it has said that there is no such user.
    virtual std::optional<UserSecretRef> find(std::string_view user) = 0;
    // A password did not fit: what is known may be old, and the next login asks again, but not more than once in a while.
    virtual void doubt(std::string_view user) = 0;

protected:
    ~UserDirectory() = default;
};

}  // namespace larder::session
