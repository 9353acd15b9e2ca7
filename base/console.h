// The console, as the layers below admin/ see it: one text in, one table or error out.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larder {

struct ConsoleReply {
    std::vector<std::string> columns;                             // empty: a command without rows
    std::vector<std::vector<std::optional<std::string>>> rows;    // nullopt: NULL
    std::string tag = "SHOW";                                     // the command tag, e.g. "SHOW", "PURGE"
    std::string sqlstate, error, hint;                            // sqlstate not empty: an error, and nothing else counts
    // Set: the command takes its time, and the reply is due when this says true. It is asked now and then, by the session's thread.
    std::function<bool()> is_done;
    std::function<void()> on_cancel;                              // with is_done: its client does not want to wait any longer
};

// Implemented by admin/, called by sessions on the virtual database `larder`. Threads: any; must not block on I/O.
class ConsoleHandler {
public:
    virtual ~ConsoleHandler() = default;
    // `is_admin`: may change things; else read only, and a change answers 42501.
    virtual ConsoleReply run(std::string_view statement, bool is_admin) = 0;
};

}  // namespace larder
