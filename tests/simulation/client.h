// A simulated client: it talks at random, and checks every answer against what the model server's history allows.
//
// Checked of every read: all of its values were current together at some instant between the sending of its request and
// the receipt of its answer; no value is older than one that this client has seen before; what the client itself wrote in
// this transaction, or committed, is there; nothing is seen that was never committed by others.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "simulation/habits.h"
#include "simulation/model_server.h"
#include "simulation/random.h"
#include "simulation/statement.h"

namespace larder::simulation {

// A promise was broken.
class Violation : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class Client {
public:
    Client(ModelServer& server, Random& random, const Habits& habits, std::uint64_t& next_value, Step& now, int number)
        : server_(server), random_(random), habits_(habits), next_value_(next_value), now_(now), number_(number), role_(role_of(habits, number)) {}

    std::string start();                     // a new connection: the start-up packet
    // Something to say, or nothing; `is_last`: only what ends an open block.
    std::string talk(bool is_last);
    void on_bytes(Bytes bytes);              // from Larder
    // The connection ended.
    void lost();

    bool is_ready() const { return is_ready_; }
    bool is_idle() const { return is_ready_ && groups_.empty() && status_ == 'I'; }
    bool is_waiting() const { return !groups_.empty(); }
    Step arrives_at() const { return arrives_at_; }  // what was said last reaches the server no sooner
    std::uint64_t reads() const { return reads_; }
    std::uint64_t answered() const { return answered_; }

private:
    // One answer that is due: its type byte, and for 'C' the statement that is complete with it.
    struct Due {
        char type;
        Statement statement = {};
        Step from = 0;                       // when the message that can take its snapshot was sent
        bool is_late = false;                // a portal executed after something else: its snapshot is older than its place
        std::string name = {};               // '1': of the statement
    };
    struct Group {
        std::deque<Due> due;
        bool has_failed = false;
    };
    struct Own {
        std::map<RowId, std::uint64_t> rows;
        std::set<std::uint64_t> values;      // everything written: a trigger or foreign key may have put it elsewhere as well
        std::optional<int> view_table;
        bool has_keyed = false;              // table k was written
        bool empty() const { return values.empty() && !view_table && !has_keyed; }
    };
    struct Row {
        int table, row;
        std::uint64_t value;
    };

    // --- talking
    std::string say_query(const std::string& text);
    std::string say_batch(const std::vector<std::string>& texts);
    void add_batch(std::string& out, Group& group, const std::string& text);
    std::string say_outside();
    std::string say_inside();
    std::string change_catalogue();
    std::string write_in_a_race();
    std::string read_in_a_race();
    std::string say_late_portal();
    std::string say(const std::string& text);
    std::string a_read();
    std::string an_update();
    KeyedStatement keyed_statement(KeyedStatement::Shape shape);
    std::string a_keyed_read();
    std::string a_keyed_write();
    std::string a_ddl();
    std::string a_rare_write();
    std::string parameterised(const std::string& text, std::vector<std::string>& parameters);
    std::uint64_t new_value() { return next_value_++; }

    // --- checking
    void on_message(char type, Bytes body);
    void on_complete(const Due& due, Bytes tag);
    void on_ready(char status);
    void on_failed();
    void check_read(const Due& due);
    void check_keyed(const Due& due);
    void check_shape(const Statement& statement) const;
    void commit_own();
    [[noreturn]] void violated(const std::string& what) const;
    std::string describe(const Statement& statement) const;

    ModelServer& server_;
    Random& random_;
    const Habits& habits_;
    std::uint64_t& next_value_;
    Step& now_;
    const int number_;
    const Role role_;

    std::string input_;
    bool is_ready_ = false;
    char status_ = 'I';
    bool plans_block_ = false, plans_savepoint_ = false;  // as it will be once all that was sent has run
    Step repeatable_from_ = 0;               // of the open REPEATABLE READ block
    bool is_repeatable_ = false;
    Step thinks_until_ = 0, arrives_at_ = 0;
    std::deque<Group> groups_;
    std::vector<Row> rows_;                  // of the statement that is being answered
    std::set<std::string> prepared_;         // named statements that the server has
    Own own_;
    std::optional<Own> saved_own_;
    std::map<RowId, std::size_t> seen_;      // index into the history of the newest version seen
    std::uint64_t reads_ = 0, answered_ = 0;
};

}  // namespace larder::simulation
