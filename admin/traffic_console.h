// The console's commands about statements and advice: what is asked, what is slow, what would help, and putting it into force.
//
// Threads: any. No call waits for PostgreSQL.
#pragma once

#include <string>
#include <vector>

#include "base/advice.h"
#include "base/console.h"
#include "base/traffic.h"

namespace larder::admin {

inline constexpr std::size_t kConsoleQueriesMax = 1000;

ConsoleReply show_queries(const StatementSource& traffic);                        // what takes most of the server's time first
ConsoleReply show_slow_queries(const AdviceSource& advice, bool with_values);
ConsoleReply show_advice(const AdviceSource& advice, bool with_values);
ConsoleReply show_deployments(const AdviceSource& advice, bool with_values);
// `id`: as it was typed. `with_values`: for superusers.
ConsoleReply explain_advice(const AdviceSource& advice, const std::string& id, bool with_values);
ConsoleReply advise_workload(AdviceSource& advice, const std::string& budget);    // "500MB"; "": no limit
ConsoleReply deploy_advice(AdviceSource& advice, const std::string& id, const std::string& option);  // option "": the best
ConsoleReply revert_deployment(AdviceSource& advice, const std::string& id);

// One advice as lines for people: title, evidence, what to run, gain, risk, how to undo.
std::vector<std::string> advice_lines(const AdviceRow& row);

}  // namespace larder::admin
