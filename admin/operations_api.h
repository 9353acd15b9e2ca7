// The part of /api/v1 by which a running Larder is looked after: clients, pools, configuration.
// Threads: any.
#pragma once

#include "admin/http_request.h"

namespace larder::admin {

HttpReply answer_clients(const HttpRequest& request, const Sources& sources);      // limit, offset
HttpReply answer_client_kill(const HttpRequest& request, const Sources& sources);  // /api/v1/clients/{id}: 202, since its worker does it
HttpReply answer_pools(const HttpRequest& request, const Sources& sources);        // limit, offset
HttpReply answer_config(const HttpRequest& request, const Sources& sources);
HttpReply answer_config_reload(const HttpRequest& request, const Sources& sources);  // 409: the new one is wrong, and the old one stays

}  // namespace larder::admin
