#include "admin/control_console.h"

#include <algorithm>
#include <string_view>

#include "admin/cells.h"

namespace larder::admin {
namespace {

ConsoleReply pause(Operations& operations, const std::string& database) {
    const bool is_new = operations.pause(database);
    if (!is_new && database.empty()) return failure("55000", "everything is paused already", "RESUME lets it go on.");
    auto reply = done("PAUSE");
    reply.is_done = [&operations, database] { return operations.servers_open(database) == 0; };
    // Whoever gives up waiting does not want it paused.
    reply.on_cancel = [&operations, database] { operations.resume(database); };
    return reply;
}

ConsoleReply resume(Operations& operations, const std::string& database) {
    if (operations.resume(database)) return done("RESUME");
    if (database.empty()) return failure("55000", "not everything is paused", "RESUME with a name resumes one database; SHOW DATABASES has those that are paused.");
    const auto* hint = operations.is_all_paused() ? "Everything is: RESUME without a name lets it go on." : "";
    return failure("55000", "database " + database + " is not paused", hint);
}

ConsoleReply wait_close(Operations& operations, const std::string& database) {
    auto reply = done("WAIT_CLOSE");
    reply.is_done = [&operations, database] { return operations.servers_old(database) == 0; };
    return reply;
}

ConsoleReply shut_down(Operations& operations, std::string_view how) {
    if (how.empty()) operations.shut_down(Shutdown::at_once);
    else if (how == "WAIT_FOR_CLIENTS") operations.shut_down(Shutdown::wait_for_clients);
    else if (how == "WAIT_FOR_SERVERS") operations.shut_down(Shutdown::wait_for_servers);
    else return failure("42601", "SHUTDOWN takes WAIT_FOR_CLIENTS, WAIT_FOR_SERVERS or nothing");
    return done("SHUTDOWN");
}

}  // namespace

const std::vector<ControlCommand>& control_commands() {
    static const std::vector<ControlCommand> all = {
        {{"PAUSE"}, "close all server connections as they are given back and open none; answers when the last is closed (admins only)"},
        {{"PAUSE", "n"}, "the same for one database"},
        {{"RESUME"}, "go on after PAUSE or KILL (admins only)"},
        {{"RESUME", "n"}, "the same for one database"},
        {{"RECONNECT"}, "close the server connections that are there now as they are given back (admins only)"},
        {{"RECONNECT", "n"}, "the same for one database"},
        {{"WAIT_CLOSE"}, "answers when those that RECONNECT wants closed are closed (admins only)"},
        {{"WAIT_CLOSE", "n"}, "the same for one database"},
        {{"KILL"}, "end all clients and server connections now, and PAUSE (admins only)"},
        {{"KILL", "n"}, "the same for one database"},
        {{"DISABLE", "n"}, "let no new clients in to a database (admins only)"},
        {{"ENABLE", "n"}, "let them in again (admins only)"},
        {{"SHUTDOWN"}, "end now (admins only)"},
        {{"SHUTDOWN", "n"}, "end later: WAIT_FOR_CLIENTS, when all have left; WAIT_FOR_SERVERS, each client between its transactions"},
    };
    return all;
}

bool is_control_command(const std::vector<std::string>& words) {
    return !words.empty() && std::any_of(control_commands().begin(), control_commands().end(), [&words](const auto& command) { return command.words[0] == words[0]; });
}

ConsoleReply run_control_command(Operations& operations, const std::vector<std::string>& words, const std::vector<std::string>& names) {
    const auto& command = words[0];
    if (command == "SHUTDOWN") return shut_down(operations, words.size() > 1 ? words[1] : "");
    const std::string database = names.size() > 1 ? names[1] : "";
    if (!database.empty() && !operations.is_known(database)) {
        return failure("3D000", "no such database: " + database, "SHOW DATABASES lists those that clients have asked for so far; names are taken as they are written.");
    }
    if (command == "PAUSE") return pause(operations, database);
    if (command == "RESUME") return resume(operations, database);
    if (command == "WAIT_CLOSE") return wait_close(operations, database);
    if (command == "RECONNECT") operations.reconnect(database);
    else if (command == "KILL") operations.kill(database);
    else operations.set_disabled(database, command == "DISABLE");
    return done(command);
}

ConsoleReply show_state(const Operations& operations) {
    const bool is_paused = operations.is_all_paused();
    ConsoleReply reply;
    reply.columns = {"key", "value"};
    reply.rows = {{"active", is_paused ? "no" : "yes"}, {"paused", is_paused ? "yes" : "no"}, {"suspended", "no"}};
    return reply;
}

}  // namespace larder::admin
