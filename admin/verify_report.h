// Checks of kept answers, quarantine, and EXPLAIN LARDER of a statement that nobody sends: in the console and over HTTP.
// Threads: any.
#pragma once

#include <string_view>
#include <vector>

#include "admin/http_request.h"
#include "base/console.h"
#include "base/verification.h"

namespace larder::admin {

ConsoleReply show_verify(const Verification& checks);
// The rows that differ are values: `with_values` false leaves them out.
ConsoleReply show_findings(const Verification& checks, bool with_values);
ConsoleReply show_quarantine(const Verification& checks);
// VERIFY CACHE [n]: answers when the check is over.
ConsoleReply verify_cache(Verification& checks, std::string_view entries);
// LIFT QUARANTINE fingerprint [database].
ConsoleReply lift_quarantine(Verification& checks, const std::vector<std::string>& names);

// EXPLAIN LARDER IN database [AS role] statement. `takes`: the text is one, right or wrong.
bool is_explain_command(std::string_view statement);
ConsoleReply run_explain_command(Verification& checks, std::string_view statement);

HttpReply answer_verify(const HttpRequest& request, const Sources& sources);
HttpReply answer_verify_start(const HttpRequest& request, const Sources& sources);
HttpReply answer_lift(const HttpRequest& request, const Sources& sources);
HttpReply answer_explain(const HttpRequest& request, const Sources& sources);

}  // namespace larder::admin
