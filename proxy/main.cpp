// larder: start, signals, end. The only file that knows every module.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "admin/advice_events.h"
#include "admin/console.h"
#include "admin/event_report.h"
#include "admin/json_text.h"
#include "admin/http_server.h"
#include "admin/webhooks.h"
#include "advisor/command.h"
#include "advisor/service.h"
#include "base/log.h"
#include "base/version.h"
#include "config/command_line.h"
#include "config/load.h"
#include "config/pgbouncer_import.h"
#include "config/upstream_uri.h"
#include "proxy/catalogue_loader.h"
#include "proxy/event_notifier.h"
#include "proxy/event_work.h"
#include "proxy/proxy.h"
#include "proxy/service_manager.h"
#include "proxy/settings.h"
#include "proxy/verify_command.h"

namespace larder {
namespace {

// Exit codes: scripts rely on them.
constexpr int kDone = 0;
constexpr int kFailed = 1;       // an address is taken, a certificate cannot be read, …
constexpr int kBadUsage = 2;     // command line or configuration

constexpr std::chrono::seconds kDrainTimeout{30};
constexpr std::chrono::hours kWaitTimeout{24 * 365};  // SHUTDOWN that waits: whoever asked for it can hurry it with a signal
constexpr std::chrono::milliseconds kStopTimeout{500};
constexpr std::chrono::milliseconds kDrainPoll{50};

// Each client takes one or two descriptors; the usual soft limit of 1024 would be met soon.
void raise_open_files() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

sigset_t handled_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGHUP, SIGTERM, SIGINT}) sigaddset(&set, signal);
    return set;
}

// The next of the handled signals, or 0 after `time`.
int next_signal(const sigset_t& set, std::chrono::milliseconds time) {
    const timespec wait{static_cast<time_t>(time.count() / 1000), static_cast<long>(time.count() % 1000) * 1'000'000};
    const int signal = sigtimedwait(&set, nullptr, &wait);
    return signal > 0 ? signal : 0;
}

// Of a file that nobody chose a place for; empty if there is none.
std::string in_state_directory(const std::string& name) {
    if (const char* state = std::getenv("STATE_DIRECTORY")) return std::string(state) + "/" + name;
    if (const char* home = std::getenv("HOME")) return std::string(home) + "/.local/state/larder/" + name;
    return {};
}

std::string history_file(const config::Advisor& advisor) { return advisor.history_file.empty() ? in_state_directory("deployments.jsonl") : advisor.history_file; }

// Several Larders of one user have several ports.
std::string rules_file(const config::Config& config) {
    return config.cache.rules_file.empty() ? in_state_directory("rules-" + std::to_string(config.listen.address.port) + ".toml") : config.cache.rules_file;
}

std::string dead_letter_prefix(const config::Config& config) { return in_state_directory("webhook-" + std::to_string(config.listen.address.port) + "-"); }

// Null: it is off, or there is no login by which it could ask.
std::unique_ptr<advisor::Service> make_advisor(const config::Config& config, proxy::Proxy& proxy) {
    const auto& wanted = config.advisor;
    if (!wanted.enabled || config.upstream.user.empty()) return nullptr;
    advisor::ServiceOptions options;
    options.uri = [upstream = config.upstream](const std::string& database, const std::string& search_path) { return config::conninfo(upstream, database, search_path); };
    options.catalogue = [&proxy](const std::string& database) { return proxy.catalogue(database); };
    options.slow = wanted.slow;
    options.share = wanted.share_percent / 100.0;
    options.show_values = wanted.show_values;
    options.deployer.history_file = history_file(wanted);
    options.deployer.lock_timeout = wanted.lock_timeout;
    options.deployer.watch.time = std::chrono::duration_cast<std::chrono::seconds>(wanted.watch);
    options.deployer.auto_revert = wanted.auto_revert;
    options.deployer.rules = &proxy.rules();
    if (config.freshness.writers == config::Writers::others) options.answer_life = config.freshness.others_ttl_max;
    try {
        return std::make_unique<advisor::Service>(options, proxy);
    } catch (const std::exception& e) {
        if (!wanted.history_file.empty()) throw;
        // Nobody chose that place: advice does not need it, and deployments are told that they would be forgotten.
        log_warn("deployments will be forgotten at the end, since their history cannot be written", {{"error", e.what()}, {"hint", "set advisor.history_file"}});
    }
    options.deployer.history_file.clear();
    return std::make_unique<advisor::Service>(options, proxy);
}

// The catalogue of the database that `larder advise` is asked about, on a connection of its own; compared before each statement.
class AskedCatalogue {
public:
    explicit AskedCatalogue(std::string uri) : uri_(std::move(uri)) {}

    std::shared_ptr<const rules::Catalogue> get(bool is_first) {
        if (known_ && !is_first) return known_;
        try {
            look();
        } catch (const proxy::CatalogueLoadError&) {
            if (PQstatus(connection_.get()) == CONNECTION_OK) throw;
            connect();
            look();
        }
        return known_;
    }

private:
    void connect() {
        const char* const names[] = {"dbname", "application_name", nullptr};
        const char* const values[] = {uri_.c_str(), "larder_catalogue", nullptr};
        connection_.reset(PQconnectdbParams(names, values, 1));
        if (PQstatus(connection_.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(connection_.get()));
        PQsetClientEncoding(connection_.get(), "UTF8");
    }

    void look() {
        if (!connection_) connect();
        if (known_ && proxy::load_catalogue_digest(connection_.get()) == digest_) return;
        auto rows = proxy::load_catalogue_rows(connection_.get());
        digest_ = rows.state_digest;
        known_ = rules::Catalogue::build(std::move(rows));
    }

    struct Finish { void operator()(PGconn* connection) const { PQfinish(connection); } };
    std::string uri_, digest_;
    std::unique_ptr<PGconn, Finish> connection_;
    std::shared_ptr<const rules::Catalogue> known_;
};

advisor::CatalogueSource catalogue_of(const std::string& uri) {
    return [asked = std::make_shared<AskedCatalogue>(uri)](bool is_first) { return asked->get(is_first); };
}

class Program {
public:
    Program(const config::CommandLine& options, const config::Config& config)
        : proxy_(config, rules_file(config)), settings_(proxy_, options.config_file, options.sets, config), advisor_(make_advisor(config, proxy_)),
          console_(proxy_, config.advisor.enabled ? &proxy_ : nullptr, advisor_.get(), &proxy_.rules(), &settings_, &proxy_.operations(), &proxy_.verification()),
          webhooks_(proxy_.events(), config.events.interval, dead_letter_prefix(config)), first_webhooks_(webhooks_.read(config.webhooks)) {
        proxy_.set_console(console_);
        console_.set_events(proxy_.events());
        console_.set_webhooks(webhooks_);
        settings_.also_reload([this](const config::Config& read) -> std::function<void()> {
            auto made = std::make_shared<std::vector<std::unique_ptr<admin::Webhook>>>(webhooks_.read(read.webhooks));
            return [this, made] { webhooks_.take_over(std::move(*made)); };
        });
        if (advisor_)
            proxy_.watch_also([this, seen = admin::AdviceEvents(*advisor_, proxy_.events())]() mutable { seen.look(wall_clock_us()); });
        proxy_.operations().on_shutdown([] { ::kill(::getpid(), SIGTERM); });
        if (!config.admin.enabled) return;
        http_ = std::make_unique<admin::HttpServer>(config.admin, sources(config, config::read_secret(config.admin.token_file)));
    }

    int run(const config::Config& config, const sigset_t& signals) {
        webhooks_.take_over(std::move(first_webhooks_));  // before the first event
        proxy_.start(proxy::passed_sockets());
        if (http_) http_->start();
        start_event_readers(config);
        say_ready(config);
        manager_.ready("listening on " + proxy_.address());
        const auto interval = manager_.watchdog_interval();
        for (;;) {
            switch (next_signal(signals, interval.count() > 0 ? interval : std::chrono::hours(1))) {
                case SIGHUP: reload(); break;
                case SIGTERM: return end(signals);
                case SIGINT: return stop();
                default: break;
            }
            // This thread alone would say little: it is the workers that may hang.
            if (interval.count() > 0 && proxy_.workers_move()) manager_.alive();
        }
    }

private:
    void reload() {
        manager_.reloading();
        const bool is_done = settings_.reload().error.empty();
        manager_.ready("listening on " + proxy_.address() + (is_done ? "" : "; the last reload failed, see the log"));
    }

    void say_ready(const config::Config& config) {
        const std::string upstream = proxy_.snapshot().upstream;
        std::printf("larder %s ready: listening on %s, admin %s, upstream %s\n", std::string(kVersion).c_str(), proxy_.address().c_str(),
                    http_ ? http_->url().c_str() : "off", upstream.c_str());
        const auto& address = config.listen.address;
        const bool is_any = address.host.empty() || address.host == "*" || address.host == "0.0.0.0" || address.host == "::";
        std::printf("next: psql -h %s -p %d%s%s\n", is_any ? "127.0.0.1" : address.host.c_str(), address.port,
                    config.upstream.user.empty() ? "" : (" -U " + config.upstream.user).c_str(),
                    config.upstream.database.empty() ? "" : (" -d " + config.upstream.database).c_str());
        std::fflush(stdout);
    }

    void start_event_readers(const config::Config& config) {
        if (config.upstream.user.empty()) return;  // no login by which they could do anything
        if (!config.events.notify_channel.empty()) {
            notifier_ = std::make_unique<proxy::EventNotifier>(proxy_.events(), config, [](const Event& event) { return admin::json_text(admin::event_object(event)); });
            notifier_->start();
        }
        if (proxy::EventWork::is_wanted(config.events)) {
            work_ = std::make_unique<proxy::EventWork>(proxy_.events(), config, [this](const std::string& tag) {
                if (tag.empty()) proxy_.purge_cache();
                else proxy_.purge_tag("", tag);
            });
            work_->start();
        }
    }

    // What HTTP is told from.
    admin::Sources sources(const config::Config& config, std::string token) {
        admin::Sources all(proxy_, config.advisor.enabled ? &proxy_ : nullptr, advisor_.get(), &proxy_.rules(), std::move(token));
        all.read_token = config::read_secret(config.admin.read_token_file);
        all.has_certificates = !config.admin.tls_ca_file.empty();
        all.reads_need_secret = !all.read_token.empty() || all.has_certificates;
        all.settings = &settings_;
        all.checks = &proxy_.verification();
        all.events = &proxy_.events();
        all.webhooks = &webhooks_;
        return all;
    }

    // Until all have left, the time is over, or a second signal asks for haste.
    void wait_for_clients(const sigset_t& signals, std::chrono::milliseconds timeout) {
        const auto deadline = std::chrono::steady_clock::now() + timeout;
        while (proxy_.client_count() > 0 && std::chrono::steady_clock::now() < deadline) {
            const int signal = next_signal(signals, kDrainPoll);
            if (signal == SIGINT || signal == SIGTERM) return;
        }
    }

    // As the console's SHUTDOWN said, or on a signal.
    int end(const sigset_t& signals) {
        manager_.stopping("sessions end as soon as they are idle");
        const auto wanted = proxy_.operations().take_shutdown();
        if (wanted == Shutdown::at_once) return stop();
        if (wanted == Shutdown::wait_for_clients) {
            log_info("stopping when the last client has left", {{"clients", std::to_string(proxy_.client_count())}});
            proxy_.refuse_new_clients();
            wait_for_clients(signals, kWaitTimeout);
            return finish();
        }
        log_info("stopping; sessions end as soon as they are idle", {{"clients", std::to_string(proxy_.client_count())}});
        proxy_.begin_drain();
        wait_for_clients(signals, wanted ? kWaitTimeout : kDrainTimeout);
        return finish();
    }

    int stop() {
        manager_.stopping("stopping at once");
        log_info("stopping at once", {{"clients", std::to_string(proxy_.client_count())}});
        proxy_.begin_drain();  // idle sessions get their farewell in order
        wait_for_clients(handled_signals(), kStopTimeout);
        return finish();
    }

    int finish() {
        if (http_) http_->stop();
        if (work_) work_->stop();  // it is a client of the proxy
        proxy_.stop();
        webhooks_.stop();  // what has happened until now is told
        if (notifier_) notifier_->stop();
        advisor_.reset();
        log_info("stopped");
        return kDone;
    }

    const proxy::ServiceManager manager_;
    proxy::Proxy proxy_;
    proxy::Settings settings_;
    std::unique_ptr<advisor::Service> advisor_;  // null: off, or Larder has no login of its own
    admin::Console console_;
    admin::Webhooks webhooks_;
    std::vector<std::unique_ptr<admin::Webhook>> first_webhooks_;  // until run()
    std::unique_ptr<proxy::EventNotifier> notifier_;  // null: not wanted
    std::unique_ptr<proxy::EventWork> work_;          // the same
    std::unique_ptr<admin::HttpServer> http_;
};

void init_log_from(const config::Log& log) { init_log({log_level(log.level), log.format == config::LogFormat::json, log.file}); }

int run(const std::vector<std::string>& arguments) {
    if (!arguments.empty() && arguments[0] == "advise") return advisor::run_command({arguments.begin() + 1, arguments.end()}, catalogue_of, std::cin, std::cout, std::cerr);
    if (!arguments.empty() && arguments[0] == "import") return config::run_import({arguments.begin() + 1, arguments.end()}, std::cout, std::cerr);
    if (!arguments.empty() && arguments[0] == "verify") return proxy::run_verify({arguments.begin() + 1, arguments.end()}, std::cout, std::cerr);
    const config::CommandLine options = config::parse_command_line(arguments);
    if (options.help) return std::fputs(std::string(config::usage()).c_str(), stdout), kDone;
    if (options.version) return std::printf("larder %s\n", std::string(kVersion).c_str()), kDone;
    const config::Config config = config::load(options.config_file, options.sets);
    if (options.print_config) return std::fputs(config::print_config(config).c_str(), stdout), kDone;
    if (options.check) {
        proxy::Proxy checked(config, rules_file(config));  // rules and certificates too
        admin::Webhooks(checked.events(), config.events.interval, {}).read(config.webhooks);
        return std::puts("the configuration is valid"), kDone;
    }
    init_log_from(config.log);
    raise_open_files();
    // Blocked before the first thread is made, so that every thread inherits it and only run() takes them.
    const sigset_t signals = handled_signals();
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
    return Program(options, config).run(config, signals);
}

}  // namespace
}  // namespace larder

int main(int argc, char** argv) {
    try {
        return larder::run({argv + 1, argv + argc});
    } catch (const larder::config::ConfigError& e) {
        std::fprintf(stderr, "larder: %s\n", e.what());
        return larder::kBadUsage;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "larder: %s\n", e.what());
        return larder::kFailed;
    }
}
