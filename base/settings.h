// The configuration in force, and reading it again: for admin/, by plain values. Secrets never leave here.
//
// Implemented and wired by main.
#pragma once

#include <string>
#include <vector>

namespace larder {

struct SettingRow {
    std::string name;                     // "cache.bytes_max"
    std::string value, default_value;     // as they would stand in larder.toml; passwords are ***
    std::string bounds, description;
    bool needs_restart = false;           // a reload cannot change it
};

struct ReloadOutcome {
    std::string error;                    // empty: done; else everything stays as it was
    std::vector<std::string> changed;     // keys with another value than at the last reload, which count now; "[[rule]]", "[[webhook]]"
    std::vector<std::string> needs_restart;  // keys that differ from what runs and wait for a restart
};

// Threads: any.
class SettingsSource {
public:
    virtual ~SettingsSource() = default;
    virtual std::vector<SettingRow> settings() const = 0;   // in the order of `larder --print-config`
    // Reads files, and waits for a reload that is under way.
    virtual ReloadOutcome reload() = 0;
};

}  // namespace larder
