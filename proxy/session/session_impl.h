// The inside of a session. One class, in files by what they do:
//   session.cpp        events, needs and the pauses
//   startup_flow.cpp   the client's first packets, the relayed login, the set-up of the server connection
//   login_flow.cpp     logins by Larder's user file: the client's, and then the one at the server
//   frontend_flow.cpp  the client's messages: forward them in order, and remember what they will change
//   read_flow.cpp      a cacheable read: lookup, flight, capture
//   barrier_flow.cpp   … that waits for the change feed first
//   remote_flow.cpp    the same in the second level, when memory has nothing
//   backend_flow.cpp   the server's messages: to whom they belong, what they settle
//   pool_flow.cpp      in the pooled modes: when a server connection is asked for, and when it is given back
//   carry_flow.cpp     what a session takes with it from one server connection to the next
//   leave_flow.cpp     what becomes of its server connection when the client leaves
//   deferred_flow.cpp  BEGIN, COMMIT and ROLLBACK that Larder answers itself
//   ask_flow.cpp       which transaction of the server a write belongs to, for the change feed
//   traffic_flow.cpp   what is counted of each statement
//   console_flow.cpp   the virtual database `larder`
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "proxy/session/batch.h"
#include "proxy/session/block.h"
#include "proxy/session/cache_key.h"
#include "proxy/session/database_counts.h"
#include "proxy/session/deferred_block.h"
#include "proxy/session/own_settings.h"
#include "proxy/session/pool_state.h"
#include "proxy/session/reply_queue.h"
#include "proxy/session/sequence_watch.h"
#include "proxy/session/session.h"
#include "proxy/session/statement_memo.h"
#include "proxy/session/writes.h"
#include "protocol/backend.h"
#include "protocol/client_login.h"
#include "protocol/frame.h"
#include "protocol/frontend.h"

namespace larder::session {

// Frames up to this size are looked at as a whole; longer ones are passed on in pieces and never parsed.
inline constexpr std::size_t kWholeFrameBytesMax = 128 * 1024;

struct Session::Impl {
    enum class Phase : std::uint8_t {
        startup,        // waiting for the client's first packets
        tls_handshake,  // the I/O layer shakes hands
        own_login,      // Larder asks by its user file, the client answers; own_login is null until the server has said who the user is
        connecting,     // to the server
        login,          // the server asks, the client answers
        set_up,         // logged in; Larder verifies the server and reads the environment
        ready,          // conversation
        console,        // virtual database: no server
        closed,         // nothing more is read or answered
    };
    // Why the client's next message has to wait.
    enum class Pause : std::uint8_t { none, flight, second_level, environment, owed, server, leftovers, barrier };
    // Of the message in hand: what came of its wait for the change feed, if it had to.
    enum class Barrier : std::uint8_t { none, passed, late, refused };
    // Who waits for whom.
    struct Flight {
        enum class State : std::uint8_t { none, waiting, landed, leads, alone } state = State::none;
        std::string key;
        std::uint64_t hash = 0;
        cache::ResultRef result;
    };
    // A question to the second level, and its answer.
    struct Remote {
        enum class State : std::uint8_t { none, asked, answered } state = State::none;
        std::uint64_t number = 0;  // of the newest question
        cache::ResultRef result;   // not judged yet
    };
    struct LoginParameters {
        std::vector<std::pair<std::string, std::string>> all;  // in the client's order, without _pq_. options
        std::vector<std::string> unknown_options;              // _pq_. options
        std::string user, database, application_name;
        std::uint16_t minor = 0;                               // asked for
        bool is_replication = false;
        bool is_physical = false;                              // replication that is at home in no database
    };
    struct Portal {
        std::shared_ptr<Statement> statement;                 // null: Larder does not know what it is
        std::shared_ptr<const KeptParameters> parameters;     // null: none, or none that matter
        std::shared_ptr<const rules::SessionEnv> parsed_under;  // as Prepared has it
    };
    // A login by the user file. Kept as long as the session, which may need further server connections; of that only the
    // credentials, since what is under way takes ten times as much.
    struct OwnLogin {
        OwnLogin(UserSecretRef secret, Bytes salt_secret, Bytes user, protocol::Demand demand)
            : client(std::make_unique<protocol::ClientLogin>(std::move(secret), salt_secret, user, demand)) {}

        std::unique_ptr<protocol::ClientLogin> client;         // until it is accepted
        protocol::Credentials credentials;
        std::unique_ptr<protocol::ServerLogin> server;         // until it is accepted; borrows the credentials
    };
    enum class ReadStep : std::uint8_t { hit, pause, fetch };

    Impl(Context& context_in, ClientInfo client_in, cache::FlightWaiter& waiter_in)
        : context(context_in), client(std::move(client_in)), waiter(waiter_in) {}
    ~Impl();

    // --- session.cpp
    void fail_client(Outputs& out, std::string_view sqlstate, std::string_view message, std::string_view hint = {});
    void close_all();
    void drop_server();
    bool leave_flight();
    void settle(char status, Outputs& out);
    bool is_idle() const;

    // --- startup_flow.cpp
    std::size_t on_startup(Bytes in, Outputs& out);
    void on_startup_message(const protocol::StartupMessage& message, Outputs& out);
    void send_startup(Outputs& out);
    std::size_t on_login_reply(Bytes in, Outputs& out);
    bool on_login_message(const protocol::Frame& frame, Outputs& out);
    void relay_authentication(const protocol::Frame& frame, Outputs& out);
    void send_client_key(Outputs& out);
    void negotiate(std::uint16_t server_minor, Outputs& out);
    void begin_set_up(Outputs& out);
    void send_set_up(Outputs& out);
    void send_lock_query(Outputs& out);
    void send_environment_query(Outputs& out);
    void on_own_row(const protocol::Frame& frame, Owed& owed);
    void verified(const std::vector<std::optional<std::string>>& columns);

    // --- login_flow.cpp
    void begin_own_login(Outputs& out);
    bool follows_login_rules(Outputs& out);  // false: they do not let it in
    void user_looked_up(const LookedUpUser& user, Outputs& out);
    void ask_for_password(UserSecretRef secret, Outputs& out);
    std::size_t on_own_login_bytes(Bytes in, Outputs& out);
    void own_login_stepped(protocol::ClientLogin::Step step, Outputs& out);
    protocol::ServerLogin::Step answer_authentication(const protocol::Frame& frame, Outputs& out);
    void answer_first_authentication(const protocol::Frame& frame, Outputs& out);
    bool is_stranger() const;
    void on_database_known();
    void end_strangeness();
    std::string login_request() const;
    LoginWords login_words() const;
    void note_login_begins();
    bool give_known_login(Outputs& out);
    void keep_login(LoginFacts facts, PoolState::Beginning beginning);
    bool is_login_refused_for_good(const protocol::Frame& error) const;

    // --- frontend_flow.cpp
    std::size_t on_ready_bytes(Bytes in, Outputs& out);
    std::optional<std::size_t> on_frame_start(Bytes in, Outputs& out);
    std::optional<bool> wants_server_first(const protocol::Frame& frame, Outputs& out);
    bool on_frontend_frame(const protocol::Frame& frame, Outputs& out);
    void count_statement();
    bool on_query(Bytes text, Bytes whole, Outputs& out);
    bool is_lexing_safe() const;
    std::shared_ptr<Prepared> prepared_named(Bytes name) const;
    std::shared_ptr<Statement> statement_named(Bytes name) const;
    void run_own_command(const LarderCommand& command, bool simple, const Batch* batch, Outputs& out);
    bool wants_environment_to_explain(const LarderCommand& command);
    std::vector<std::string> explain_statement(const LarderCommand& command);
    void note_statement();
    void note_transaction();                           // that ended without the server
    void note_settled();
    // Marks and effects of a statement that is about to be sent.
    void sending_statement(const std::shared_ptr<Statement>& statement, Outputs& out, const Portal* portal = nullptr);
    bool is_encoded_alike(const Statement& statement, const std::shared_ptr<const rules::SessionEnv>& earlier) const;
    void apply_effects(const Statement* statement, const rules::Plan& plan);
    void forget_statements(const sql::Facts& facts);
    void follow_savepoints(const sql::Facts& facts);
    void before_sending(Statement* statement, Outputs& out);
    void ask_server(Bytes text, Question question, Outputs& out, std::span<const protocol::ValueList::Value> values = {});
    bool drain_before_refusal(Outputs& out);
    bool ends_batch_first(Outputs& out);  // false: paused
    void send(Outputs& out, Bytes whole, Owed&& entry);
    bool is_block_known() const;
    bool changes_modes(Statement& statement);
    bool is_refused_by_block() const;
    void trace(Outputs& out, std::string_view text);
    void count_bypass(rules::Reason reason, Outputs& out);
    void trace_bypass(rules::Reason reason, Outputs& out);

    // --- extended_flow.cpp
    void on_parse(const protocol::Parse& parse, Bytes whole, Outputs& out);
    void on_bind(const protocol::Bind& bind, Bytes whole, Outputs& out);
    void on_execute(const protocol::Execute& execute, Bytes whole, Outputs& out);
    void on_describe(const protocol::Describe& describe, Bytes whole, Outputs& out);
    std::unique_ptr<DescriptionCapture> description_of(Bytes name);
    void on_close(const protocol::Close& close, Bytes whole, Outputs& out);
    void on_sync(Bytes whole, Outputs& out);
    void ensure_at_server(Bytes name, Outputs& out);

    // --- raw_flow.cpp
    void on_copy_in_response(Bytes whole, Outputs& out);
    void on_copy_data(const protocol::Frame& frame, Outputs& out);
    void on_copy_message(Bytes whole, Outputs& out);
    void begin_large_frame(const protocol::FrameHeader& header, Bytes in, Outputs& out);
    void on_malformed_frame(const protocol::Frame& frame, Outputs& out);

    // --- read_flow.cpp
    bool on_batch(const Batch& batch, Bytes frames, Outputs& out);
    void send_batch(const Batch& batch, Bytes frames, std::unique_ptr<Capture> capture, std::shared_ptr<Prepared> source, Outputs& out);
    std::uint64_t catalogue_word() const;
    static rules::Reason parameters_obstacle(Bytes types, const protocol::Bind& bind);
    std::shared_ptr<Prepared> source_of(const Batch& batch);
    rules::Reason batch_obstacle(const Batch& batch, const Prepared& source, const ResolvedPlan& resolved) const;
    void serve_batch(const Batch& batch, const std::shared_ptr<Prepared>& source, const ResolvedPlan& resolved, cache::ResultRef hit, Outputs& out);
    const ResolvedPlan& plan_of(Statement& statement);
    void refresh_facts();
    void judge();
    bool register_unjudged(const std::shared_ptr<Statement>& statement);
    void end_unjudged();
    rules::Reason obstacle() const;
    bool wants_environment(const Statement& statement, const ResolvedPlan& plan) const;
    bool may_ask_for_environment() const;
    bool is_environment_due(bool is_unknown) const;
    bool pauses_for_environment(bool wants, Outputs& out);
    // Decides one cacheable read whose key is in `key`. fetch: send it, with `capture` if its answer may be kept. `bind`: null for
    // a simple Query; else with the declared types of its parameters.
    ReadStep decide_read(const ResolvedPlan& plan, bool needs_row_description, const protocol::Bind* bind, Bytes types,
                         cache::ResultRef& result, std::unique_ptr<Capture>& capture, Outputs& out);
    cache::ResultRef landed_for(const Flight& ended, bool needs_row_description);
    ReadNote note_read(const ResolvedPlan& resolved, const protocol::Bind* bind, Bytes types);
    cache::ReadBounds bounds_of(const rules::Plan& plan) const;
    bool answered_in_its_stead(Outputs& out);
    std::optional<bool> leads_fetch(const cache::KeyView& view, const cache::Note& note);
    bool joins_without_server(const ResolvedPlan& resolved, const cache::KeyView& view);
    bool looks_up_early(const Statement& statement, const ResolvedPlan& resolved);  // a planted fault
    std::int64_t ttl_us(const rules::Plan& plan) const;
    void served(const cache::ResultRef& result, Outputs& out);
    void trace_hit(const cache::CachedResult& result, Outputs& out);

    // --- barrier_flow.cpp
    // The comment goes before the session's setting, and that before the rules.
    bool wants_barrier(const rules::Plan& plan) const {
        const auto level = plan.comment_freshness ? *plan.comment_freshness : own.values().freshness.value_or(plan.freshness);
        return level == FreshnessLevel::barrier && context.upstream.has_writers_elsewhere();
    }
    rules::Reason barrier_obstacle(const rules::Plan& plan) const;
    std::optional<ReadStep> bypasses_barrier(const rules::Plan& plan, Outputs& out);
    ReadStep await_barrier();
    void barrier_ended(BarrierOutcome outcome, std::chrono::microseconds waited);

    // --- remote_flow.cpp
    bool may_be_in_second_level(const cache::KeyView& view) const { return context.second_level != nullptr && context.second_level->is_worth_asking(view); }
    // True: paused until the second level has answered, or another session's flight for the same key has ended.
    bool asks_second_level(const ResolvedPlan& resolved, const cache::KeyView& view, const protocol::Bind* bind, Bytes types);
    cache::ResultRef take_second_level(const ResolvedPlan& resolved, const cache::KeyView& view, bool needs_row_description, bool leads, Outputs& out);

    // --- backend_flow.cpp
    std::size_t on_reply(Bytes in, Outputs& out);
    bool relays_in_pieces(char type, std::size_t total, Outputs& out);
    void on_backend_frame(char type, Bytes body, Bytes whole, Outputs& out);
    void on_unasked(char type, Bytes body, Bytes whole, Outputs& out);
    void on_row_run(Bytes run, std::int64_t rows, Outputs& out);
    void on_described(Bytes whole);
    void on_error_reply(Bytes body, Bytes whole, Outputs& out);
    bool is_before_begin(const Owed& done, char new_status) const;
    void on_ready_for_query(Bytes body, Bytes whole, Outputs& out);
    void on_command_complete(char type, Bytes body, Bytes whole, Outputs& out);
    void on_parameter_status(Bytes body);
    void skip_to_sync();
    void undo(Owed& undone, bool has_failed);
    void spoil_captures(rules::Reason reason);
    Capture* active_capture();
    bool broken_protocol(std::string_view what, Outputs& out);

    // --- pool_flow.cpp
    // True: there is none, one has been asked for, and the message has to be given again. `is_cancellable`: a cancel while
    // it waits can be answered as if the server had got it.
    bool needs_server(bool is_cancellable = false);
    void begin_pooling();
    void on_server_lent(std::unique_ptr<ServerLink> link, Outputs& out);
    void borrowed(Outputs& out);
    void tell_parameters(Outputs& out);
    void lose_before_use(Outputs& out);
    void begin_second_login(Outputs& out);
    std::size_t on_second_login_reply(Bytes in, Outputs& out);
    void on_second_login_message(const protocol::Frame& frame, Outputs& out);
    void second_login_failed();
    void second_login_failed(std::string_view sqlstate, std::string_view message, Outputs& out);
    void second_login_refused(const protocol::Frame& error, Outputs& out);
    void second_login_done(Outputs& out);
    void forget_login();
    void note_parameter(Bytes name, Bytes value);
    bool is_at_rest() const;
    bool is_link_at_rest() const;
    void spare_server();
    bool may_give_back() const;
    void give_back(Outputs& out);
    void hand_over();
    void pool_question_answered(Question question);
    void on_step_done(Outputs& out);

    // --- leave_flow.cpp
    bool has_hidden_state();
    bool needs_discard() const;
    bool leave_server(Outputs& out);

    // --- carry_flow.cpp
    void begin_carry(Outputs& out);
    void sending_leftovers(const Statement* statement, const ResolvedPlan* resolved);
    void note_pins();
    void on_pool_row(Question question, const std::vector<std::optional<std::string>>& columns);
    void leftovers_read();
    void found_names();
    void note_discarded(Bytes tag);
    void find_old_statements();
    void note_parsed(Prepared& statement);
    void note_at_link(Bytes name, const Prepared& statement);
    void ensure_named(Bytes name, Outputs& out);
    void ensure_named_silently(Bytes name, const Prepared& statement, Outputs& out);
    void close_at_server(Bytes name, Outputs& out);
    void note_closed(Bytes name, Owed& reply);
    bool undo_at_link(Owed& undone, bool has_failed);
    void parse_again(Bytes name, const Prepared& statement, bool is_silent, Outputs& out);
    void evict(Bytes newest, Outputs& out);
    void make_names_exact(Bytes named, Outputs& out);

    // --- deferred_flow.cpp
    bool is_answered_here(const Statement& statement) const;
    bool is_batch_answered_here(const Batch& batch);
    bool is_quiet() const;
    bool may_defer(const Statement& statement) const;
    void answer_here(const Statement& statement, Outputs& out);
    void end_deferred(bool commits);
    void ready_here(Outputs& out);
    void pass_on_notifications(Outputs& out);
    void answer_query_here(const Statement& statement, Outputs& out);
    bool answer_batch_here(const Batch& batch, const std::shared_ptr<Prepared>& source, Outputs& out);
    void answer_steps_here(const Batch& batch, const std::shared_ptr<Prepared>& source, Outputs& out);
    std::optional<std::size_t> on_begin_before_batch(Bytes in, Outputs& out);
    std::shared_ptr<Statement> statement_in(const protocol::Frame& frame) const;
    void make_block_real(Statement* statement, Outputs& out);
    void begin_failed(Bytes body, Outputs& out);
    bool is_idle_too_long() const;

    // --- ask_flow.cpp
    void note_for_ask(const Statement& statement, const ResolvedPlan& resolved, bool is_extended);
    std::unique_ptr<OwnTransactions::Ask> begin_ask() const;
    void ask_before_commit(const Statement* statement, Outputs& out);
    void ask_before_sync(Outputs& out);
    void append_ask(std::unique_ptr<OwnTransactions::Ask> ask, Outputs& out);
    bool can_be_a_batch(const Statement& statement, const ResolvedPlan& resolved) const;
    void send_query(const Statement& statement, const ResolvedPlan& resolved, Bytes whole, Owed&& entry, Outputs& out);
    void send_as_batch(const Statement& statement, Owed&& query, std::unique_ptr<OwnTransactions::Ask> ask, Outputs& out);
    void keep_completion(Bytes whole);
    void function_told(Bytes response, Owed& question);
    void transaction_told(Bytes number, Owed& question);
    void ask_failed(Bytes body, Outputs& out);

    // --- traffic_flow.cpp
    void count_hit(Statement& statement, const ResolvedPlan& resolved, const cache::CachedResult& hit, Outputs& out);
    // Into the entry of a Query or Execute that is about to be sent. `bind`: null for a simple Query, or if it is not at hand.
    bool logs_slow() const;
    void log_if_slow(const Execution& execution, std::chrono::microseconds took);
    void begin_execution(Owed& entry, const std::shared_ptr<Statement>& statement, const ResolvedPlan& resolved, const protocol::Bind* bind, Bytes types, Outputs& out);
    void end_execution(Owed& done);
    void watch_sequence(Statement& statement, const ResolvedPlan& resolved, StatementRecord* record);
    void tell_of_advice(const StatementRecord& record, Outputs& out);
    const std::shared_ptr<StatementRecord>& record_of(Statement& statement, const ResolvedPlan& resolved, std::uint32_t weight);
    std::int64_t clock_us() const { return context.clock_us != nullptr ? context.clock_us() : context.now.us; }

    // --- console_flow.cpp
    std::size_t on_console_bytes(Bytes in, Outputs& out);
    void refuse_long_console_message(char type, Outputs& out);
    bool may_still_use_console(Outputs& out);
    void on_console_login_row(const std::vector<std::optional<std::string>>& columns);
    void enter_console(Outputs& out);
    bool on_console_frame(const protocol::Frame& frame, Outputs& out);
    bool is_in_console_lists();
    bool is_console_owner() const;
    void enter_console_here(Outputs& out);
    ConsoleReply run_console(Bytes text);
    bool is_console_reply_due();
    void ask_console_again();
    void cancel_console();
    bool answer_console_query(Bytes query, std::string& text);

    // --- who
    Context& context;
    ClientInfo client;
    cache::FlightWaiter& waiter;
    Needs needs;
    Phase phase = Phase::startup;
    bool is_client_tls = false, tls_was_asked = false, gss_was_asked = false;
    bool shutdown_wanted = false, error_was_forwarded = false;
    bool has_terminated = false;             // the client has said goodbye: the server finishes what it was asked, then all ends
    LoginParameters login;
    std::unique_ptr<OwnLogin> own_login;     // null: the login is relayed
    protocol::CancelKey cancel_request, server_key;

    // --- the server connection
    bool has_server = false, is_server_tls = false;
    char status = 'I';                       // of the last ReadyForQuery
    ReplyQueue owed;
    bool batch_is_open = false;              // extended messages were sent since the last Sync
    bool batch_controls_transaction = false;  // among them COMMIT, BEGIN and the like
    bool batch_wrote = false;                // among them a change of rows
    bool batch_may_copy = false;             // and something else than that, which may not bear a question before its Sync
    bool is_skipping = false;                // an error came: the server ignores everything up to the next Sync
    bool copy_in = false;                    // CopyInResponse or CopyBothResponse came: the client's CopyData has no answers
    bool owed_reads_only = true;             // nothing that is owed can change what a later read means
    std::size_t server_relay_bytes = 0;      // of a long message whose rest is passed on as it comes
    char server_relay_type = '\0';
    std::size_t client_relay_bytes = 0;
    std::int32_t backend_pid = 0;
    bool server_has_unnamed = false;         // an unnamed statement exists at the server, whatever the session thinks
    std::vector<std::unique_ptr<Capture>> complete_captures;  // until ReadyForQuery says that all was well

    // --- the session
    DatabaseState* database = nullptr;
    DatabaseCounts* counts = nullptr;                  // of the database; null: nobody counts
    Instant query_since{}, transaction_since{};        // when the server was first asked for it; zero: it was not
    std::uint64_t facts_generation = 0;
    std::vector<std::shared_ptr<Unjudged>> unjudged;   // sent without facts: what they did to this session is not known yet
    bool too_many_unjudged = false;                    // more of them than are remembered
    std::vector<std::shared_ptr<Unjudged>> unended;    // of them, those whose transaction is not over
    std::shared_ptr<const CatalogueFacts> catalogue_facts;
    std::shared_ptr<const rules::SessionEnv> env;      // null: not known
    std::uint64_t env_server_word = 0;                 // `server` when it was read
    std::shared_ptr<rules::SessionEnv> env_being_read;
    std::int32_t verified_number = 0;                  // the instance number that this connection was verified against
    std::int32_t asked_number = 0;                     // the one of the last verification, whatever came of it
    bool server_is_replica = false;
    bool lock_may_be_gone = false;                     // the backend lock must be retaken before anything else
    bool environment_failed = false;                   // for the message in hand: do not ask again
    std::string environment_error;                     // the answer of that message, if it failed in its stead
    std::shared_ptr<Prepared> unnamed;
    ByName<std::shared_ptr<Prepared>> prepared;
    ByName<Portal> portals;                            // until the transaction ends
    Block block;
    DeferredBlock deferred;
    Writes writes;
    OwnSettings own;
    Instant last_write_ended = kLongAgo;               // nothing older is given to this session although a write made it old
    bool last_tag_was_rollback = false;
    cache::ResultRef last_hit;                         // in a block: what the unnamed portal would still show

    std::unique_ptr<PoolState> pool;                   // null: the server connection stays with the session
    bool question_failed = false;                      // the question of Larder's own that is being answered

    Pause pause = Pause::none;
    bool is_counted = false;                           // the message in hand was looked at before, and had to wait
    Barrier barrier = Barrier::none;                   // the same
    std::chrono::microseconds barrier_waited{0};       // how long, if it had to
    void message_done() {
        is_counted = false;
        barrier = Barrier::none;
    }
    Flight flight;
    Remote remote;
    // Of the read in hand: it must see what was committed before its request, and has not waited for the change feed. Another's flight may have
    // an answer of the second level, which is as new as the counters and no newer.
    bool waits_for_nobody = false;
    cache::FlightWaiter* joiner() { return waits_for_nobody ? nullptr : &waiter; }
    bool cancelled = false;                            // while it waited: the message in hand is answered with 57014
    std::string key;                                   // scratch of the read in hand
    ReadSet read_set;                                  // the same
    rules::Reason bypass_reason = rules::Reason::none;  // why the message in hand is not served
    SequenceWatch sequence;
    std::shared_ptr<StatementRecord> loop_record;      // of the newest long row
    std::uint64_t loop_skeleton = 0;

    // --- the console
    std::string certificate_name;                      // of the client's, verified; empty: none
    protocol::Demand demand = protocol::Demand::secret;  // of the login rules
    bool is_console = false;
    std::shared_ptr<ConsoleRole> console_role;   // null before its rights were asked
    std::uint64_t console_bytes_to_drop = 0;     // of a message that was too long
    std::string console_text;
    ConsoleReply console_reply;
    bool console_skips = false;
    bool console_waits = false;                        // console_reply is that of the message in hand, and not due yet
};

}  // namespace larder::session
