// Files that survive a crash: what was written is on the disk when the call returns, and a reader sees all of it or nothing.
//
// Errors: std::runtime_error with the path and the system's reason. Threads: any; the callers keep each other away from one file.
#pragma once

#include <string>
#include <string_view>

namespace larder {

// Makes the folders above `path`; what is wrong with them, the call that follows says.
void make_folders_of(const std::string& path);

// Replaces the file, or makes it, readable by its owner alone: written beside it, synchronised, and renamed.
void replace_file(const std::string& path, std::string_view text);

// Writes all of it to the descriptor and synchronises it. `path` is for the error alone.
void write_durably(int file, std::string_view text, const std::string& path);

}  // namespace larder
