#include "admin/pooler_tables.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <malloc.h>

#include "admin/cells.h"
#include "admin/pool_summary.h"

namespace larder::admin {
namespace {

using Cell = std::optional<std::string>;
using Row = std::vector<Cell>;

constexpr std::int64_t kSecondUs = 1'000'000;

Cell text_or_null(const std::string& text) { return text.empty() ? std::nullopt : Cell(text); }
std::string seconds_of(std::int64_t us) { return std::to_string(std::max<std::int64_t>(0, us) / kSecondUs); }
std::string microseconds_of(std::int64_t us) { return std::to_string(std::max<std::int64_t>(0, us) % kSecondUs); }
std::string zero_or_one(bool value) { return value ? "1" : "0"; }

// "127.0.0.1:5123" in two; a Unix socket has no port.
std::pair<std::string, std::string> split_address(const std::string& address) {
    const auto colon = address.rfind(':');
    if (colon == std::string::npos) return {address, "0"};
    return {address.substr(0, colon), address.substr(colon + 1)};
}

// A table that is filled column by column, so that each column's name stands beside its value.
class RowBuilder {
public:
    explicit RowBuilder(ConsoleReply& reply) : reply_(reply), is_first_(reply.columns.empty()) {}
    ~RowBuilder() { reply_.rows.push_back(std::move(row_)); }
    RowBuilder(const RowBuilder&) = delete;
    RowBuilder& operator=(const RowBuilder&) = delete;

    void add(const char* column, Cell value) {
        if (is_first_) reply_.columns.emplace_back(column);
        row_.push_back(std::move(value));
    }

private:
    ConsoleReply& reply_;
    Row row_;
    const bool is_first_;
};

// A table with no row yet has its columns all the same.
template <class Fill>
ConsoleReply with_columns(Fill fill, std::size_t rows) {
    ConsoleReply reply;
    for (std::size_t i = 0; i < std::max<std::size_t>(1, rows); ++i) {
        RowBuilder row(reply);
        fill(row, rows == 0 ? std::nullopt : std::optional(i));
    }
    if (rows == 0) reply.rows.clear();
    return reply;
}

// The same for a list of things, of which an empty one stands for none.
template <class Thing, class Fill>
ConsoleReply table_of(const std::vector<Thing>& things, Fill fill) {
    return with_columns([&](RowBuilder& row, std::optional<std::size_t> index) { fill(row, index ? things[*index] : Thing{}); }, things.size());
}

ConsoleReply no_rows(std::vector<std::string> columns) {
    ConsoleReply reply;
    reply.columns = std::move(columns);
    return reply;
}

// --- statistics

// The counts of PgBouncer in its order, with the names that they have as a total, as a mean, and in the tables of one half.
struct StatsColumn {
    const char* total;
    const char* mean;
    const char* alone;
    std::uint64_t DatabaseTraffic::* value;  // null: not measured
};
constexpr StatsColumn kStatsColumns[] = {
    {"total_server_assignment_count", "avg_server_assignment_count", "server_assignment_count", &DatabaseTraffic::assignments},
    {"total_xact_count", "avg_xact_count", "xact_count", &DatabaseTraffic::transactions},
    {"total_query_count", "avg_query_count", "query_count", &DatabaseTraffic::statements},
    {"total_received", "avg_recv", "bytes_received", &DatabaseTraffic::received},
    {"total_sent", "avg_sent", "bytes_sent", &DatabaseTraffic::sent},
    {"total_xact_time", "avg_xact_time", "xact_time", &DatabaseTraffic::transaction_us},
    {"total_query_time", "avg_query_time", "query_time", &DatabaseTraffic::query_us},
    {"total_wait_time", "avg_wait_time", "wait_time", &DatabaseTraffic::wait_us},
    {"total_client_parse_count", "avg_client_parse_count", "client_parse_count", nullptr},
    {"total_server_parse_count", "avg_server_parse_count", "server_parse_count", nullptr},
    {"total_bind_count", "avg_bind_count", "bind_count", nullptr},
};

Cell stats_cell(const StatsColumn& column, const DatabaseTraffic& traffic) { return column.value == nullptr ? std::nullopt : Cell(number(traffic.*column.value)); }

// --- clients and servers

// One end of a connection, as SHOW CLIENTS and SHOW SERVERS have it.
struct SocketRow {
    std::string type, user, database, replication, state, address, local_address, tls, application_name;
    std::int64_t connected_us = 0, request_us = 0, wait_us = 0;
    bool must_close = false;
    std::uint64_t id = 0, prepared_statements = 0;
    std::optional<std::uint64_t> link;
    std::int64_t pid = 0;
    std::uint64_t pending_bytes = 0;
    std::string pinned_by;
};

SocketRow client_socket(const ClientRow& client) {
    SocketRow row;
    row.type = "C";
    row.user = client.user, row.database = client.database, row.state = client.state;
    row.replication = client.is_replication ? "physical" : "none";
    row.address = client.address, row.local_address = client.local_address;
    row.tls = client.is_tls ? "TLS" : "";
    row.application_name = client.application_name;
    row.connected_us = client.connected_us, row.request_us = client.request_us, row.wait_us = client.wait_us;
    row.id = client.id, row.prepared_statements = client.prepared_statements;
    if (client.has_server) row.link = client.server.id;
    row.pending_bytes = client.pending_bytes, row.pinned_by = client.pinned_by;
    return row;
}

SocketRow server_socket(const ServerRow& server, const std::string& database, const std::string& user, const std::string& upstream) {
    SocketRow row;
    row.type = "S";
    row.user = user, row.database = database, row.state = "idle";
    row.replication = "none";
    row.address = upstream, row.local_address = server.local_address;
    row.tls = server.is_tls ? "TLS" : "";
    row.connected_us = server.connected_us, row.request_us = server.used_us;
    row.must_close = server.must_close;
    row.id = server.id, row.prepared_statements = server.prepared_statements, row.pid = server.pid;
    return row;
}

std::vector<SocketRow> client_sockets(const SnapshotSource& source) {
    std::vector<SocketRow> rows;
    for (const auto& client : source.clients()) rows.push_back(client_socket(client));
    return rows;
}

std::vector<SocketRow> server_sockets(const SnapshotSource& source) {
    const auto upstream = source.snapshot().upstream;
    std::vector<SocketRow> rows;
    for (const auto& client : source.clients()) {
        if (!client.has_server) continue;
        auto row = server_socket(client.server, client.database, client.user, upstream);
        row.state = client.state == "idle" ? "idle" : "active";
        row.replication = client.is_replication ? "physical" : "none";
        row.link = client.id, row.application_name = client.application_name;
        rows.push_back(std::move(row));
    }
    for (const auto& pool : source.pools()) {
        for (const auto& server : pool.idle_servers) rows.push_back(server_socket(server, pool.database, pool.user, upstream));
    }
    return rows;
}

void add_socket(RowBuilder& row, const SocketRow& socket) {
    const auto [address, port] = split_address(socket.address);
    const auto [local_address, local_port] = split_address(socket.local_address);
    row.add("type", socket.type);
    row.add("user", socket.user);
    row.add("database", socket.database);
    row.add("replication", socket.replication);
    row.add("state", socket.state);
    row.add("addr", address);
    row.add("port", port);
    row.add("local_addr", local_address);
    row.add("local_port", local_port);
    row.add("connect_time", timestamp(socket.connected_us));
    row.add("request_time", timestamp(socket.request_us));
    row.add("wait", seconds_of(socket.wait_us));
    row.add("wait_us", microseconds_of(socket.wait_us));
    row.add("close_needed", zero_or_one(socket.must_close));
    row.add("ptr", number(socket.id));
    row.add("link", socket.link ? Cell(number(*socket.link)) : std::nullopt);
    row.add("remote_pid", std::to_string(socket.pid));
    row.add("tls", socket.tls);
    row.add("application_name", socket.application_name);
    row.add("prepared_statements", number(socket.prepared_statements));
    row.add("id", number(socket.id));
}

ConsoleReply show_socket_rows(const std::vector<SocketRow>& sockets, bool are_clients) {
    return table_of(sockets, [are_clients](RowBuilder& row, const SocketRow& socket) {
        add_socket(row, socket);
        if (!are_clients) return;
        row.add("pending_bytes", number(socket.pending_bytes));
        row.add("pinned_by", text_or_null(socket.pinned_by));
    });
}

// --- users

struct UserSummary {
    std::string name;
    std::uint64_t clients = 0, servers = 0;
};

std::vector<UserSummary> user_summaries(const SnapshotSource& source) {
    std::map<std::string, UserSummary> users;
    for (const auto& client : source.clients()) {
        if (client.user.empty()) continue;
        ++users[client.user].clients;
        users[client.user].servers += client.has_server ? 1 : 0;
    }
    for (const auto& pool : source.pools()) users[pool.user].servers += pool.idle;
    std::vector<UserSummary> rows;
    for (auto& [name, user] : users) {
        user.name = name;
        rows.push_back(user);
    }
    return rows;
}

}  // namespace

ConsoleReply show_stats(const SnapshotSource& source, StatsPart part) {
    return table_of(source.traffic(), [&](RowBuilder& row, const DatabaseTrafficRow& database) {
        row.add("database", database.database);
        for (const auto& column : kStatsColumns) {
            if (part != StatsPart::averages) row.add(part == StatsPart::all ? column.total : column.alone, stats_cell(column, database.totals));
        }
        for (const auto& column : kStatsColumns) {
            if (part != StatsPart::totals) row.add(part == StatsPart::all ? column.mean : column.alone, stats_cell(column, database.means));
        }
    });
}

ConsoleReply show_totals(const SnapshotSource& source) {
    DatabaseTraffic totals, means;
    for (const auto& database : source.traffic()) {
        for (const auto& column : kStatsColumns) {
            if (column.value == nullptr) continue;
            totals.*column.value += database.totals.*column.value;
            means.*column.value += database.means.*column.value;
        }
    }
    ConsoleReply reply = no_rows({"name", "value"});
    for (const auto& column : kStatsColumns) reply.rows.push_back({column.total, stats_cell(column, totals)});
    for (const auto& column : kStatsColumns) reply.rows.push_back({column.mean, stats_cell(column, means)});
    return reply;
}

ConsoleReply show_clients(const SnapshotSource& source) { return show_socket_rows(client_sockets(source), true); }
ConsoleReply show_servers(const SnapshotSource& source) { return show_socket_rows(server_sockets(source), false); }

ConsoleReply show_sockets(const SnapshotSource& source) {
    auto sockets = client_sockets(source);
    for (auto& server : server_sockets(source)) sockets.push_back(std::move(server));
    return table_of(sockets, [](RowBuilder& row, const SocketRow& socket) {
        add_socket(row, socket);
        for (const auto* column : {"recv_pos", "pkt_pos", "pkt_remain", "send_pos"}) row.add(column, std::nullopt);
        row.add("send_remain", number(socket.pending_bytes));
        for (const auto* column : {"pkt_avail", "send_avail"}) row.add(column, std::nullopt);
    });
}

// By database and user, and which clients keep their connection: "2 listen, 1 temp_objects".
ConsoleReply show_pools(const SnapshotSource& source) {
    const auto mode = source.snapshot().pool_mode;
    return table_of(pool_summaries(source), [&mode](RowBuilder& row, const PoolSummary& pool) {
        row.add("database", pool.database);
        row.add("user", pool.user);
        row.add("cl_active", number(pool.clients_active));
        row.add("cl_waiting", number(pool.clients_waiting));
        row.add("cl_active_cancel_req", "0");    // a request waits for no connection, and belongs to no pool
        row.add("cl_waiting_cancel_req", "0");
        row.add("sv_active", number(pool.servers_active));
        row.add("sv_active_cancel", "0");
        row.add("sv_being_canceled", "0");
        row.add("sv_idle", number(pool.servers_idle));
        row.add("sv_used", "0");                 // an idle connection needs no question before it is lent
        row.add("sv_tested", "0");
        row.add("sv_login", number(pool.servers_logging_in));
        row.add("maxwait", seconds_of(pool.max_wait_us));
        row.add("maxwait_us", microseconds_of(pool.max_wait_us));
        row.add("pool_mode", mode);
        row.add("load_balance_hosts", std::nullopt);
        row.add("pinned_by", text_or_null(pool.pinned_text()));
    });
}

ConsoleReply show_databases(const SnapshotSource& source) {
    const Snapshot s = source.snapshot();
    const auto [host, port] = split_address(s.upstream);
    std::map<std::string, std::uint64_t> clients;
    for (const auto& client : source.clients()) ++clients[client.database];
    return table_of(s.databases, [&, host = host, port = port](RowBuilder& row, const Snapshot::Database& database) {
        row.add("name", database.name);
        row.add("host", host);
        row.add("port", port);
        row.add("database", database.name);
        row.add("force_user", std::nullopt);
        row.add("pool_size", number(s.pool_size));
        row.add("min_pool_size", "0");
        row.add("reserve_pool_size", "0");
        row.add("server_lifetime", number(s.pool_lifetime_seconds));
        row.add("pool_mode", s.pool_mode);
        row.add("load_balance_hosts", std::nullopt);
        row.add("max_connections", "0");         // without a limit, as in PgBouncer
        row.add("current_connections", number(database.servers));
        row.add("max_client_connections", "0");
        row.add("current_client_connections", number(clients[database.name]));
        row.add("paused", zero_or_one(database.is_paused));
        row.add("disabled", zero_or_one(database.is_disabled));
        row.add("facts", database.facts_valid ? "valid" : (database.has_facts ? "old" : "none"));
        row.add("relations", number(database.relations));
        row.add("catalogue_loads", number(database.catalogue_loads));
        row.add("catalogue_bytes", number(database.catalogue_bytes));
        row.add("unknown_in_flight_seconds", number(database.unknown_in_flight_seconds, 3));
        row.add("load_error", text_or_null(database.load_error));
    });
}

ConsoleReply show_users(const SnapshotSource& source) {
    return table_of(user_summaries(source), [](RowBuilder& row, const UserSummary& user) {
        row.add("name", user.name);
        row.add("pool_size", std::nullopt);
        row.add("reserve_pool_size", std::nullopt);
        row.add("pool_mode", std::nullopt);
        row.add("max_user_connections", "0");
        row.add("current_connections", number(user.servers));
        row.add("max_user_client_connections", "0");
        row.add("current_client_connections", number(user.clients));
    });
}

ConsoleReply show_lists(const SnapshotSource& source) {
    const Snapshot s = source.snapshot();
    const auto clients = source.clients();
    const auto logging_in = std::count_if(clients.begin(), clients.end(), [](const ClientRow& client) { return client.state == "login"; });
    const std::pair<const char*, std::uint64_t> items[] = {
        {"databases", s.databases.size()}, {"users", user_summaries(source).size()}, {"peers", 0}, {"pools", pool_summaries(source).size()}, {"peer_pools", 0},
        {"free_clients", 0}, {"used_clients", s.clients}, {"login_clients", static_cast<std::uint64_t>(logging_in)}, {"free_servers", 0},
        {"used_servers", s.servers + s.idle_servers}, {"dns_names", 0}, {"dns_zones", 0}, {"dns_queries", 0}, {"dns_pending", 0},
        {"workers", static_cast<std::uint64_t>(s.workers)}};
    ConsoleReply reply = no_rows({"list", "items"});
    for (const auto& [list, count] : items) reply.rows.push_back({list, number(count)});
    return reply;
}

ConsoleReply show_memory(const SnapshotSource& source) {
    const Snapshot s = source.snapshot();
    std::uint64_t catalogues = 0;
    for (const auto& database : s.databases) catalogues += database.catalogue_bytes;
    const auto heap = ::mallinfo2();
    ConsoleReply reply = no_rows({"name", "size", "used", "free", "memtotal"});
    const auto add = [&reply](const char* name, std::uint64_t count, std::uint64_t bytes) {
        reply.rows.push_back({name, number(count == 0 ? 0 : bytes / count), number(count), "0", number(bytes)});
    };
    add("cached_answers", s.cache.entries, s.cache.bytes);
    add("catalogues", s.databases.size(), catalogues);
    // In bytes: what the allocator has given out, what it keeps, and both.
    reply.rows.push_back({"heap", "1", number(heap.uordblks + heap.hblkhd), number(heap.fordblks), number(heap.arena + heap.hblkhd)});
    return reply;
}

ConsoleReply show_dns_hosts(const SnapshotSource&) { return no_rows({"hostname", "ttl", "addrs"}); }
ConsoleReply show_dns_zones(const SnapshotSource&) { return no_rows({"zonename", "serial", "count"}); }
ConsoleReply show_peers(const SnapshotSource&) { return no_rows({"peer_id", "host", "port", "pool_size"}); }
ConsoleReply show_peer_pools(const SnapshotSource&) { return no_rows({"database", "cl_active_cancel_req", "cl_waiting_cancel_req", "sv_active_cancel", "sv_login"}); }

}  // namespace larder::admin
