"""Where a cache in front of PostgreSQL usually goes wrong, as a numbered list, and what of this project looks at each point.

A script names the points that it covers (Script.cases); for a point without a script a sentence here says where else it is
covered, what it waits for, or why it cannot arise. case_map_test.py fails on a point that has neither, and prints the table.
"""
LAST = 121

ELSEWHERE = {
    24: "Cannot arise: Larder has one upstream, and keeps nothing that a standby answered.",
    65: "Cannot arise: dropping is a move of a counter in memory and cannot fail.",
    98: "Cannot arise: no clock decides whether an answer is fresh, counters do.",
    101: "Cannot arise: rows are never built from a feed.",
    103: "Cannot arise: a restart begins with an empty cache.",
}

# How far the promise goes, where it is not "strict": the levels are those of docs/cases.md.
NOT_CACHED, MIXED, BOUNDED, NOT_HERE = "not cached", "strict or not cached", "bounded", "cannot arise"
PROMISES = {
    **dict.fromkeys((7, 18, 19, 25, 26, 30, 31, 32, 33, 34, 35, 38, 42, 62, 93, 94, 105, 119), NOT_CACHED),
    **dict.fromkeys((5, 6, 14, 20, 27, 28, 29, 37, 39, 40, 63, 76, 79, 82, 83, 84, 89, 99, 108, 109, 115), MIXED),
    **dict.fromkeys((100, 102), BOUNDED),
    **dict.fromkeys((24, 65, 98, 101, 103), NOT_HERE),
}

# What the numbers mean, in a few words each.
POINTS = {
    1: "search_path set in the session", 2: "search_path in startup options", 3: "search_path of the role", 4: "SET within a multi-statement string", 5: "set_config() in a SELECT", 6: "SET LOCAL, and settings of functions",
    7: "temporary table shadows a permanent one", 8: "DateStyle", 9: "TimeZone", 10: "bytea_output", 11: "extra_float_digits", 12: "IntervalStyle", 13: "client_encoding", 14: "standard_conforming_strings and rarer settings", 15: "binary and text results",
    16: "same text, other parameter types", 17: "parameters that differ in case alone", 18: "current_setting, current_user, policies that read them", 19: "row security under other roles and changed later", 20: "a refused SET ROLE", 21: "privileges taken away", 22: "keys that only look alike",
    23: "two databases", 24: "answers of a lagging replica", 25: "volatile functions", 26: "IMMUTABLE function that reads a table", 27: "function replaced", 28: "overloads", 29: "operators, casts, aggregates, domains with user code", 30: "user function hides a built-in", 31: "function that writes in a SELECT",
    32: "CTE that writes", 33: "SELECT INTO, CREATE TABLE AS", 34: "row locks", 35: "TABLESAMPLE", 36: "LIMIT", 37: "system tables, foreign tables, unlogged tables, materialized views", 38: "EXPLAIN ANALYZE of a write", 39: "DDL hidden in code", 40: "literals that are no parameters", 41: "comments", 42: "hints that would force",
    43: "referential actions", 44: "triggers", 45: "rules", 46: "updatable views", 47: "partition written by the parent", 48: "partition written directly", 49: "rows that move, ATTACH, DETACH", 50: "inheritance", 51: "TRUNCATE", 52: "DO", 53: "CALL", 54: "SQL PREPARE of a write", 55: "dynamic SQL", 56: "MERGE",
    57: "INSERT … SELECT, ON CONFLICT, UPDATE … FROM, COPY, DELETE USING, key changes", 58: "WHERE CURRENT OF", 59: "multi-statement strings", 60: "REFRESH MATERIALIZED VIEW", 61: "VACUUM, CLUSTER, REINDEX", 62: "sequences are not tables", 63: "LISTEN, large objects, foreign data", 64: "one table without an entry",
    65: "dropping that fails", 66: "names in all spellings", 67: "dependency in every shape of a query", 68: "ALTER TABLE", 69: "DROP and CREATE", 70: "rename swap", 71: "DROP SCHEMA, DROP OWNED, DROP EXTENSION", 72: "schema renamed, table moved", 73: "table created earlier in the path", 74: "views, types and domains changed",
    75: "DDL rolled back", 76: "result type of a cached plan", 77: "DDL during a read", 78: "own uncommitted write", 79: "uncommitted result published", 80: "result of a block published late", 81: "slow read over a commit", 82: "REPEATABLE READ, SERIALIZABLE", 83: "default isolation", 84: "savepoints", 85: "two-phase commit",
    86: "COMMIT that rolls back, chains", 87: "writer lost", 88: "write cancelled or timed out", 89: "hit in a failed block", 90: "other statements after a write in the block", 91: "state of writing overridden", 92: "synchronous_commit off", 93: "exported snapshots", 94: "READ ONLY DEFERRABLE", 95: "deferred BEGIN", 96: "commit in flight",
    97: "drop before forwarding alone", 98: "clocks across nodes", 99: "own write, immediate read", 100: "ghost row of a feed", 101: "unchanged TOAST in a feed", 102: "order of a feed", 103: "restart while filling", 104: "LIMIT windows", 105: "row limits", 106: "write with a row limit", 107: "write bound again",
    108: "several Binds before a Sync", 109: "error in a pipeline", 110: "Flush, Close, Describe", 111: "rows doubled", 112: "lost Sync", 113: "equal reads before one Sync", 114: "unnamed statement", 115: "errors, notices, large results", 116: "empty queries", 117: "state bytes of this session", 118: "shapes of results",
    119: "held cursors", 120: "prepared on one server, missing on another", 121: "stampede",
}

# Covered by tests of another kind than scripts: file and name.
OTHER_TESTS = {
    87: (("tests/integration/chaos_test.py", "test_commit_whose_client_vanishes"), ("tests/integration/chaos_test.py", "test_commit_whose_larder_vanishes")),
    92: (("tests/integration/chaos_test.py", "test_a_backend_crashes"), ("tests/integration/chaos_test.py", "test_restarted")),
    96: (("tests/unit/cache/counter_test.cpp", "between a note and a check that passes nothing became visible"),),
    97: (("tests/unit/cache/counter_test.cpp", "between a note and a check that passes nothing became visible"), ("tests/integration/torture_test.py", "test_no_read_is_wrong")),
    63: (("tests/integration/feed_test.py", "test_every_kind_of_write"),),
    100: (("tests/integration/feed_test.py", "test_readers_and_writers_at_once"), ("tests/unit/proxy/commit_queue_test.cpp", "A commit counts once a snapshot shows that it is over")),
    102: (("tests/unit/proxy/commit_queue_test.cpp", "A commit in the middle does not wait for the one before it"), ("tests/integration/feed_test.py", "test_a_stream_that_breaks_drops_all_and_begins_anew")),
    120: (("tests/integration/pooling_test.py", "test_settings_and_statements_follow_their_client"),),
    121: (("tests/unit/cache/flights_test.cpp", "one leads, the others wait and get the same answer"), ("tests/unit/cache/flights_test.cpp", "a leader that fails hands over to the first waiter, who notes anew"), ("tests/integration/torture_test.py", "test_no_read_is_wrong")),
}

# The sections of docs/cases.md: the first point of each, its heading, and what decides there.
SECTIONS = (
    (1, "Whose answer it is", "The key of an answer holds the session's whole environment, as PostgreSQL itself gives it back, and the request's bytes. What cannot be a part of it is not cached."),
    (25, "What may be cached", "Only what is known to be safe is. Clocks, chance, sequences, locks and code that is not understood go to PostgreSQL each time."),
    (43, "Writes that do not name the table", "What a statement writes is found in the catalogue, through everything that may stand between. Where that ends, the write counts as one of everything."),
    (68, "Changes of the schema", "Facts of the catalogue are valid for one version of it. DDL moves that version before it can be seen, and holds what it locks until its transaction ends."),
    (78, "Transactions and time", "Counters go in flight before a write can commit and come back when its outcome is known. A block that has written, or has a snapshot of its own, is served by PostgreSQL alone."),
    (105, "The protocol", "A hit is given only where no answer is owed, and only to message sequences whose answer is known to the byte."),
)

# The protocol cases that apply while each client has a server of its own.
PROTOCOL = {
    1: "bytes behind an SSLRequest", 2: "error as answer to SSLRequest", 3: "GSSENCRequest", 4: "SSLRequest twice, inside TLS, plain after 'S'", 5: "direct TLS", 6: "minor versions and unknown options", 7: "long cancel keys", 8: "startup packets of every size", 9: "options of the session",
    11: "long names", 12: "SCRAM with bad lengths", 14: "error without a SQLSTATE", 16: "headers split and joined", 17: "lengths that lie", 18: "unknown message types", 19: "large messages", 20: "client that stops reading", 21: "both directions full", 22: "notices and parameters within results",
    23: "error in a batch", 24: "Parse that fails early or late", 26: "Parse, Describe, Flush", 29: "client that dies without Sync", 30: "many simple queries in one piece", 31: "simple query within a batch", 32: "Sync and Flush alone", 34: "unknown and doubled statement names",
    35: "unnamed statement and portal", 38: "format codes and many parameters", 39: "empty queries", 40: "function calls", 41: "multi-statement strings", 42: "implicit transactions", 44: "same text, other types", 46: "DEALLOCATE and DISCARD", 57: "notifications", 58: "COPY", 59: "CopyData in pieces", 62: "cancel between servers",
    63: "LISTEN", 66: "cancel after a hit", 25: "error flushed at once", 33: "Close of nothing", 36: "row limits", 37: "Describe", 43: "deferred BEGIN",
}
PROTOCOL_ELSEWHERE = {
    1: "startup_test.py", 2: "tests/unit/session: the upstream of these tests has no TLS.", 3: "startup_test.py", 4: "startup_test.py", 5: "startup_test.py, bad_input_test.py", 6: "startup_test.py", 7: "tests/unit/protocol and tests/unit/session: the PostgreSQL of these tests gives keys of 4 bytes.", 8: "startup_test.py",
    9: "startup_test.py", 11: "startup_test.py", 12: "tests/unit/protocol (SCRAM); logins are relayed.", 14: "tests/unit/protocol: PostgreSQL never sends one.", 16: "every script is also played byte by byte in protocol_test.py and transactions_test.py", 20: "bad_input_test.py",
    25: "protocol_test.py: error_in_a_pipeline ends with Flush", 33: "protocol_test.py: every_shape_of_a_hit, statement_names", 36: "protocol_test.py: portals_with_row_limits", 37: "protocol_test.py: every_shape_of_a_hit", 43: "transactions_test.py: deferred_begin",
}
