// What a session knows in the pooled modes: how it stands with its server connection, and what it would take along.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/session/known_login.h"
#include "proxy/session/pin.h"
#include "proxy/session/reply_queue.h"
#include "proxy/session/server_link.h"

namespace larder::session {

struct PoolState {
    // How far the session is with getting a connection.
    enum class Step : std::uint8_t {
        none,        // it holds one that is ready, or needs none
        queued,      // in the pool's queue
        connecting,  // a new one is being opened for it
        login,       // and logs in
        checking,    // is it like the one that the session logged in with?
        carrying,    // the session's settings are set on it
    } step = Step::none;

    PoolMode mode = PoolMode::automatic;
    std::unique_ptr<ServerLink> link;         // of the connection that is held; null: none is

    LoginFactsRef login;                      // what the login gave; null: not known yet
    std::string second_login_settings;
    ToldParameters told;

    SettingsRef settings;                     // of the session; what the link has may differ until it was carried
    ParseKey parse_key;
    bool are_settings_known = true;           // false: until the transaction's end, when they are read back
    bool has_moved_state = false;             // a statement may have left something behind: ask before giving back
    bool has_made_temp = false;               // the connection may have a temporary schema
    bool has_named_statement = false;         // the client has named one: in mode session, the connection may have one
    bool has_old_statements = false;          // some prepared statements may have been parsed under other settings
    Pins lasting;                             // until the client leaves, or DISCARD
    Pins seen;                                // by the last question
    std::optional<Pin> counted;               // which of them the metric has counted

    // The answer to the question about leftovers, as it comes.
    Settings settings_read;
    std::vector<std::string> names_read;
    Pins pins_read;
    ByName<std::shared_ptr<Prepared>> forgotten;  // by a DEALLOCATE or DISCARD whose outcome is not known yet
    bool has_dropped_names = false;           // one of those has succeeded

    bool has_check_failed = false;            // a question of this step was refused
    bool is_foreign_server = false;           // it is not the server that the counters speak of
    std::uint64_t link_number = 0;            // counts the connections that were borrowed
    bool will_be_reconsidered = false;        // it has been asked for, and not come yet
    int attempts = 0;                         // connections lost before they could be used, for the message in hand
    int cancels = 0;                          // CancelRequests on their way to the connection
    bool is_message_cancellable = false;      // the message in hand: a Query, or a batch that is one statement

    // While the login goes to the server.
    struct Beginning {
        std::string request;                  // LoginFacts::request
        std::string settings, parameter_messages;
        LoginWords words;
        Instant begun{};
        bool may_be_given_again = true;       // false: the server said more than a login says
    };
    std::unique_ptr<Beginning> beginning;

    bool is_pinned() const { return !lasting.empty() || !seen.empty(); }
};

}  // namespace larder::session
