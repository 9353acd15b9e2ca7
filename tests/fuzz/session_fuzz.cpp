// Whole sessions, fed from both sides. The input is a small program: it logs clients in, sends bytes or ready-made messages
// from either side, splits them, and lets events happen in any order.
//
// Whatever comes: no crash, no broken invariant, no more consumed than was given, no endless loop, and what comes out stays
// in proportion to what went in.
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "cache/cache.h"
#include "fuzz/round_trip.h"
#include "protocol/authentication.h"
#include "protocol/backend.h"
#include "protocol/error.h"
#include "protocol/frontend.h"
#include "protocol/startup.h"
#include "proxy/session/session.h"
#include "proxy/session/statement_memo.h"
#include "rules/catalogue.h"

namespace larder::session {
namespace {

using fuzz::require;

class KeptOutcomes : public UnknownOutcomes {
public:
    void keep(cache::WriteTicket ticket, std::int32_t) override { tickets.push_back(std::move(ticket)); }
    std::vector<cache::WriteTicket> tickets;
};

struct World {
    World() {
        upstream.set_instance_number(42);
        upstream.set_not_serving(rules::Reason::none);
        publish();
    }
    ~World() {
        for (auto& ticket : outcomes.tickets) ticket.end();
    }

    // Facts for the words of now.
    void publish() {
        rules::CatalogueRows rows;
        rows.database = "shop";
        rows.server_version_num = 150000;
        for (const char* name : {"t", "u"}) {
            rules::RelationRow row{};
            row.oid = name[0] == 't' ? 101 : 102;
            row.schema = "public";
            row.name = name;
            row.kind = rules::RelationKind::table;
            rows.relations.push_back(std::move(row));
        }
        rows.relations[1].runs_code_on_update = true;
        auto& database = upstream.database("shop");
        auto facts = std::make_shared<CatalogueFacts>();
        facts->server_word = upstream.counters.server.load();
        facts->catalogue_word = database.counters().catalogue.load();
        database.begin_load();
        facts->catalogue = rules::Catalogue::build(std::move(rows));
        database.publish(std::move(facts));
    }

    UpstreamState upstream{4711};
    cache::Cache cache{cache::CacheLimits{.bytes_max = 1u << 20, .entry_bytes_max = 4096, .waiters_max = 4}};
    rules::EnvironmentPool environments;
    KeptOutcomes outcomes;
    StatementMemo memo{100, 1u << 18};
    Context context{.now = Instant{1'000'000},
                    .upstream = upstream,
                    .cache = cache,
                    .environments = environments,
                    .unknown_outcomes = outcomes,
                    .rules = std::make_shared<rules::UserRules>(),
                    .has_upstream_login = true,
                    .deferred_begin = true,
                    .limits = {.owed_max = 200},
                    .memo = &memo};
};

template <class Message>
std::string bytes_of(const Message& message) {
    std::string out;
    message.append_to(out);
    return out;
}

std::string parse(Bytes name, Bytes text) {
    std::string out;
    protocol::append_parse(out, name, text);
    return out;
}

std::string bind(Bytes portal, Bytes name) {
    std::string out;
    protocol::append_bind(out, portal, name, {}, {}, {});
    return out;
}

const std::vector<std::string>& client_messages() {
    static const std::vector<std::string> all = [] {
        std::vector<std::string> out;
        for (const char* text : {"SELECT n FROM t", "SELECT n FROM u", "UPDATE t SET n = 1", "UPDATE u SET n = 1", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a", "ROLLBACK TO a",
                                 "SET datestyle = 'ISO'", "SET larder.trace = on", "SHOW larder.cache", "SELECT f()", "DISCARD ALL", "DEALLOCATE s", "COPY t FROM STDIN",
                                 "COPY t TO STDOUT", "TRUNCATE t", "SELECT 1; SELECT 2", "BEGIN; UPDATE t SET n = 2; COMMIT", "SET TRANSACTION READ ONLY", "SET larder.max_age = x",
                                 "ALTER TABLE t ADD x int", "", "not SQL", "LISTEN c"}) {
            out.push_back(bytes_of(protocol::Query{text}));
        }
        for (const char* name : {"", "s"}) {
            out.push_back(parse(name, "SELECT n FROM t"));
            out.push_back(parse(name, "UPDATE t SET n = 1"));
            out.push_back(bind("", name));
            out.push_back(bind("p", name));
            out.push_back(bytes_of(protocol::Describe{protocol::Target::statement, name}));
            out.push_back(bytes_of(protocol::Close{protocol::Target::statement, name}));
        }
        for (const char* portal : {"", "p"}) {
            out.push_back(bytes_of(protocol::Describe{protocol::Target::portal, portal}));
            out.push_back(bytes_of(protocol::Execute{portal, 0}));
            out.push_back(bytes_of(protocol::Execute{portal, 1}));
            out.push_back(bytes_of(protocol::Close{protocol::Target::portal, portal}));
        }
        for (const Bytes fixed : {protocol::kSync, protocol::kFlush, protocol::kTerminate, protocol::kCopyDone}) out.emplace_back(fixed);
        out.push_back(bytes_of(protocol::CopyData{"1\n"}));
        out.push_back(bytes_of(protocol::CopyFail{"no"}));
        out.push_back(parse("", "SELECT n FROM t") + bind("", "") + bytes_of(protocol::Execute{{}, 0}) + std::string(protocol::kSync));
        return out;
    }();
    return all;
}

std::string row_of(const std::vector<std::string>& texts) {
    std::vector<protocol::ValueList::Value> values;
    for (const auto& text : texts) values.emplace_back(Bytes(text));
    std::string out;
    protocol::append_data_row(out, values);
    return out;
}

std::string environment_row() {
    std::vector<std::string> texts = {"app", "app", "{pg_catalog,public}", "none"};
    for (const auto name : rules::kKeyedSettings) {
        texts.emplace_back(name == "standard_conforming_strings" ? "on" : name == "backslash_quote" ? "safe_encoding" : name == "transform_null_equals" ? "off"
                           : name == "client_encoding" ? "UTF8" : name == "default_transaction_isolation" ? "read committed" : "public");
    }
    return row_of(texts);
}

std::string batch_answer(const std::string& rows) {
    std::string out = std::string(protocol::kParseComplete) + std::string(protocol::kBindComplete) + rows;
    protocol::CommandComplete{"SELECT 1"}.append_to(out);
    return out + std::string(protocol::kCloseComplete) + std::string(protocol::kCloseComplete) + std::string(protocol::ready_for_query('I'));
}

std::string set_up_answer() { return batch_answer(row_of({"f", "t", "t", "7"})) + batch_answer(environment_row()); }

const std::vector<std::string>& server_messages() {
    static const std::vector<std::string> all = [] {
        std::vector<std::string> out;
        for (const char status : {'I', 'T', 'E'}) out.emplace_back(protocol::ready_for_query(status));
        for (const Bytes fixed : {protocol::kParseComplete, protocol::kBindComplete, protocol::kCloseComplete, protocol::kNoData, protocol::kPortalSuspended,
                                  protocol::kEmptyQueryResponse, protocol::kCopyDone, protocol::kAuthenticationOk}) {
            out.emplace_back(fixed);
        }
        for (const char* tag : {"SELECT 1", "UPDATE 1", "BEGIN", "COMMIT", "ROLLBACK", "COPY 1", "SET"}) out.push_back(bytes_of(protocol::CommandComplete{tag}));
        std::string columns;
        const protocol::Field field{.name = "n", .type = 23, .type_bytes = 4};
        protocol::append_row_description(columns, std::span(&field, 1));
        out.push_back(columns);
        out.push_back(row_of({"1"}));
        out.push_back(columns + row_of({"1"}) + bytes_of(protocol::CommandComplete{"SELECT 1"}) + std::string(protocol::ready_for_query('I')));
        for (const char* severity : {"ERROR", "FATAL"}) {
            std::string error;
            protocol::append_error(error, {severity, "57014", "no"});
            out.push_back(error);
        }
        std::string notice, parameters, copy_in, copy_out, copy_both;
        protocol::append_notice(notice, {protocol::severity::kNotice, "00000", "hello"});
        protocol::append_parameter_description(parameters, {});
        protocol::append_copy_response(copy_in, protocol::CopyResponse::kInType, 0, {});
        protocol::append_copy_response(copy_out, protocol::CopyResponse::kOutType, 0, {});
        protocol::append_copy_response(copy_both, protocol::CopyResponse::kBothType, 0, {});
        for (auto* each : {&notice, &parameters, &copy_in, &copy_out, &copy_both}) out.push_back(*each);
        out.push_back(bytes_of(protocol::CopyData{"1\n"}));
        out.push_back(bytes_of(protocol::ParameterStatus{"DateStyle", "ISO"}));
        out.push_back(bytes_of(protocol::BackendKeyData{7, "1234"}));
        out.push_back(set_up_answer());
        out.push_back(batch_answer(environment_row()));
        return out;
    }();
    return all;
}

class Client : public cache::FlightWaiter {
public:
    Client(World& world, std::size_t& budget) : world_(world), budget_(budget) {
        ClientInfo info;
        info.id = 1;
        info.key = *protocol::CancelKey::make(99, "key4");
        info.key_secret_long = std::string(32, 'k');
        info.tls_available = true;
        session_ = std::make_unique<Session>(world.context, info, *this);
    }
    ~Client() override {
        Outputs out{to_client_, to_server_};
        deliver_flights();
        session_->on_client_closed(out);
        deliver_flights();
    }

    void on_result(cache::ResultRef result) override { flights_.emplace_back(std::move(result), false); }
    void on_no_result(bool leads) override { flights_.emplace_back(cache::ResultRef{}, leads); }

    void log_in() {
        protocol::StartupParametersBuilder parameters;
        parameters.add("user", "app").add("database", "shop");
        std::string startup;
        parameters.append_message_to(startup);
        from_client(startup);
        event(0);
        from_server(std::string(protocol::kAuthenticationOk) + bytes_of(protocol::BackendKeyData{7, "1234"}) + std::string(protocol::ready_for_query('I')));
        from_server(set_up_answer());
    }

    void from_client(Bytes bytes) {
        client_in_.append(bytes);
        pump();
    }

    void from_server(Bytes bytes) {
        server_in_.append(bytes);
        Outputs out{to_client_, to_server_};
        const auto consumed = session_->on_server_bytes(server_in_, out);
        require(consumed <= server_in_.size());
        drain();
        server_in_.erase(0, consumed);
        pump();
    }

    void event(unsigned which) {
        Outputs out{to_client_, to_server_};
        switch (which) {
            case 0: session_->on_server_connected(false, out); break;
            case 1: session_->on_server_failed("08001", "no", out); break;
            case 2: session_->on_server_closed(out); break;
            case 3: session_->on_client_closed(out); break;
            case 4: session_->on_cancel(out); break;
            case 5: session_->on_shutdown(out); break;
            case 6:
                if (tls_is_due_) session_->on_client_tls_ready();
                tls_is_due_ = false;
                break;
            default: deliver_flights(); break;
        }
        drain();
        pump();
    }

private:
    void deliver_flights() {
        while (!flights_.empty()) {
            auto [result, leads] = std::move(flights_.front());
            flights_.pop_front();
            session_->on_flight(std::move(result), leads);
            pump();
        }
    }

    void pump() {
        for (;;) {
            const auto needs = session_->take_needs();
            tls_is_due_ |= needs.start_client_tls;
            if (client_in_.empty() || session_->is_paused()) return;
            Outputs out{to_client_, to_server_};
            const auto consumed = session_->on_client_bytes(client_in_, out);
            require(consumed <= client_in_.size());
            drain();
            client_in_.erase(0, consumed);
            if (consumed == 0) return;
        }
    }

    // What comes out is charged to the budget that the input has earned.
    void drain() {
        for (auto* queue : {&to_client_, &to_server_}) {
            const auto bytes = queue->size();
            require(bytes <= budget_);
            budget_ -= bytes;
            queue->own();
            queue->consume(bytes);
        }
        (void)session_->state_name();
        (void)session_->is_idle();
        (void)session_->must_read_server();
    }

    World& world_;
    std::size_t& budget_;
    std::unique_ptr<Session> session_;
    OutputQueue to_client_, to_server_;
    std::string client_in_, server_in_;
    std::deque<std::pair<cache::ResultRef, bool>> flights_;
    bool tls_is_due_ = false;
};

// The program, byte by byte.
class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
    bool empty() const { return at_ == size_; }
    std::uint8_t byte() { return empty() ? std::uint8_t{0} : data_[at_++]; }
    Bytes bytes(std::size_t count) {
        const auto taken = std::min(count, size_ - at_);
        const Bytes out{reinterpret_cast<const char*>(data_) + at_, taken};
        at_ += taken;
        return out;
    }

private:
    const std::uint8_t* data_;
    std::size_t size_, at_ = 0;
};

void say(Client& client, bool is_server, const std::string& message, std::uint8_t how) {
    const auto part = how == 0 ? message.size() : how % std::max<std::size_t>(message.size(), 1);
    for (const Bytes piece : {Bytes(message).substr(0, part), Bytes(message).substr(part)}) {
        if (is_server) client.from_server(piece);
        else client.from_client(piece);
    }
}

void run(Input& input) {
    constexpr std::size_t kEarned = 1u << 16;   // per step: the questions that Larder asks by itself are some KB
    World world;
    std::size_t budget = kEarned * 8;
    std::vector<std::unique_ptr<Client>> clients;
    const auto start = input.byte();
    for (unsigned i = 0; i < 2; ++i) {
        clients.push_back(std::make_unique<Client>(world, budget));
        if ((start >> i & 1) == 0) clients.back()->log_in();
    }
    while (!input.empty()) {
        budget += kEarned;
        world.context.now = world.context.now + std::chrono::microseconds(1000);
        const auto op = input.byte();
        auto& client = *clients[op & 1];
        switch (op >> 1 & 7) {
            case 0: client.from_client(input.bytes(input.byte())); break;
            case 1: client.from_server(input.bytes(input.byte())); break;
            case 2:
            case 3: say(client, false, client_messages()[input.byte() % client_messages().size()], op >> 4); break;
            case 4:
            case 5: say(client, true, server_messages()[input.byte() % server_messages().size()], op >> 4); break;
            case 6: client.event(op >> 4 & 7); break;
            default:
                switch (op >> 4 & 3) {
                    case 0: world.publish(); break;
                    case 1: world.upstream.database("shop").counters().catalogue.move(); break;
                    case 2: world.upstream.counters.server.move(); break;
                    default: world.cache.sweep(world.context.now); break;
                }
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    run(input);
    return 0;
}

}  // namespace larder::session
