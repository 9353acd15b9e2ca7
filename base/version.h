#pragma once

#include <string_view>

namespace larder {

// Kept equal to project(larder VERSION …) in CMakeLists.txt.
inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace larder
