#include "admin/webhook_report.h"

#include "admin/cells.h"
#include "admin/http_request.h"

namespace larder::admin {

ConsoleReply show_webhooks(const Webhooks& webhooks) {
    ConsoleReply reply;
    reply.columns = {"name", "preset", "sent", "requests", "retries", "dead", "dropped", "lag_seconds", "last_id", "problem"};
    for (const auto& one : webhooks.status()) {
        reply.rows.push_back({one.name, one.preset, number(one.sent), number(one.requests), number(one.retries), number(one.dead),
                              number(one.dropped), number(one.lag_seconds, 3), number(one.last_id),
                              one.problem.empty() ? std::nullopt : std::optional(one.problem)});
    }
    return reply;
}

HttpReply answer_webhooks(const HttpRequest&, const Sources& sources) {
    const auto all = sources.webhooks == nullptr ? std::vector<WebhookStatus>() : sources.webhooks->status();
    return document(list_object("webhooks", all, [](const WebhookStatus& one) {
        return json::object{{"name", one.name},       {"preset", one.preset}, {"sent", one.sent},       {"requests", one.requests},
                            {"retries", one.retries}, {"dead", one.dead},     {"dropped", one.dropped}, {"lag_seconds", one.lag_seconds},
                            {"last_id", one.last_id}, {"problem", text_or_null(one.problem)}};
    }));
}

}  // namespace larder::admin
