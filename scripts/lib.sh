# Shared by the scripts of this folder: a scratch PostgreSQL, a Larder in front of it, and how to wait for either.
# To be sourced by bash with `set -euo pipefail`. Nothing here touches a server that it did not start.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
pg_bin=${PG_BIN:-/usr/lib/postgresql/15/bin}

say() { printf '%s\n' "== $*"; }
die() { printf '%s\n' "${0##*/}: $*" >&2; exit 1; }

# A port of 127.0.0.1 that nobody listens on: drawn from below the range that the kernel gives to outgoing connections.
free_port() {
    local port
    while true; do
        port=$((20000 + RANDOM % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
}

# PostgreSQL refuses to run as root; then it runs as the user postgres. From / because that user may not be allowed to be here.
as_postgres() {
    if ((EUID == 0)); then
        (cd / && runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

# new_cluster FOLDER [PASSWORD]: initdb into FOLDER/data with the superuser postgres. Without a password every local user may log in
# as anybody, which is for tests only.
new_cluster() {
    local folder=$1 password=${2-}
    mkdir -p "$folder"
    chmod 700 "$folder"
    local access=(-A trust)
    if [[ -n $password ]]; then
        (umask 077 && printf '%s\n' "$password" >"$folder/password")
        access=(-A scram-sha-256 "--pwfile=$folder/password")
    fi
    if ((EUID == 0)); then chown -R postgres "$folder"; fi
    as_postgres "$pg_bin/initdb" -D "$folder/data" -U postgres -E UTF8 --locale=C.UTF-8 -N "${access[@]}" >"$folder.log" 2>&1 ||
        { cat "$folder.log" >&2; die "initdb failed"; }
    rm -f "$folder.log"
}

# start_postgres FOLDER PORT [name=value…]: starts the cluster of new_cluster and waits until it answers.
start_postgres() {
    local folder=$1 port=$2 setting options
    shift 2
    options="-c port=$port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$folder"
    for setting in "$@"; do options+=" -c $setting"; done
    as_postgres "$pg_bin/pg_ctl" -D "$folder/data" -w -t 120 -l "$folder/log" -o "$options" start >/dev/null 2>&1 || {
        tail -n 20 "$folder/log" >&2
        die "PostgreSQL did not start"
    }
}

# stop_postgres FOLDER [MODE]: no error if it does not run.
stop_postgres() {
    [[ -e $1/data/postmaster.pid ]] || return 0
    as_postgres "$pg_bin/pg_ctl" -D "$1/data" -w -t 60 -m "${2:-fast}" stop >/dev/null 2>&1 || true
}

# http_status HOST PORT PATH: the status code, or nothing.
http_status() {
    local line=""
    {
        exec 9<>"/dev/tcp/$1/$2" && printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$3" "$1" >&9 && IFS= read -r -t 5 line <&9
    } 2>/dev/null || true
    { exec 9>&-; } 2>/dev/null || true
    [[ $line =~ ^HTTP/[0-9.]+\ ([0-9]+) ]] && echo "${BASH_REMATCH[1]}"
    return 0
}

# wait_ready PID HOST PORT: until the Larder with this process and admin address is ready; fails if it ended or is not within a minute.
wait_ready() {
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        kill -0 "$1" 2>/dev/null || return 1
        [[ $(http_status "$2" "$3" /readyz) == 200 ]] && return 0
        sleep 0.1
    done
    return 1
}

# stop_process PID: SIGINT, and SIGKILL after half a minute.
stop_process() {
    local tries
    kill -INT "$1" 2>/dev/null || return 0
    for ((tries = 0; tries < 300; tries++)); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$1" 2>/dev/null || true
}
