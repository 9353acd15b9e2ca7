"""Plays message scripts directly and through Larder and compares the answers byte for byte.

All direct runs come first, then the database is made anew and Larder is started: so while Larder runs nobody writes past it.
What may differ by design is masked: OIDs of user objects (by order of appearance), process ids and cancel keys.
"""
import contextlib
import os
import struct
import time
import unittest

from . import postgres_server, script as scripting, wire
from .larder_process import DIRECT, Larder
from .own_cluster import eventually

HIT_SECONDS_MAX = 15
COLD_REPEATS = 3
FIRST_USER_OID = 16384
# Makes the database as good as new: the next script must find nothing of the last.
RESET = r"""
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', name); END LOOP;
  FOR name IN SELECT evtname FROM pg_event_trigger LOOP EXECUTE format('DROP EVENT TRIGGER %I', name); END LOOP;
  FOR name IN SELECT rolname FROM pg_roles WHERE rolname ~ '^zoo_' LOOP
    EXECUTE format('DROP OWNED BY %I CASCADE', name); EXECUTE format('DROP ROLE %I', name); END LOOP;
  PERFORM lo_unlink(oid) FROM pg_largeobject_metadata;
  CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO public;
END $$"""


def without_source_place(body):
    """What ends a session Larder may say itself, and has no line of PostgreSQL's source to name."""
    fields = body.split(b"\0")
    return b"\0".join(f for f in fields if f[:1] not in (b"F", b"L", b"R")) if b"VFATAL" in fields else body


class Mask:
    """Replaces what two servers, or two runs on one, may number differently."""

    def __init__(self):
        self.oids = {}

    def oid(self, data):
        number = struct.unpack("!I", data)[0]
        return data if number < FIRST_USER_OID else b"oid%d" % self.oids.setdefault(number, len(self.oids))

    def apply(self, kind, body, shape_only):
        if kind == b"K":
            return kind, b"key of %d bytes" % len(body)
        if kind == b"A":
            return kind, body[4:]
        if kind == b"t":
            return kind, body[:2] + b"".join(self.oid(body[i:i + 4]) for i in range(2, len(body), 4))
        if kind == b"T":
            return kind, self._row_description(body)
        if kind == b"D" and shape_only:
            return kind, b"(masked)"
        if kind == b"E":
            return kind, without_source_place(body)
        return kind, body

    def _row_description(self, body):
        out, at = body[:2], 2
        for _ in range(struct.unpack("!h", body[:2])[0]):
            end = body.index(b"\0", at) + 1
            out += body[at:end] + self.oid(body[end:end + 4]) + body[end + 4:end + 6] + self.oid(body[end + 6:end + 10]) + body[end + 10:end + 18]
            at = end + 18
        return out


class Player:
    """Plays one script on one side, in one form. Its record is a list of (step, answers)."""

    def __init__(self, server, database, form, larder=None, byte_by_byte=False):
        self.server, self.database, self.form = server, database, form
        self.larder, self.byte_by_byte = larder, byte_by_byte
        self.mask, self.connections, self.statements = Mask(), {}, {}

    def play(self, script):
        record = []
        try:
            self._prepare(script)
            for step in script.steps:
                record.append((step, self._play_step(step)))
        finally:
            for connection in self.connections.values():
                connection.close()
            self._administer(script.teardown)
        return record

    def _administer(self, statements):
        with wire.Connection(self.server.host, self.server.port) as connection:
            connection.login(self.server.user, self.database)
            for statement in statements:
                connection.values(statement)

    def _prepare(self, script):
        self._administer((RESET, *script.setup))

    def _connection(self, who):
        if who not in self.connections:
            self._open(who, {})
        return self.connections[who]

    def _open(self, who, options):
        options = dict(options)
        user = options.pop("user", None) or self.server.user
        connection = wire.Connection(self.server.host, self.server.port, self.byte_by_byte)
        self.connections[who], self.statements[who] = connection, {}
        return connection.login(user, options.pop("database", self.database), **options)

    def _masked(self, messages, step):
        return [self.mask.apply(kind, body, step.shape_only) for kind, body in messages]

    def _play_step(self, step):
        if step.action == "exchange":
            return {"warm": self._warm, "still": self._still, "cold": self._cold, "free": self._exchange}[step.hits](step)
        if step.action == "open":
            return self._masked(self._open(step.who, step.options), step)
        if step.action == "send":
            self._connection(step.who).send(*step.messages)
        elif step.action == "receive":
            return self._masked(self._connection(step.who).read_until((b"Z",), step.ready), step)
        elif step.action == "await":
            return self._masked(self._connection(step.who).read_until(tuple(step.until[i:i + 1] for i in range(len(step.until)))), step)
        elif step.action == "close":
            connection = self.connections.pop(step.who)
            connection.send(wire.terminate())
            connection.read_to_end()
            connection.close()
        elif step.action == "cancel":
            connection = self._connection(step.who)
            wire.send_cancel(self.server.host, self.server.port, connection.pid, connection.secret)
        else:
            self._wait(step)
        return []

    def _exchange(self, step):
        connection, messages = self._connection(step.who), step.messages
        if step.sql is not None:
            messages = scripting.encode(self.form, step.sql, step.values, self.statements[step.who])
        connection.send(*messages)
        answers = self._read_answers(connection, messages, step)
        if step.sql in self.statements[step.who] and any(m[:1] == b"P" for m in messages) and not any(k == b"1" for k, _ in answers):
            del self.statements[step.who][step.sql]  # its Parse failed, so that there is no such statement
        return self._masked(answers, step)

    @staticmethod
    def _read_answers(connection, messages, step):
        kinds = [m[:1] for m in messages]
        if b"X" in kinds or step.ready == scripting.UNTIL_CLOSED:
            return connection.read_messages_to_end()
        ready = step.ready if step.ready is not None else sum(kinds.count(k) for k in (b"Q", b"S", b"F"))
        answers = connection.read_until((b"Z",), ready) if ready else []
        # What follows the last Sync and ends with Flush is answered without a ReadyForQuery: one answer each, or one error for all.
        if kinds[-1] == b"H":
            after_sync = max((i for i, k in enumerate(kinds) if k in b"SQF"), default=-1)
            answers += Player._read_flushed(connection, messages[after_sync + 1:])
        return answers

    @staticmethod
    def _read_flushed(connection, messages):
        ends = {b"P": (b"1",), b"B": (b"2",), b"D": (b"T", b"n"), b"E": (b"C", b"I", b"s"), b"C": (b"3",)}
        answers = []
        for sent in messages:
            if sent[:1] in ends:
                answers += connection.read_until((*ends[sent[:1]], b"E"))
                if answers[-1][0] == b"E":
                    break
        return answers

    def _warm(self, step):
        first = self._exchange(step)
        if self.larder is None or DIRECT:
            self._expect_equal(step, first, self._exchange(step))
            return self._without_parse(first)
        deadline, before = time.monotonic() + HIT_SECONDS_MAX, self.larder.hits()
        while True:
            self._expect_equal(step, first, self._exchange(step))
            if self.larder.hits() > before:
                return self._without_parse(first)
            if time.monotonic() > deadline:
                raise AssertionError(f"no hit within {HIT_SECONDS_MAX} s for {describe(step)}: the script proves nothing. "
                                     f"Bypassed so far: {self.larder.bypass_reasons()}")
            time.sleep(0.02)

    def _still(self, step):
        before = self.larder.hits() if self.larder else 0
        answers = self._exchange(step)
        if self.larder and not DIRECT and self.larder.hits() == before:
            raise AssertionError(f"{describe(step)} was no hit any more")
        return self._without_parse(answers)

    def _cold(self, step):
        before, answers = self.larder.hits() if self.larder else 0, []
        for _ in range(COLD_REPEATS):
            answers += self._exchange(step)
        if self.larder and self.larder.hits() != before:
            raise AssertionError(f"{describe(step)} was answered from the cache and may not be")
        return answers

    def _expect_equal(self, step, first, later):
        if self._without_parse(first) != self._without_parse(later):
            raise AssertionError(f"{describe(step)} was repeated and answered differently:\n{show_difference(first, later)}")

    def _without_parse(self, answers):
        """A named statement is parsed at the first repetition alone."""
        return [m for m in answers if m[0] != b"1"] if self.form == "prepared" else answers

    def _wait(self, step):
        condition, *values = {"wait_blocked": ("wait_event_type = 'Lock'",), "wait_asleep": ("wait_event = 'PgSleep'",),
                              "wait_active": ("state = 'active' AND strpos(query, %s) > 0", step.who)}[step.action]
        with contextlib.closing(postgres_server.server().connect("postgres")) as control, control.cursor() as cursor:
            def is_true():
                cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid() AND " + condition, (self.database, *values))
                return cursor.fetchone()[0]
            eventually(is_true, f"{step.action} {step.who}")


def describe(step):
    what = step.sql if step.sql is not None else b" ".join(step.messages)[:300]
    return f"{step.who}: {step.action} {what!r} {list(step.values) or ''}"


def show(message):
    return f"  {message[0].decode()} {message[1][:300]!r}" + (f" … {len(message[1])} bytes" if len(message[1]) > 300 else "")


def show_difference(direct, through):
    at = next((i for i, pair in enumerate(zip(direct, through)) if pair[0] != pair[1]), min(len(direct), len(through)))
    def part(messages):
        return "\n".join(show(m) for m in messages[max(0, at - 2):at + 4]) or "  (nothing)"
    return f"first difference at message {at} of {len(direct)} and {len(through)}\n direct:\n{part(direct)}\n through Larder:\n{part(through)}"


def compare(direct, through):
    for (step, wanted), (_, got) in zip(direct, through):
        if wanted != got:
            raise AssertionError(f"{describe(step)} was answered differently\n{show_difference(wanted, got)}")


def test_case(scripts, database, settings=("freshness.writers=only-larder",), byte_by_byte=False):
    """A unittest.TestCase with a test for each script and form and, if asked for, one with every byte in a segment of its own."""
    only = os.environ.get("LARDER_TEST_ONLY", "")
    variants = [(s, form, False) for s in scripts if only in s.name for form in s.forms]
    variants += [(s, s.forms[-1], True) for s in scripts if only in s.name and byte_by_byte]

    class Differential(unittest.TestCase):
        direct = {}

        @classmethod
        def setUpClass(cls):
            server = postgres_server.server()
            server.create_database(database)
            for script, form, split in variants:
                if not split:
                    cls.direct[script.name, form] = cls.try_play(Player(server, database, form), script)
            server.create_database(database)
            cls.larder = Larder(server, settings, database)

        @staticmethod
        def try_play(player, script):
            try:
                return player.play(script)
            except Exception as failure:  # kept for the test of this script; the others go on
                return failure

        @classmethod
        def tearDownClass(cls):
            try:
                cls.larder.stop()
            finally:
                postgres_server.server().drop_database(database)

        def check(self, script, form, split):
            direct = self.direct[script.name, form]
            if isinstance(direct, Exception):
                raise AssertionError(f"the direct run failed: {direct!r}") from direct
            player = Player(self.larder.server, database, form, self.larder, split)
            through = player.play(script)
            compare(direct, through)
            self.assertTrue(self.larder.is_running(), "Larder has ended")

    for script, form, split in variants:
        def method(self, script=script, form=form, split=split):
            self.check(script, form, split)
        setattr(Differential, f"test_{script.name}__{form}{'__byte_by_byte' if split else ''}", method)
    return Differential
