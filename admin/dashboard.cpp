#include "admin/dashboard.h"

#include "admin/assets.h"

namespace larder::admin {
namespace {

std::string_view content_type(std::string_view name) {
    if (name.ends_with(".html")) return "text/html; charset=utf-8";
    if (name.ends_with(".css")) return "text/css; charset=utf-8";
    if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
    return "image/svg+xml";
}

}  // namespace

HttpReply dashboard_asset(const HttpRequest& request, const Sources&) {
    const auto name = request.path == "/" ? std::string_view("index.html") : request.path.substr(request.path.rfind('/') + 1);
    for (const auto& asset : assets()) {
        if (asset.name == name) return {200, std::string(content_type(name)), std::string(asset.bytes)};
    }
    return problem(404, "Not found", "the dashboard has no such file");
}

}  // namespace larder::admin
