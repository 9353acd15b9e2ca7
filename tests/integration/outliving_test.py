#!/usr/bin/python3
"""Mode session with a user file: server connections outlive their clients, and nothing of these is found on them."""
import contextlib
import os
import socket
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import psycopg2  # noqa: E402
from support.own_cluster import eventually  # noqa: E402
from support.own_logins import ROLES, OwnLogins  # noqa: E402

PID = "SELECT pg_backend_pid() /* larder: off */"
# What is to be seen of a session, but for what belongs to the connection.
STATE = """SELECT string_agg(name || '=' || setting, ',' ORDER BY name) FROM pg_settings WHERE name NOT IN ('transaction_isolation')
    UNION ALL SELECT count(*)::text FROM pg_prepared_statements WHERE name NOT LIKE 'larder%%'
    UNION ALL SELECT count(*)::text FROM pg_cursors WHERE is_holdable
    UNION ALL SELECT count(*)::text FROM pg_listening_channels()
    UNION ALL SELECT pg_my_temp_schema()::text
    UNION ALL SELECT session_user || current_user
    UNION ALL SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND objid IN (77, 78)
    /* larder: off */"""


class Outliving(OwnLogins):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.run("CREATE TABLE counted (id serial PRIMARY KEY, n int)", "GRANT ALL ON counted, counted_id_seq TO PUBLIC", "GRANT CREATE ON SCHEMA public TO PUBLIC")

    def state(self, connection):
        with connection.cursor() as cursor:
            cursor.execute(STATE)
            return [row[0] for row in cursor.fetchall()]

    def knowing(self, *settings):
        larder = super().knowing(*settings)
        # What ran before the catalogue's facts are there is not known to leave nothing behind.
        self.connect(larder.port, "boss").close()
        eventually(lambda: larder.metric("larder_catalogue_valid") == 1, "the catalogue is known")
        return larder

    @staticmethod
    def await_no_clients(larder):
        eventually(lambda: larder.metric("larder_client_connections") == 0, "the clients are gone")

    def test_the_next_client_gets_the_connection_and_the_server_sees_no_login(self):
        larder = self.knowing()
        for role in ROLES:
            with self.subTest(role):
                self.let_in_without_server(larder, role).close()
                self.await_no_clients(larder)
                before = self.backends(role)
                for _ in range(5):
                    client = self.connect(larder.port, role)
                    self.assertIn(self.value(client, PID), before)
                    self.assertEqual(self.value(client, "SELECT current_user /* larder: off */"), role)
                    client.close()
                    self.await_no_clients(larder)
                self.assertEqual(self.backends(role), before)

    def backends(self, role):
        return {int(row[0]) for row in self.cluster.run(f"SELECT pid FROM pg_stat_activity WHERE usename = '{role}'")}

    def test_what_a_client_leaves_is_not_found_by_the_next(self):
        larder = self.knowing()
        clean = self.state(self.connect(self.cluster.server.port, "scram"))
        for left in ("SET work_mem = '7MB'", "SET TimeZone = 'Asia/Tokyo'", "SET search_path = pg_catalog", "SET client_encoding = 'LATIN1'", "SET ROLE scram",
                     "CREATE TEMP TABLE leftover (n int)", "LISTEN somewhere", "PREPARE leftover AS SELECT 1", "SELECT pg_advisory_lock(77)", "SELECT pg_advisory_lock_shared(78)",
                     "DECLARE leftover CURSOR WITH HOLD FOR SELECT 1", "INSERT INTO counted (n) VALUES (1)", "SELECT set_config('work_mem', '9MB', false)",
                     "BEGIN; SET work_mem = '5MB'; COMMIT", "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SET my.own = '1'",
                     "DO $$ BEGIN PERFORM set_config('work_mem', '6MB', false); END $$", "SELECT setseed(0.1)"):
            for ends in ("close", "vanish"):
                with self.subTest(left, ends=ends):
                    connection = self.connect(larder.port, "scram")
                    connection.cursor().execute(left)
                    if ends == "close":
                        connection.close()
                    else:
                        self.vanish(connection)
                    self.await_no_clients(larder)
                    with contextlib.closing(self.connect(larder.port, "scram")) as connection:
                        self.assertEqual(self.state(connection), clean)
                        with self.assertRaisesRegex(psycopg2.Error, "currval|lastval"):
                            self.value(connection, "SELECT lastval()")
                        self.assertEqual(self.value(connection, "SELECT current_setting('my.own', true) IS NULL"), True)

    @staticmethod
    def vanish(connection):
        """The socket ends without the protocol's farewell."""
        with socket.socket(fileno=os.dup(connection.fileno())) as raw:
            raw.shutdown(socket.SHUT_RDWR)

    def test_locks_end_with_their_client_and_its_connection_stays(self):
        larder = self.knowing()
        self.let_in_without_server(larder).close()
        connection = self.connect(larder.port, "scram")
        connection.cursor().execute("LISTEN somewhere")
        self.value(connection, "SELECT pg_advisory_lock(77)")
        pid = self.value(connection, PID)
        connection.close()
        # Nobody has to come for it.
        eventually(lambda: self.cluster.run(f"SELECT query, state FROM pg_stat_activity WHERE pid = {pid}") == [("DISCARD ALL", "idle")], "all was discarded")
        self.assertEqual(int(self.cluster.run("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 77")[0][0]), 0)
        self.await_no_clients(larder)
        self.assertEqual(self.value(self.connect(larder.port, "scram"), PID), pid)

    def test_more_clients_than_the_pools_size_are_served_at_once(self):
        larder = self.knowing("pool.size=3")
        clients = [self.connect(larder.port, "scram") for _ in range(12)]
        self.assertEqual(len({self.value(client, PID) for client in clients}), 12)
        for client in clients:
            client.close()
        eventually(lambda: self.server_connections("scram") == 3, "so many are kept")

    def test_a_server_that_was_started_again_is_not_seen_by_clients_who_come_later(self):
        larder = self.knowing()
        clients = [self.connect(larder.port, "scram") for _ in range(8)]
        for client in clients:
            client.cursor().execute("SET work_mem = '7MB'")  # each is given back with an answer owed
            client.close()
        eventually(lambda: self.server_connections("scram") == 8, "all are kept")
        self.cluster.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'scram'")
        eventually(lambda: self.server_connections("scram") == 0, "all are gone")
        self.assertEqual(self.value(self.connect(larder.port, "scram"), "SELECT current_user /* larder: off */"), "scram")


if __name__ == "__main__":
    unittest.main()
