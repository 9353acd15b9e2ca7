// bench_load: many clients on one thread with raw epoll, so that the client costs less than what it measures.
// A closed loop: each client sends its next request when the last is answered. bench/options.cpp lists the options.
//
// The order of a run, so that whoever accounts CPU from outside measures the requests alone: log in, warm up, let
// all answers come, print READY, wait (--go), measure, let all answers come, print the result, wait, disconnect.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <memory>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>
#include <vector>

#include "bench/client.h"
#include "bench/histogram.h"
#include "bench/options.h"
#include "bench/socket.h"
#include "bench/workload.h"

namespace larder::bench {

namespace {

// Logins under way at a time: fewer than any server's listen queue.
constexpr int kOpeningMax = 64;
// An answer that takes longer than this ends the run as stuck.
constexpr std::uint64_t kStuckNs = 30'000'000'000;
constexpr std::size_t kReadBytes = 256 << 10;

std::uint64_t now_ns() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

double own_cpu_seconds() {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::string json_text(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out.push_back('\\');
        out.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
    }
    return out + "\"";
}

void wait_for_line() {
    int c = 0;
    while ((c = std::getchar()) != EOF && c != '\n') {}
}

class Load {
public:
    explicit Load(const Options& options) : options_(options), workload_(options), epoll_(epoll_create1(EPOLL_CLOEXEC)), buffer_(kReadBytes) {
        if (epoll_ < 0) die("epoll_create1");
    }

    int run() {
        for (int i = 0; i < options_.connections; ++i) clients_.push_back(std::make_unique<Client>(options_, workload_));
        if (options_.kind != Kind::connect && !log_in_all()) {
            std::fprintf(stderr, "bench_load: login failed: %s\n", failure_.c_str());
            return 1;
        }
        if (options_.kind != Kind::idle && options_.warmup_seconds > 0) issue_for(options_.warmup_seconds, 0);
        histogram_ = {};
        workload_.forget_findings();
        lost_ = 0;
        if (options_.waits_for_go || options_.kind == Kind::idle) {
            std::puts("READY");
            std::fflush(stdout);
            wait_for_line();
        }
        if (options_.kind == Kind::idle) return 0;

        const auto began = now_ns();
        const double cpu_began = own_cpu_seconds();
        issue_for(options_.seconds, options_.count);
        report(static_cast<double>(now_ns() - began) * 1e-9, own_cpu_seconds() - cpu_began);
        if (options_.waits_for_go) wait_for_line();
        for (auto& client : clients_) client->leave();
        const auto& findings = workload_.findings();
        return findings.wrong + findings.stale > 0 ? 3 : 0;
    }

private:
    bool log_in_all() {
        is_opening_ = true;
        std::size_t next = 0;
        std::uint64_t last_progress = now_ns();
        while (ready_ < options_.connections) {
            const int before = ready_;
            for (; opening_ < kOpeningMax && next < clients_.size(); ++next)
                if (!open(*clients_[next], static_cast<int>(next))) return false;
            poll(1000);
            if (lost_ > 0) return false;
            if (ready_ > before) last_progress = now_ns();
            if (now_ns() - last_progress > kStuckNs) {
                failure_ = "no answer";
                return false;
            }
        }
        is_opening_ = false;
        return true;
    }

    bool open(Client& client, int index) {
        if (!client.open(options_.sources > 1 ? 1 + index % options_.sources : 0)) {
            failure_ = client.error();
            return false;
        }
        client.interest = EPOLLIN | EPOLLOUT;
        epoll_event event{};
        event.events = client.interest;
        event.data.ptr = &client;
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd(), &event) != 0) die("epoll_ctl");
        ++opening_;
        return true;
    }

    // Requests of all clients until the time is over or the count is reached, and then until all are answered.
    void issue_for(double seconds, std::uint64_t count) {
        end_ns_ = now_ns() + static_cast<std::uint64_t>(seconds * 1e9);
        issue_left_ = count > 0 ? count : UINT64_MAX;
        is_issuing_ = true;
        start_all();
        std::uint64_t last_answer = now_ns(), answers = histogram_.total();
        while (in_flight_ > 0) {
            poll(1000);
            if (histogram_.total() != answers) {
                answers = histogram_.total();
                last_answer = now_ns();
            } else if (now_ns() - last_answer > kStuckNs) {
                is_stuck_ = true;
                return;
            }
            if (in_flight_ == 0 && options_.kind == Kind::stampede && may_issue(now_ns())) {
                workload_.next_number();
                start_all();
            }
        }
        workload_.next_number();
    }

    void start_all() {
        const auto now = now_ns();
        for (auto& client : clients_)
            if (may_issue(now) && (options_.kind == Kind::connect || client->state() == Client::State::ready)) start(*client, now);
    }

    bool may_issue(std::uint64_t now) {
        if (now >= end_ns_ || issue_left_ == 0) is_issuing_ = false;
        return is_issuing_;
    }

    void start(Client& client, std::uint64_t now) {
        --issue_left_;
        ++in_flight_;
        client.begin(now);
        if (options_.kind == Kind::connect) {
            if (!open(client, source_++)) lose(client);
            return;
        }
        client.ask();
        flush(client);
    }

    void poll(int timeout_ms) {
        epoll_event events[256];
        const int count = epoll_wait(epoll_, events, 256, timeout_ms);
        if (count < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < count; ++i) {
            auto& client = *static_cast<Client*>(events[i].data.ptr);
            if (client.state() == Client::State::closed) continue;
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive_from(client);
            else if (events[i].events & EPOLLOUT) flush(client);
        }
    }

    void receive_from(Client& client) {
        std::size_t got = 0;
        switch (receive(client.fd(), buffer_.data(), buffer_.size(), got)) {
        case Io::would_block: return flush(client);
        case Io::closed:
            failure_ = client.error().empty() ? "connection closed by the server" : client.error();
            return lose(client);
        case Io::done: break;
        }
        switch (client.take({buffer_.data(), got})) {
        case Client::Progress::waiting:
            if (!client.out().is_empty()) flush(client);
            return;
        case Client::Progress::lost:
            failure_ = client.error();
            return lose(client);
        case Client::Progress::became_ready:
            --opening_;
            if (options_.kind == Kind::connect) {
                client.ask();
                return flush(client);
            }
            ++ready_;
            return;
        case Client::Progress::answered: return on_answer(client);
        }
    }

    void on_answer(Client& client) {
        if (client.ask()) return flush(client);
        const auto now = now_ns();
        histogram_.record(now - client.begun_ns());
        --in_flight_;
        if (options_.kind == Kind::connect) client.leave();
        if (options_.kind != Kind::stampede && may_issue(now)) start(client, now);
    }

    void flush(Client& client) {
        switch (client.out().flush(client.fd())) {
        case Io::closed: failure_ = "connection closed by the server"; return lose(client);
        case Io::done: return watch(client, EPOLLIN);
        case Io::would_block: return watch(client, EPOLLIN | EPOLLOUT);
        }
    }

    void watch(Client& client, std::uint32_t wanted) {
        if (client.interest == wanted) return;
        client.interest = wanted;
        epoll_event event{};
        event.events = wanted;
        event.data.ptr = &client;
        if (epoll_ctl(epoll_, EPOLL_CTL_MOD, client.fd(), &event) != 0) die("epoll_ctl");
    }

    void lose(Client& client) {
        ++lost_;
        if (client.state() == Client::State::logging_in || client.state() == Client::State::preparing) --opening_;
        if (!is_opening_ && client.state() != Client::State::ready) --in_flight_;
        client.close();
    }

    void report(double seconds, double cpu_seconds) {
        const auto& found = workload_.findings();
        const auto requests = histogram_.total();
        const auto queries = requests * static_cast<std::uint64_t>(workload_.queries_per_request());
        const auto us = [this](double q) { return static_cast<double>(histogram_.quantile(q)) * 1e-3; };
        std::printf("{\"requests\": %llu, \"queries\": %llu, \"seconds\": %.6f, \"qps\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, "
                    "\"max_us\": %.1f, \"client_cpu_us\": %.3f, \"errors\": %llu, \"wrong\": %llu, \"stale\": %llu, \"writes\": %llu, \"lost\": %d, "
                    "\"stuck\": %s, \"first_error\": %s}\n",
                    static_cast<unsigned long long>(requests), static_cast<unsigned long long>(queries), seconds, static_cast<double>(queries) / seconds,
                    us(0.5), us(0.99), us(0.999), static_cast<double>(histogram_.max()) * 1e-3,
                    queries > 0 ? cpu_seconds * 1e6 / static_cast<double>(queries) : 0.0, static_cast<unsigned long long>(found.errors),
                    static_cast<unsigned long long>(found.wrong), static_cast<unsigned long long>(found.stale), static_cast<unsigned long long>(found.writes),
                    lost_, is_stuck_ ? "true" : "false", json_text(found.first_error.empty() && lost_ > 0 ? failure_ : found.first_error).c_str());
        std::fflush(stdout);
    }

    const Options& options_;
    Workload workload_;
    int epoll_;
    std::vector<char> buffer_;
    std::vector<std::unique_ptr<Client>> clients_;
    Histogram histogram_;
    std::string failure_;
    std::uint64_t end_ns_ = 0, issue_left_ = 0;
    int opening_ = 0, ready_ = 0, in_flight_ = 0, lost_ = 0, source_ = 0;
    bool is_opening_ = false, is_issuing_ = false, is_stuck_ = false;
};

}  // namespace

}  // namespace larder::bench

int main(int argc, char** argv) {
    const auto options = larder::bench::parse_options(argc, argv);
    std::signal(SIGPIPE, SIG_IGN);
    // Ten thousand idle clients need as many descriptors as the system grants.
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    return larder::bench::Load(options).run();
}
