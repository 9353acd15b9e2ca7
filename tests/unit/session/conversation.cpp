#include "unit/session/conversation.h"

#include "protocol/authentication.h"
#include "protocol/startup.h"

namespace larder::session::test {

using namespace std::string_literals;

namespace {

rules::RelationRow table(Oid oid, std::string name, rules::RelationKind kind = rules::RelationKind::table) {
    rules::RelationRow row;
    row.oid = oid;
    row.schema = "public";
    row.name = std::move(name);
    row.kind = kind;
    return row;
}

void drain(OutputQueue& queue, std::string& into) {
    while (!queue.empty()) {
        Bytes pieces[8];
        const auto count = queue.pieces(pieces, 8);
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < count; ++i) {
            into.append(pieces[i]);
            bytes += pieces[i].size();
        }
        queue.consume(bytes);
    }
}

}  // namespace

World::World() {
    upstream.set_instance_number(42);
    upstream.set_not_serving(rules::Reason::none);
    publish_catalogue();
}

bool World::publish_catalogue() {
    rules::CatalogueRows rows;
    rows.database = "shop";
    rows.server_version_num = 150000;
    rows.relations = {table(101, "t"), table(102, "u"), table(103, "child"), table(104, "v", rules::RelationKind::view), table(105, "s", rules::RelationKind::sequence), table(106, "r")};
    constexpr Oid kInt4 = 23, kText = 25;
    rows.columns = {{106, "id", kInt4}, {106, "email", kText}, {106, "n", kInt4}};
    rows.indexes = {{106, {"id"}, true}, {106, {"email"}, true}};
    rows.relations[3].view_definition = "SELECT t.n FROM public.t";
    rows.functions = {{.oid = 20000, .schema = "public", .name = "opaque", .volatility = 'v', .is_builtin = false, .is_native = false, .is_extension_member = false, .is_procedure = false},
                      {.oid = 2880, .schema = "pg_catalog", .name = "pg_advisory_lock", .volatility = 'v', .is_builtin = true, .is_native = true, .is_extension_member = false, .is_procedure = false},
                      {.oid = 2881, .schema = "pg_catalog", .name = "setseed", .volatility = 'v', .is_builtin = true, .is_native = true, .is_extension_member = false, .is_procedure = false},
                      {.oid = 2882, .schema = "pg_catalog", .name = "lastval", .volatility = 'v', .is_builtin = true, .is_native = true, .is_extension_member = false, .is_procedure = false},
                      {.oid = 2883, .schema = "pg_catalog", .name = "currval", .volatility = 'v', .is_builtin = true, .is_native = true, .is_extension_member = false, .is_procedure = false}};
    rows.foreign_keys = {{103, 101, 'c', 'a'}};
    auto facts = std::make_shared<CatalogueFacts>();
    facts->server_word = upstream.counters.server.load();
    facts->catalogue_word = database().counters().catalogue.load();
    facts->catalogue = rules::Catalogue::build(std::move(rows));
    return database().publish(std::move(facts));
}

Client::Client(World& world_in, bool log_in) : world(world_in) {
    ClientInfo info;
    info.id = 1;
    info.key = *protocol::CancelKey::make(99, "key4");
    info.key_secret_long = std::string(32, 'k');
    session = std::make_unique<Session>(world.context, info, *this);
    if (!log_in) return;
    protocol::StartupParametersBuilder parameters;
    parameters.add("user", "app").add("database", "shop");
    std::string startup;
    parameters.append_message_to(startup);
    says(startup);
    REQUIRE(needs.connect_server);
    Outputs out{to_client_, to_server_};
    session->on_server_connected(false, out);
    settle();
    std::string login(protocol::kAuthenticationOk);
    protocol::BackendKeyData{7, "1234"}.append_to(login);
    server(login + ready('I'));
    answer_set_up();
    REQUIRE(session->is_logged_in());
    got();
    server_got();
}

Client::~Client() {
    Outputs out{to_client_, to_server_};
    session->on_client_closed(out);
}

Client& Client::says(const std::string& bytes) {
    if (bytes.empty()) settle();  // what was held back may go on now
    for (std::size_t i = 0; i < bytes.size(); i += split_bytes ? 1 : bytes.size()) {
        from_client_.append(bytes, i, split_bytes ? 1 : bytes.size());
        settle();
    }
    return *this;
}

Client& Client::server(const std::string& bytes) {
    for (std::size_t i = 0; i < bytes.size(); i += split_bytes ? 1 : bytes.size()) {
        from_server_.append(bytes, i, split_bytes ? 1 : bytes.size());
        Outputs out{to_client_, to_server_};
        const auto consumed = session->on_server_bytes(from_server_, out);
        drain(to_client_, got_);
        drain(to_server_, server_got_);
        from_server_.erase(0, consumed);
        settle();
    }
    return *this;
}

void Client::settle() {
    Outputs out{to_client_, to_server_};
    if (!from_client_.empty() && !session->is_paused()) {
        const auto consumed = session->on_client_bytes(from_client_, out);
        drain(to_client_, got_);
        drain(to_server_, server_got_);
        from_client_.erase(0, consumed);
    }
    drain(to_client_, got_);
    drain(to_server_, server_got_);
    needs.merge(session->take_needs());
}

void Client::lend(std::unique_ptr<ServerLink> link) {
    event([&](Outputs& out) { session->on_server_lent(std::move(link), out); });
}

std::string Client::got() { return std::exchange(got_, {}); }
std::string Client::server_got() { return std::exchange(server_got_, {}); }

void Client::answer_set_up(char status) {
    const auto asked = server_got();
    const auto answer_login_settings = [&] {
        if (asked.find("pg_db_role_setting") == std::string::npos) return;
        std::string row;
        const protocol::ValueList::Value values[] = {Bytes(""), Bytes(login_triggers)};
        protocol::append_data_row(row, values);
        server("1\0\0\0\4" "2\0\0\0\4"s + row + complete("SELECT 1") + "3\0\0\0\4" "3\0\0\0\4"s + ready(status));
    };
    const bool comes_first = asked.find("pg_db_role_setting") < asked.find("pg_is_in_recovery");
    if (comes_first) answer_login_settings();
    if (asked.find("pg_is_in_recovery") != std::string::npos) {
        std::string row;
        const protocol::ValueList::Value values[] = {Bytes("f"), Bytes(has_instance_lock), Bytes("t"), Bytes("7")};
        protocol::append_data_row(row, values);
        server("1\0\0\0\4" "2\0\0\0\4"s + row + complete("SELECT 1") + "3\0\0\0\4" "3\0\0\0\4"s + ready(status));
    }
    if (!comes_first) answer_login_settings();
    if (asked.find("current_schemas") == std::string::npos) return;
    std::vector<protocol::ValueList::Value> values = {Bytes(current_user), Bytes(current_user), Bytes(search_path), Bytes("none")};
    std::vector<std::string> settings;
    for (const auto name : rules::kKeyedSettings) {
        if (name == "standard_conforming_strings") settings.emplace_back("on");
        else if (name == "backslash_quote") settings.emplace_back("safe_encoding");
        else if (name == "transform_null_equals") settings.emplace_back("off");
        else if (name == "client_encoding") settings.push_back(client_encoding);
        else if (name == "default_transaction_isolation") settings.push_back(isolation);
        else if (name == "search_path") settings.emplace_back("public");
        else settings.emplace_back("x");
    }
    for (const auto& setting : settings) values.emplace_back(Bytes(setting));
    std::string row;
    protocol::append_data_row(row, values);
    server("1\0\0\0\4" "2\0\0\0\4"s + row + complete("SELECT 1") + "3\0\0\0\4" "3\0\0\0\4"s + ready(status));
}

void Client::deliver_flights() {
    while (!flights.empty()) {
        auto [result, leads] = std::move(flights.front());
        flights.pop_front();
        session->on_flight(std::move(result), leads);
        settle();
    }
}

}  // namespace larder::session::test
