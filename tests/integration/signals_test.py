#!/usr/bin/python3
"""SIGTERM lets sessions end when they are idle, SIGINT ends them at once, SIGHUP takes over rules and certificates."""
import os
import signal
import socket
import ssl
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import wire  # noqa: E402
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually, make_certificate  # noqa: E402
from support.serving import hits_of, wait_for_hit, wait_until_not_serving, wait_until_serving  # noqa: E402

READ = "SELECT n FROM t WHERE id = 1"


def error_of(messages):
    return next((wire.error_fields(body) for kind, body in messages if kind == b"E"), {})


@unittest.skipIf(DIRECT, "tests Larder's own signals")
class Signals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = OwnCluster()
        cls.cluster.run("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t VALUES (1, 42)")

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def larder(self, *settings):
        larder = Larder(self.cluster.server, ("freshness.writers=only-larder", *settings))
        self.addCleanup(larder.stop)
        wait_until_serving(larder)
        return larder

    def client(self, larder):
        connection = wire.Connection("127.0.0.1", larder.port, seconds_max=60)
        self.addCleanup(connection.close)
        self.assertEqual(connection.login("postgres", "postgres")[-1][0], b"Z")
        return connection

    def wait_for_end(self, larder):
        code = larder.process.wait(60)
        larder.process = None  # ended as it was asked to: stop() has nothing more to do
        larder.log.close()
        return code

    def refuses(self, larder):
        try:
            socket.create_connection(("127.0.0.1", larder.port), timeout=60).close()
            return False
        except OSError:
            return True

    def test_sigterm_drains(self):
        larder = self.larder()
        holder = self.cluster.server.connect("postgres")
        self.addCleanup(holder.close)
        holder.cursor().execute("SELECT pg_advisory_lock(7)")
        idle, busy, waiting = self.client(larder), self.client(larder), self.client(larder)
        busy.query("BEGIN")
        busy.query("UPDATE t SET n = n + 1 WHERE id = 1")
        waiting.send(wire.query("SELECT pg_advisory_lock(7), 7 AS seven"))
        eventually(lambda: self.cluster.run("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted"), "the statement runs")
        before = self.cluster.run("SELECT n FROM t")[0][0]
        larder.process.send_signal(signal.SIGTERM)
        farewell = error_of(idle.read_messages_to_end())
        self.assertEqual((farewell.get("C"), farewell.get("V")), ("57P01", "FATAL"))
        eventually(lambda: self.refuses(larder), "nobody is let in any more")
        holder.close()
        # The statement under way is answered in full, and the open transaction can still be ended by its client.
        last = waiting.read_messages_to_end()
        self.assertIn("7", [wire.row_values(body)[-1] for kind, body in last if kind == b"D"])
        self.assertEqual(error_of(last).get("C"), "57P01")
        self.assertEqual(busy.values(READ), [(str(before + 1),)])
        busy.send(wire.query("COMMIT"))
        end = busy.read_messages_to_end()
        self.assertIn((b"C", b"COMMIT\0"), end)
        self.assertEqual(error_of(end).get("C"), "57P01")
        self.assertEqual(self.wait_for_end(larder), 0)
        self.assertEqual(self.cluster.run("SELECT n FROM t")[0][0], before + 1)
        eventually(self.cluster.no_client_backends, "all server connections are closed")

    def test_sigint_stops_at_once(self):
        larder = self.larder()
        idle, busy = self.client(larder), self.client(larder)
        before = self.cluster.run("SELECT n FROM t")[0][0]
        busy.query("BEGIN")
        busy.query("UPDATE t SET n = 0 WHERE id = 1")
        larder.process.send_signal(signal.SIGINT)
        self.assertEqual(error_of(idle.read_messages_to_end()).get("C"), "57P01")
        self.assertEqual(error_of(busy.read_messages_to_end()).get("C"), "57P01")
        self.assertEqual(self.wait_for_end(larder), 0)
        eventually(self.cluster.no_client_backends, "all server connections are closed")
        self.assertEqual(self.cluster.run("SELECT n FROM t")[0][0], before)

    def test_second_sigterm_hurries(self):
        larder = self.larder()
        busy = self.client(larder)
        busy.query("BEGIN")
        busy.query("SELECT 1")
        larder.process.send_signal(signal.SIGTERM)
        eventually(lambda: "sessions end as soon as they are idle" in larder.output(), "the drain is logged")
        larder.process.send_signal(signal.SIGTERM)
        self.assertEqual(error_of(busy.read_messages_to_end()).get("C"), "57P01")
        self.assertEqual(self.wait_for_end(larder), 0)

    def configured(self, text):
        path = os.path.join(self.folder.name, "larder.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def larder_with_file(self, path, *settings):
        larder = LarderWithFile(self.cluster.server, path, settings)
        self.addCleanup(larder.stop)
        wait_until_serving(larder)
        return larder

    def reload(self, larder, expected):
        seen = larder.output().count(expected)
        larder.process.send_signal(signal.SIGHUP)
        eventually(lambda: larder.output().count(expected) > seen, f"the log says: {expected}")

    def test_sighup_takes_over_rules(self):
        path = self.configured("")
        larder = self.larder_with_file(path)
        client = self.client(larder)
        read = lambda: client.values(READ)  # noqa: E731
        wait_for_hit(larder, read)
        self.configured('[[rule]]\nname = "no t"\nmatch = {table = "t"}\ncache = false\n')
        self.reload(larder, "configuration reloaded")
        self.assertEqual(hits_of(larder, read), 0)
        self.assertGreater(larder.bypass_reasons().get("rule_off", 0), 0)
        # A file that cannot be used changes nothing, and the process goes on.
        self.configured('[[rule]]\nnonsense = 1\n')
        self.assertEqual(larder.metric("larder_config_last_reload_successful"), 1)
        self.reload(larder, "the configuration was not reloaded")
        eventually(lambda: larder.metric("larder_config_last_reload_successful") == 0, "the metric says that the reload failed")
        self.assertEqual(hits_of(larder, read), 0)
        self.configured("")
        self.reload(larder, "configuration reloaded")
        eventually(lambda: larder.metric("larder_config_last_reload_successful") == 1, "the metric says that the next one succeeded")
        wait_for_hit(larder, read)

    def test_sighup_takes_over_what_needs_no_restart(self):
        """The keys of plain values; the others have tests of their own."""
        path = self.configured("")
        larder = self.larder_with_file(path)
        client = self.client(larder)
        read = lambda: client.values(READ)  # noqa: E731
        wait_for_hit(larder, read)
        self.configured("[cache]\nenabled = false\n[pool]\nsize = 3\n")
        self.reload(larder, "configuration reloaded rules=0 changed=cache.enabled needs_restart=pool.size")
        wait_until_not_serving(larder)
        self.assertEqual(hits_of(larder, read), 0)
        self.assertGreater(larder.bypass_reasons().get("cache_off", 0), 0)
        self.configured("[listen]\nclients_max = 1\n")
        self.reload(larder, "configuration reloaded")
        wait_until_serving(larder)
        wait_for_hit(larder, read)
        with wire.Connection("127.0.0.1", larder.port, seconds_max=60) as other:
            self.assertEqual(error_of(other.login("postgres", "postgres")).get("C"), "53300")
        self.configured("")
        self.reload(larder, "configuration reloaded")
        silent = wire.Connection("127.0.0.1", larder.port, seconds_max=60)  # says nothing; the default gives it a minute, which is no limit here
        self.addCleanup(silent.close)
        eventually(lambda: larder.metric("larder_client_connections") == 2, "it was accepted")
        self.configured('[listen]\nlogin_timeout = "1s"\nlogin_clients_max = 1\n')
        self.reload(larder, "configuration reloaded")
        silent.read_messages_to_end()
        eventually(lambda: larder.metric("larder_client_connections") == 1, "the shorter time counts for those who are there")

    def test_a_cache_that_was_off_at_the_start_can_be_turned_on(self):
        larder = LarderWithFile(self.cluster.server, self.configured("[cache]\nenabled = false\n"), ())
        self.addCleanup(larder.stop)
        client = self.client(larder)
        self.assertEqual(hits_of(larder, lambda: client.values(READ)), 0)
        self.configured("")
        self.reload(larder, "configuration reloaded")
        wait_until_serving(larder)
        wait_for_hit(larder, lambda: client.values(READ))

    def certificate_shown(self, larder):
        with wire.Connection("127.0.0.1", larder.port) as connection:
            self.assertEqual(connection.start_tls(), b"S")
            return connection.sock.getpeercert(binary_form=True)

    def test_sighup_takes_over_certificates(self):
        certificate, key = make_certificate(self.folder.name, "shown")
        larder = self.larder_with_file(self.configured(""), f"listen.tls_cert_file={certificate}", f"listen.tls_key_file={key}")
        before = self.certificate_shown(larder)
        kept = self.client(larder)
        make_certificate(self.folder.name, "shown")
        self.assertEqual(self.certificate_shown(larder), before)
        self.reload(larder, "configuration reloaded")
        after = self.certificate_shown(larder)
        self.assertNotEqual(after, before)
        # A key that is not the certificate's: everything stays as it was.
        other_certificate, _ = make_certificate(self.folder.name, "other")
        os.replace(other_certificate, certificate)
        self.reload(larder, "the configuration was not reloaded")
        self.assertEqual(self.certificate_shown(larder), after)
        self.assertEqual(len(kept.values(READ)), 1)

    def test_sighup_under_load_ends_no_session(self):
        path = self.configured("")
        larder = self.larder_with_file(path)
        failures, stop = [], threading.Event()

        def work():
            try:
                client = self.client(larder)
                while not stop.is_set():
                    client.values(READ)
            except Exception as failure:  # told by the main thread
                failures.append(repr(failure))
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            self.reload(larder, "configuration reloaded")
            time.sleep(0.01)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])


class LarderWithFile(Larder):
    """Started with --config, so that a reload reads something."""

    def __init__(self, upstream, path, settings):
        self.path = path
        super().__init__(upstream, ("freshness.writers=only-larder", *settings))

    def command(self, database, settings):
        return [*super().command(database, settings), "--config", self.path]


if __name__ == "__main__":
    assert ssl.HAS_TLSv1_3
    unittest.main()
