#include "proxy/user_query.h"

#include <utility>

#include <openssl/crypto.h>

#include "base/log.h"
#include "proxy/user_file_reader.h"

namespace larder::proxy {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kQueryTimeout{10'000};
constexpr std::string_view kCharacterNotInRepertoire = "22021";
// How soon an idle connection notices that it shall be closed.
constexpr milliseconds kIdleInterval{200};

void wipe(PgRows& rows) {
    for (auto& row : rows.rows) {
        for (auto& cell : row) {
            if (cell) OPENSSL_cleanse(cell->data(), cell->size());
        }
    }
}

}  // namespace

UserQuery::UserQuery(const config::Config& config, session::UpstreamState& upstream, std::function<std::string(const std::string&)> password_of)
    : listen_(config.listen), login_(config.upstream), upstream_(upstream), password_of_(std::move(password_of)), cache_(config.listen.auth_max_age) {
    if (login_.user != listen_.auth_user) login_.password.clear();
    login_.user = listen_.auth_user;
    if (!listen_.auth_dbname.empty()) login_.database = listen_.auth_dbname;
}

UserQuery::~UserQuery() { stop(); }

void UserQuery::start() {
    thread_ = std::thread([this] { run(); });
}

void UserQuery::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    stop_wakeup_.wake();
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

std::optional<session::UserSecretRef> UserQuery::find(std::string_view user) { return cache_.find(user, upstream_.counters.server.load(), now()); }

void UserQuery::look_up(const std::string& user, Answer answer) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = waiting_.find(user);
        if (!is_stopping_ && found != waiting_.end()) return found->second.push_back(std::move(answer));
        if (!is_stopping_ && names_.size() < kNamesMax) {
            waiting_[user].push_back(std::move(answer));
            names_.push_back(user);
            changed_.notify_one();
            return;
        }
    }
    answer({nullptr, true});
}

void UserQuery::run() {
    for (;;) {
        const std::string name = next_name();
        if (name.empty()) {
            const std::lock_guard lock(mutex_);
            if (is_stopping_) break;
        } else {
            try {
                answer(name, ask(name));
            } catch (const std::exception& e) {
                close();
                answer(name, give_up(e.what()));
            }
        }
        if (connection_ && (place_.must_close() || now() - used_ >= kIdle)) close();
    }
    close();
    fail_all();
}

std::string UserQuery::next_name() {
    std::unique_lock lock(mutex_);
    const auto has_work = [this] { return is_stopping_ || !names_.empty(); };
    if (connection_) changed_.wait_for(lock, kIdleInterval, has_work);
    else changed_.wait(lock, has_work);
    if (is_stopping_ || names_.empty()) return {};
    std::string name = std::move(names_.front());
    names_.pop_front();
    return name;
}

void UserQuery::answer(const std::string& user, const session::LookedUpUser& outcome) {
    std::vector<Answer> answers;
    {
        const std::lock_guard lock(mutex_);
        const auto found = waiting_.find(user);
        if (found == waiting_.end()) return;
        answers = std::move(found->second);
        waiting_.erase(found);
    }
    for (const auto& give : answers) give(outcome);
}

void UserQuery::fail_all() {
    std::unordered_map<std::string, std::vector<Answer>> waiting;
    {
        const std::lock_guard lock(mutex_);
        waiting.swap(waiting_);
        names_.clear();
    }
    for (const auto& [user, answers] : waiting) {
        for (const auto& give : answers) give({nullptr, true});
    }
}

bool UserQuery::connect(std::string& error) {
    if (connection_ && (place_.must_close() || !connection_->is_alive())) close();
    if (connection_) return true;
    auto& gate = upstream_.database(login_.database).gate();
    if (gate.is_paused()) return error = "its database is paused", false;
    place_ = session::ServerPlace(gate);
    auto login = login_;
    if (auto password = password_of_(login.user); !password.empty()) login.password = std::move(password);
    connection_ = PgConnection::open(login, login.database, "larder_users", stop_wakeup_, error);
    OPENSSL_cleanse(login.password.data(), login.password.size());
    if (!connection_) close();
    return connection_ != nullptr;
}

void UserQuery::close() {
    connection_.reset();
    place_ = {};
}

session::LookedUpUser UserQuery::give_up(const std::string& error) {
    failed.add();
    if (std::exchange(last_error_, error) != error) log_error("users cannot be looked up at the server", {{"user", printable(login_.user)}, {"database", printable(login_.database)}, {"error", error}});
    return {nullptr, true};
}

session::LookedUpUser UserQuery::ask(const std::string& user) {
    std::string error;
    if (!connect(error)) {
        auto outcome = give_up(error);
        fail_all();  // they came before the server was found to be gone, and would each wait for that again
        return outcome;
    }
    used_ = now();
    const auto server_word = upstream_.counters.server.load();
    asked.add();
    PgRows found = connection_->query(listen_.auth_query, {user}, kQueryTimeout);
    const bool is_no_text = found.sqlstate == kCharacterNotInRepertoire;  // a name that is not even text is nobody's
    if (!found.ok && !is_no_text) {
        if (found.sqlstate.empty()) close();  // it was not the server that said so
        return give_up(found.error);
    }
    if (found.rows.size() > 1) return wipe(found), give_up("listen.auth_query gave more than one row");
    session::LookedUpUser outcome;
    if (!found.rows.empty()) {
        const auto& row = found.rows[0];
        if (row.size() < 2 || row[0] != user) return wipe(found), give_up("listen.auth_query gave no row with the user's name and secret");
        // No password, or one whose time is over: a user whom nothing lets in.
        outcome.secret = std::make_shared<const protocol::UserSecret>(row[1].value_or(std::string()), login_salt(user));
        wipe(found);
    }
    last_error_.clear();
    cache_.keep(user, outcome.secret, server_word, now());
    return outcome;
}

}  // namespace larder::proxy
