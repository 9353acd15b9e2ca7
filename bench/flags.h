// The command lines of the bench's servers: names with a number each, and --host.
#pragma once

#include <charconv>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace larder::bench {

// False if something is not understood, or is no number from 0.
inline bool read_flags(int argc, char** argv, std::initializer_list<std::pair<std::string_view, int*>> numbers, std::string& host) {
    if (argc % 2 == 0) return false;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view name = argv[i], value = argv[i + 1];
        if (name == "--host") {
            host = value;
            continue;
        }
        int* target = nullptr;
        for (const auto& [known, number] : numbers) {
            if (known == name) target = number;
        }
        if (target == nullptr) return false;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), *target);
        if (error != std::errc() || end != value.data() + value.size() || *target < 0) return false;
    }
    return true;
}

inline bool is_port(int number) { return number > 0 && number <= 65535; }

}  // namespace larder::bench
