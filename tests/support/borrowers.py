"""Clients that take turns on the shared server connections while a script is played, so that its clients do not find theirs again.

Each does what leaks most easily: other settings, and prepared statements under the names that scripts use. LARDER_TEST_BORROWERS
says how many there are.
"""
import os
import threading

from . import wire

COUNT = int(os.environ.get("LARDER_TEST_BORROWERS", "0"))
NAMES = ("", "a", "b", "s", "p", "half", "c", "s1", "s2", "x")
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
                turn = number
                while not self.ended.is_set():
                    self._borrow(connection, turn)
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

    def _borrow(self, connection, turn):
        name, value = SETTINGS[turn % len(SETTINGS)]
        self._exchange(connection, wire.query(f"SET {name} = '{value}'"))
        statement = NAMES[turn % len(NAMES)]
        text = f"SELECT 'borrowed', random() < 2, {turn}"
        make = (wire.close_statement(statement), wire.parse(statement, text), wire.sync())
        if statement:
            self._exchange(connection, *make)
        self._exchange(connection, wire.query("BEGIN"))
        if not statement:  # a Query drops it
            self._exchange(connection, *make)
        rows = self._exchange(connection, wire.bind("", statement), wire.execute(), wire.sync())
        if len(rows) != 1 or b"borrowed" not in rows[0] or str(turn).encode() not in rows[0]:
            raise AssertionError(f"a borrower read another statement's answer: {rows!r}")
        self.ended.wait(0.003)
        self._exchange(connection, wire.query("COMMIT"))
        self._exchange(connection, wire.close_statement(statement), wire.sync())
        self._exchange(connection, wire.query(f"RESET {name}"))

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(60)
        if self.failures:
            raise self.failures[0]
