// What is told of webhooks: SHOW WEBHOOKS, /api/v1/webhooks.
// Threads: any.
#pragma once

#include "admin/documents.h"
#include "admin/webhooks.h"
#include "base/console.h"

namespace larder::admin {

ConsoleReply show_webhooks(const Webhooks& webhooks);
HttpReply answer_webhooks(const HttpRequest& request, const Sources& sources);

}  // namespace larder::admin
