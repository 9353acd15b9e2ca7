// Files that survive a crash: what was written is on the disk when the call returns, and a reader sees all of it or nothing.
//
// Errors: std::runtime_error with the path and the system's reason. Threads: any; the callers keep each other away from one file.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace larder {

// Makes the folders above `path`; what is wrong with them, the call that follows says.
void make_folders_of(const std::string& path);

// The file is replaced and everybody sees it so, but the system could not say that a loss of power would leave it so.
class NotDurable : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// Replaces the file, or makes it, readable by its owner alone: written beside it, synchronised, and renamed. A symbolic link stays one:
// what it points to is replaced. Throws NotDurable where it is too late for "nothing was changed".
void replace_file(const std::string& path, std::string_view text);

// Writes all of it to the descriptor and synchronises it. `path` is for the error alone.
void write_durably(int file, std::string_view text, const std::string& path);

}  // namespace larder
