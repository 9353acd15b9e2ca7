#include "admin/operations_api.h"

#include "admin/documents.h"
#include "admin/page.h"
#include "admin/pool_summary.h"

namespace larder::admin {
namespace {

json::object client_object(const ClientRow& client) {
    return {
        {"id", client.id},
        {"user", client.user},
        {"database", client.database},
        {"application_name", client.application_name},
        {"address", client.address},
        {"state", client.state},
        {"connected", static_cast<double>(client.connected_us) / 1e6},
        {"tls", client.is_tls},
        {"server_pid", client.has_server ? json::value(client.server.pid) : json::value(nullptr)},
        {"pinned_by", text_or_null(client.pinned_by)},
        {"pending_bytes", client.pending_bytes},
    };
}

json::object pool_object(const PoolSummary& pool) {
    json::object pinned;
    for (const auto& [reason, count] : pool.pinned) pinned[reason] = count;
    return {
        {"database", pool.database},
        {"user", pool.user},
        {"clients_active", pool.clients_active},
        {"clients_waiting", pool.clients_waiting},
        {"servers_active", pool.servers_active},
        {"servers_idle", pool.servers_idle},
        {"max_wait_seconds", static_cast<double>(pool.max_wait_us) / 1e6},
        {"pinned", std::move(pinned)},
    };
}

json::object setting_object(const SettingRow& setting) {
    return {
        {"name", setting.name},           {"value", setting.value},   {"default", setting.default_value},
        {"bounds", text_or_null(setting.bounds)}, {"description", setting.description}, {"needs_restart", setting.needs_restart},
    };
}

HttpReply no_settings() { return problem(404, "Not found", "there is no configuration to show"); }

}  // namespace

HttpReply answer_clients(const HttpRequest& request, const Sources& sources) {
    HttpReply refused;
    const auto page = page_of(request, {}, refused);
    return page ? paged_document("clients", sources.snapshot.clients(), *page, client_object) : refused;
}

HttpReply answer_client_kill(const HttpRequest& request, const Sources& sources) {
    const long id = whole_number(request.path.substr(request.path.rfind('/') + 1));
    if (id < 0 || !sources.snapshot.kill_client(static_cast<std::uint64_t>(id))) return problem(404, "Not found", "there is no client with this id");
    return document({{"killed", id}}, 202);
}

HttpReply answer_pools(const HttpRequest& request, const Sources& sources) {
    HttpReply refused;
    const auto page = page_of(request, {}, refused);
    if (!page) return refused;
    return paged_document("pools", pool_summaries(sources.snapshot), *page, pool_object);
}

HttpReply answer_config(const HttpRequest&, const Sources& sources) {
    if (sources.settings == nullptr) return no_settings();
    return document(list_object("settings", sources.settings->settings(), setting_object));
}

HttpReply answer_config_reload(const HttpRequest&, const Sources& sources) {
    if (sources.settings == nullptr) return no_settings();
    const auto outcome = sources.settings->reload();
    if (!outcome.error.empty()) return problem(409, "Not reloaded", outcome.error);
    return document({{"changed", json::array(outcome.changed.begin(), outcome.changed.end())},
                     {"needs_restart", json::array(outcome.needs_restart.begin(), outcome.needs_restart.end())}});
}

}  // namespace larder::admin
