#!/usr/bin/python3
"""Makes the recorded logs of wal_test.cpp: make_fixture.py URI DATA_DIRECTORY NAME

URI names a scratch PostgreSQL 15 that nobody else uses, made with --wal-segsize=1 and with wal_keep_size = 64MB,
max_prepared_transactions = 5, autovacuum = off; images.* with wal_compression = lz4, plain.* with full_page_writes = off. Written beside this file:
NAME.before.wal and NAME.after.wal, the log from the begin of a segment to the switch that ends it and from the begin of the
next; NAME.txt, the same as pg_waldump tells it, which is what the test compares with:
    record LSN XID RESOURCE_MANAGER TOTAL_BYTES
    commit LSN XID files=DATABASE/FILE,... dropped=DATABASE/FILE,... relcache=OID,...
"""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SEGMENT_BYTES = 1 << 20
MANAGERS = ("XLOG Transaction Storage CLOG Database Tablespace MultiXact RelMap Standby Heap2 Heap Btree Hash Gin Gist Sequence SPGist BRIN "
            "CommitTs ReplicationOrigin Generic LogicalMessage").split()
ROW_WRITES = re.compile(r"(INSERT|DELETE|UPDATE|HOT_UPDATE|MULTI_INSERT)\b")
LINE = re.compile(r"rmgr: (\S+)\s+len \(rec/tot\):\s*\d+/\s*(\d+), tx:\s*(\d+), lsn: ([0-9A-F]+)/([0-9A-F]+), prev \S+, desc: (.*)")

BEFORE = (
    "create table plain (id int primary key, n int, t text); create table leaf_of (id int) partition by range (id);"
    "create table leaf partition of leaf_of for values from (0) to (100)",
    "begin; insert into plain values (1, 1, 'a'); savepoint s; insert into leaf_of values (7); release s; savepoint s;"
    "delete from plain; rollback to s; commit",
    "insert into plain select g, g, repeat('x', 300) from generate_series(2, 60) g",
    "copy plain from program 'printf \"100\\t1\\ta\\n101\\t1\\tb\\n\"'",
    "update plain set n = n + 1 where id = 1",
    "update plain set id = 500 where id = 1",
    "begin; update plain set n = 0; rollback",
    "begin; select 1 from plain where id = 2 for update; commit",
    "insert into plain values (2, 2, 'b') on conflict do nothing",
    "create unlogged table unlogged (a int); insert into unlogged values (1)",
    "insert into unlogged values (2)",
)
AFTER = (
    "begin; insert into plain values (900, 1, 'p'); savepoint s; insert into leaf values (8); prepare transaction 'kept'",
    "begin; delete from plain where id = 2; prepare transaction 'gone'",
    "update plain set n = 5 where id = 3",
    "commit prepared 'kept'",
    "rollback prepared 'gone'",
    "truncate leaf",
    "begin; truncate plain; rollback",
    "alter table plain alter n type bigint",
    "grant select on plain to public",
    "create role fixture_role; grant pg_monitor to fixture_role; alter role fixture_role set work_mem = '1MB'",
    "vacuum full plain",
    "create function fixture_function() returns int language sql as 'select 1'",
    "update plain set t = (select string_agg(md5(g::text), '') from generate_series(1, 300) g) where id = 3",
    "drop table leaf_of",
)


def psql(uri, text):
    return subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", uri, "-c", text], check=True, capture_output=True, text=True).stdout.strip()


def run(uri, statements):
    for statement in statements:
        for part in (statement.split(";") if "vacuum" not in statement and "begin" not in statement else [statement]):
            psql(uri, part)


def number(lsn):
    high, low = lsn.split("/")
    return int(high, 16) << 32 | int(low, 16)


def text_of(lsn):
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def segment_name(lsn):
    segment = lsn // SEGMENT_BYTES
    return f"00000001{segment // 4096:08X}{segment % 4096:08X}"


def waldump(wal, start, end):
    out = subprocess.run([os.environ.get("PG_WALDUMP", "pg_waldump"), "-p", wal, "-s", text_of(start), "-e", text_of(end)],
                         check=True, capture_output=True, text=True).stdout
    return [match.groups() for match in map(LINE.match, out.splitlines()) if match]


def files(text):
    """base/5/16384 and global/1262, as DATABASE/FILE."""
    return {f"{database or 0}/{file}" for database, file in re.findall(r"(?:base/(\d+)|global)/(\d+)", text)}


def commit_line(transaction, lsn, desc, written):
    prepared = re.match(r"COMMIT_PREPARED (\d+):", desc)
    top = prepared.group(1) if prepared else transaction
    subxacts = re.search(r"subxacts:((?: \d+)+)", desc)
    touched = set().union(*(written.get(one, set()) for one in [top, *(subxacts.group(1).split() if subxacts else [])]))
    dropped = re.search(r"rels:((?: \S+?)+)(?:;|$)", desc)
    parts = {"files": touched, "dropped": files(dropped.group(1)) if dropped else set(), "relcache": set(re.findall(r"relcache (\d+)", desc))}
    return f"commit {lsn} {top} " + " ".join(f"{name}={','.join(sorted(found))}" for name, found in parts.items())


def describe(records):
    written, lines = {}, []
    for manager, total, transaction, high, low, desc in records:
        lsn = text_of(int(high, 16) << 32 | int(low, 16))
        lines.append(f"record {lsn} {transaction} {MANAGERS.index(manager)} {total}")
        block = re.search(r"blkref #0: rel \d+/(\d+)/(\d+)", desc)
        if manager in ("Heap", "Heap2") and ROW_WRITES.match(desc) and block:
            written.setdefault(transaction, set()).add("/".join(block.groups()))
        if manager == "Transaction" and desc.startswith("COMMIT"):
            lines.append(commit_line(transaction, lsn, desc, written))
    return lines


def main(uri, data, name):
    wal = os.path.join(data, "pg_wal")
    psql(uri, "checkpoint")
    psql(uri, "select pg_switch_wal()")
    run(uri, BEFORE[:1])
    start = number(psql(uri, "select pg_current_wal_insert_lsn()")) // SEGMENT_BYTES * SEGMENT_BYTES
    psql(uri, "checkpoint")  # says which transactions run: those that begin later are known whole
    run(uri, BEFORE[1:])
    switched = (number(psql(uri, "select pg_switch_wal()")) + 7) // 8 * 8
    run(uri, AFTER)
    psql(uri, "checkpoint")
    end = number(psql(uri, "select pg_current_wal_flush_lsn()"))
    border = start + SEGMENT_BYTES
    assert start < switched <= border < end < border + SEGMENT_BYTES
    for part, first, last in (("before", start, switched), ("after", border, end)):
        with open(os.path.join(wal, segment_name(first)), "rb") as source, open(os.path.join(HERE, f"{name}.{part}.wal"), "wb") as target:
            target.write(source.read(last - first))
    with open(os.path.join(HERE, f"{name}.txt"), "w", encoding="ascii") as out:
        out.write(f"start {text_of(start)} {SEGMENT_BYTES}\n" + "\n".join(describe(waldump(wal, start, end))) + "\n")


main(*sys.argv[1:])
