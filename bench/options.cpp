#include "bench/options.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace larder::bench {

namespace {

constexpr char kUsage[] = R"(usage: bench_load [options]
  --host ADDRESS --port N --user NAME --password TEXT --database NAME
  --connections N          clients, all on one thread (1)
  --mode simple|extended|prepared
  --workload read|mixed|block|orm|pipeline|text|stampede|connect|idle
  --duration SECONDS --warmup SECONDS --count REQUESTS
  --table NAME --hint TEXT --text SQL --join TABLE --where "k = {k}"
  --distribution uniform|zipf|single|sequential --theta X --first-key N --keys N
  --write-percent N --insert-percent N --depth N --seed N
  --canned                 the server is bench_responder
  --go                     print READY, wait for a line; after the result wait for the end of standard input
  --sources N              client addresses to use in turn
Prints one line of JSON. Exit status 1 when a login failed, 3 when an answer was wrong or stale.
)";

[[noreturn]] void usage() {
    std::fputs(kUsage, stderr);
    std::exit(2);
}

template <typename Enum>
Enum one_of(std::string_view value, std::initializer_list<std::pair<std::string_view, Enum>> names) {
    for (const auto& [name, meaning] : names)
        if (name == value) return meaning;
    usage();
}

double number(const char* text, double least, double most) {
    char* end = nullptr;
    const double value = std::strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= least && value <= most)) usage();
    return value;
}

template <typename Integer>
Integer integer(const char* text, double least, double most) {
    return static_cast<Integer>(number(text, least, most));
}

bool set_text(Options& o, std::string_view name, const char* value) {
    if (name == "--host")
        o.host = value;
    else if (name == "--user")
        o.credentials.user = value;
    else if (name == "--password")
        o.credentials.password = value;
    else if (name == "--database")
        o.credentials.database = value;
    else if (name == "--table")
        o.table = value;
    else if (name == "--hint")
        o.hint = value;
    else if (name == "--text")
        o.text = value;
    else if (name == "--join")
        o.join = value;
    else if (name == "--where")
        o.where = value;
    else
        return false;
    return true;
}

bool set_number(Options& o, std::string_view name, const char* value) {
    if (name == "--port")
        o.port = integer<std::uint16_t>(value, 1, 65535);
    else if (name == "--connections")
        o.connections = integer<int>(value, 1, 1'000'000);
    else if (name == "--duration")
        o.seconds = number(value, 0, 1e6);
    else if (name == "--warmup")
        o.warmup_seconds = number(value, 0, 1e6);
    else if (name == "--count")
        o.count = integer<std::uint64_t>(value, 0, 1e15);
    else if (name == "--theta")
        o.theta = number(value, 0, 10);
    else if (name == "--first-key")
        o.first_key = integer<std::uint32_t>(value, 0, 2e9);
    else if (name == "--keys")
        o.keys = integer<std::uint32_t>(value, 1, 1e8);
    else if (name == "--write-percent")
        o.write_percent = integer<int>(value, 0, 100);
    else if (name == "--insert-percent")
        o.insert_percent = integer<int>(value, 0, 100);
    else if (name == "--depth")
        o.depth = integer<int>(value, 1, 256);
    else if (name == "--seed")
        o.seed = integer<std::uint64_t>(value, 0, 1e15);
    else if (name == "--sources")
        o.sources = integer<int>(value, 1, 250);
    else
        return false;
    return true;
}

bool set_choice(Options& o, std::string_view name, std::string_view value) {
    if (name == "--mode") {
        o.mode = one_of<Mode>(value, {{"simple", Mode::simple}, {"extended", Mode::extended}, {"prepared", Mode::prepared}});
    } else if (name == "--workload") {
        o.kind = one_of<Kind>(value, {{"read", Kind::read},
                                      {"mixed", Kind::mixed},
                                      {"block", Kind::block},
                                      {"orm", Kind::orm},
                                      {"pipeline", Kind::pipeline},
                                      {"text", Kind::text},
                                      {"stampede", Kind::stampede},
                                      {"connect", Kind::connect},
                                      {"idle", Kind::idle}});
    } else if (name == "--distribution") {
        o.distribution = one_of<Distribution>(value, {{"uniform", Distribution::uniform}, {"zipf", Distribution::zipf},
                                                      {"single", Distribution::single}, {"sequential", Distribution::sequential}});
    } else {
        return false;
    }
    return true;
}

}  // namespace

Options parse_options(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--canned") { options.is_canned = true; continue; }
        if (name == "--go") { options.waits_for_go = true; continue; }
        if (++i == argc) usage();
        if (!set_text(options, name, argv[i]) && !set_number(options, name, argv[i]) && !set_choice(options, name, argv[i])) usage();
    }
    return options;
}

}  // namespace larder::bench
