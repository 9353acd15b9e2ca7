#!/usr/bin/python3
"""Reads every #include of every module and fails on an edge that the layers do not allow (docs/ARCHITECTURE.md).

An include that this file does not know fails as well: whoever brings a new library says here who may use it.
"""
import re

from source_files import MODULES, fail_if, module_of, module_sources, read

# What of the project a module may include, besides itself.
MAY_INCLUDE = {
    "base": set(),
    "protocol": {"base"},
    "sql": {"base"},
    "config": {"base"},
    "rules": {"base", "sql", "config"},
    "cache": {"base"},
    "proxy/session": {"base", "protocol", "sql", "rules", "cache"},
    "proxy": {"base", "protocol", "sql", "config", "rules", "cache", "proxy/session"},
    "advisor": {"base", "sql", "rules", "config"},
    "admin": {"base", "config"},
}
# main.cpp wires everything, and is the only one that knows everything.
WIRING = {"proxy/main.cpp": set(MODULES)}

ALL = set(MODULES)
IO = {"proxy", "admin"}
# Which modules may include which foreign header; the first pattern that matches counts.
FOREIGN = (
    (r"boost/(asio|asio/.*)\.hpp", IO),
    (r"boost/version\.hpp", ALL),
    (r"boost/beast.*", {"admin"}),
    (r"boost/json.*", {"admin", "advisor", "sql"}),
    (r"sanitizer/lsan_interface\.h", {"sql"}),  # for what libpg_query forgets
    (r"boost/(unordered|system|smart_ptr|container|core|align|functional|mp11|endian)/.*", ALL),
    (r"spdlog/.*", {"base"}),
    (r"xxhash\.h", {"base", "cache", "proxy/session"}),
    (r"openssl/(evp|hmac|rand|crypto|sha|md5)\.h", {"protocol", "proxy", "admin"}),
    (r"openssl/.*", {"proxy"}),
    (r"toml\+\+/.*", {"config"}),
    (r"re2/.*", {"rules", "protocol"}),
    (r"prometheus/.*", {"admin"}),
    (r"hiredis/.*", IO),
    (r"(zstd|lz4)\.h", {"cache"}),
    (r"malloc\.h", {"admin"}),  # how much memory is given out
    (r"libpq-fe\.h", {"proxy", "advisor"}),
    (r"(postgres\.h|pg_query.*|nodes/.*|storage/.*|utils/.*|catalog/.*|parser/.*)", {"sql"}),
    # Sockets, files and processes: what does I/O.
    (r"(unistd|fcntl)\.h", IO | {"advisor", "base"}),  # files: base/durable_file.h
    (r"poll\.h", IO | {"advisor", "base"}),  # it waits for its server; base/wakeup.h
    (r"sys/eventfd\.h", {"base"}),  # base/wakeup.h
    (r"(sys|netinet|arpa|linux)/.*\.h|(netdb|unistd|fcntl|poll|signal|pthread|ifaddrs)\.h", IO),
    # Threads and locks of one's own; base/thread_annotations.h has the mutex that the checker sees.
    (r"thread|future|condition_variable|semaphore|latch|barrier|stop_token", IO | {"advisor"}),
    (r"mutex|shared_mutex", IO | {"advisor", "base"}),
    (r"csignal", IO),
    (r"[a-z_0-9]+", ALL),  # the rest of the standard library
)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def includes(path):
    return [(ours, foreign) for ours, foreign in INCLUDE.findall(read(path))]


def problems():
    inside_sql = set()  # the headers by which PostgreSQL's own would leak
    for path in module_sources():
        module = module_of(path)
        allowed = WIRING.get(path) or MAY_INCLUDE[module] | {module}
        for ours, foreign in includes(path):
            if ours:
                target = module_of(ours)
                if target is None:
                    yield f'{path}: #include "{ours}" does not start at the project\'s root'
                elif target not in allowed:
                    yield f'{path}: {module} may not include {target} ("{ours}")'
                continue
            for pattern, users in FOREIGN:
                if re.fullmatch(pattern, foreign):
                    if module not in users:
                        yield f"{path}: {module} may not include <{foreign}> (only {', '.join(sorted(users))})"
                    if users == {"sql"} and path.endswith(".h"):
                        inside_sql.add(path)
                    break
            else:
                yield f"{path}: nobody said yet who may include <{foreign}>"
    # PostgreSQL's headers define macros like Min and snprintf: no header that leads to them may be seen outside of sql.
    graph = {path: [ours for ours, _ in includes(path) if ours] for path in module_sources()}
    while True:
        more = {path for path, targets in graph.items() if path.endswith(".h") and inside_sql & set(targets)} - inside_sql
        if not more:
            break
        inside_sql |= more
    for path, targets in graph.items():
        for target in inside_sql & set(targets):
            if module_of(path) != "sql":
                yield f'{path}: "{target}" leads to PostgreSQL\'s own headers, which stay inside of sql'


fail_if(list(problems()))
