// The dashboard: one page and its files, which are part of the program. It loads nothing from elsewhere and keeps nothing but, until the
// tab is closed, the token that somebody typed in.
// Threads: any.
#pragma once

#include "admin/http_request.h"

namespace larder::admin {

// "/" or "/assets/NAME".
HttpReply dashboard_asset(const HttpRequest& request, const Sources& sources);

}  // namespace larder::admin
