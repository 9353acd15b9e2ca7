// larder import pgbouncer.ini [userlist.txt]: a larder.toml that does what a PgBouncer did, with comments that say what has no
// counterpart, or is as it should be without being set.
//
// Threads: functions of their arguments; they read files.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace larder::config {

// The text of larder.toml. `user_list`: goes before the ini file's auth_file; empty: none. Throws ConfigError for what cannot be read.
std::string import_pgbouncer(const std::string& ini_file, const std::string& user_list);

// The command, with what stands behind "import". Returns the exit code; throws ConfigError.
int run_import(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace larder::config
