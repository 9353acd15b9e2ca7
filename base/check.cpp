#include "base/check.h"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace larder {

void throw_broken_invariant(const char* condition, const char* file, int line) {
    throw BrokenInvariant(std::string(condition) + " does not hold at " + file + ":" + std::to_string(line));
}

void abort_broken_invariant(const char* condition, const char* file, int line) noexcept {
    std::fprintf(stderr, "larder: %s does not hold at %s:%d; stopping, since shared state cannot be trusted\n", condition, file, line);
    std::abort();
}

}  // namespace larder
