// Files that are part of the program: those of admin/assets, as they were when it was built (cmake/EmbedAssets.cmake).
// Threads: any; they are constant.
#pragma once

#include <span>
#include <string_view>

namespace larder::admin {

struct Asset {
    std::string_view name, bytes;
};

std::span<const Asset> assets();

}  // namespace larder::admin
