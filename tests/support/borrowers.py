"""Clients that take turns on the shared server connections while a script is played, so that its clients do not find theirs again.

Each has what leaks most easily: other settings, and prepared statements under the names that scripts use. There should be more of them
than connections, so that nobody gets back the one that it had. LARDER_TEST_BORROWERS says how many there are.
"""
import os
import threading

from . import wire

COUNT = int(os.environ.get("LARDER_TEST_BORROWERS", "0"))
NAMES = ("a", "b", "u", "s", "p", "half", "c", "s1", "s2", "x")
SETTINGS = (("DateStyle", "German"), ("TimeZone", "Asia/Kolkata"), ("search_path", "pg_catalog"), ("bytea_output", "escape"), ("client_min_messages", "error"),
            ("application_name", "borrower"), ("statement_timeout", "100min"), ("default_transaction_isolation", "serializable"),
            ("extra_float_digits", "0"), ("IntervalStyle", "iso_8601"))


class Borrowers:
    """Runs until stop(). A failure of one is raised there."""

    def __init__(self, server, database):
        self.server, self.database = server, database
        self.ended, self.failures = threading.Event(), []
        self.threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(COUNT)]
        for thread in self.threads:
            thread.start()

    def _run(self, number):
        try:
            with wire.Connection(self.server.host, self.server.port) as connection:
                connection.login(self.server.user, self.database)
                self._prepare(connection, number)
                turn = number
                while not self.ended.is_set():
                    self._borrow(connection, number, turn)
                    turn += 1
        except Exception as failure:  # told by stop()
            if not self.ended.is_set():
                self.failures.append(failure)

    def _exchange(self, connection, *messages):
        connection.send(*messages)
        answers = connection.read_until((b"Z",), 1)
        errors = [body for kind, body in answers if kind == b"E"]
        if errors:
            raise AssertionError(f"a borrower met an error: {errors[0]!r}")
        return [body for kind, body in answers if kind == b"D"]

    def _prepare(self, connection, number):
        for name, value in SETTINGS:
            self._exchange(connection, wire.query(f"SET {name} = '{value}'"))
        for name in NAMES:
            self._exchange(connection, wire.parse(name, f"SELECT 'borrowed', random() < 2, '{name} {number}'"), wire.sync())

    # They are never reset and never closed: whoever gets the connection next must not see them.
    def _borrow(self, connection, number, turn):
        name = NAMES[turn % len(NAMES)]
        self._exchange(connection, wire.query("BEGIN"))
        rows = self._exchange(connection, wire.bind("", name), wire.execute(), wire.sync())
        if len(rows) != 1 or wire.row_values(rows[0])[2] != f"{name} {number}":
            raise AssertionError(f"a borrower read another statement's answer: {rows!r}")
        if self._exchange(connection, wire.query("SHOW TimeZone"))[0][6:] != b"Asia/Kolkata":
            raise AssertionError("a borrower lost a setting")
        self.ended.wait(0.002)
        self._exchange(connection, wire.query("COMMIT"))

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(60)
        if self.failures:
            raise self.failures[0]
