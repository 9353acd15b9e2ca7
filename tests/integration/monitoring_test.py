#!/usr/bin/python3
"""The rules, alerts and dashboard of docker/ against a running Larder: they ask for metrics that are there, and an alert reaches Alertmanager."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
try:
    from support import monitoring
except ImportError as missing:
    print(f"skipped: {missing} (package python3-yaml)")
    sys.exit(77)
from support.larder_process import DIRECT, Larder  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.serving import wait_until_serving  # noqa: E402

PROGRAMS = ("prometheus", "promtool", "prometheus-alertmanager", "amtool")
DOCKER = os.path.join(monitoring.ROOT, "docker")
FROM_PROMETHEUS = {"job", "instance"}
SELECTOR = re.compile(r"(?<![\w:])(larder_\w+)(?:\{([^}]*)\})?")
LABELS_BY = re.compile(r"\bby \(([^)]*)\)")


def check(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")


def dashboard():
    with open(os.path.join(DOCKER, "grafana", "dashboards", "larder.json"), encoding="utf-8") as file:
        return json.load(file)


def dashboard_expressions(document):
    for panel in document["panels"]:
        for target in panel.get("targets", ()):
            yield f"panel {panel['title']}", target["expr"], target["legendFormat"]
    for annotation in document["annotations"]["list"]:
        yield annotation["name"], annotation["expr"], ""


@unittest.skipIf(DIRECT, "tests Larder's own metrics")
class Monitoring(unittest.TestCase):
    maxDiff = None
    @classmethod
    def setUpClass(cls):
        absent = [program for program in PROGRAMS if shutil.which(program) is None]
        if absent:
            raise unittest.SkipTest(f"not installed: {', '.join(absent)}")
        cls.cluster = OwnCluster()
        cls.cluster.run("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t SELECT i, i FROM generate_series(1, 50) AS i")
        # So that there is a change feed, and numbers of Redis and of a webhook.
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
            config.write('[[webhook]]\nname = "nobody"\nurl = "http://127.0.0.1:1/"\n')
            config.flush()
            cls.larder = Larder(cls.cluster.server, ("freshness.writers=others", "redis.url=redis://127.0.0.1:1"), extra=("--config", config.name))
        cls.addClassCleanup(cls.larder.stop)
        wait_until_serving(cls.larder)
        cls.larder.server.run("postgres", "SELECT n FROM t WHERE id = 1")  # numbers by database are there once one is in use

    def labels_by_metric(self):
        found = {}
        for line in self.larder.http("/metrics").splitlines():
            if not line.startswith("#"):
                name, labels = re.match(r"(\w+)(?:\{(.*)\})? ", line).groups()
                found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels or ""))
        return found

    def test_the_page_of_metrics_has_them_all(self):
        with open(os.path.join(monitoring.ROOT, "docs", "metrics.md"), encoding="utf-8") as file:
            rows = re.findall(r"^\| `(\w+)` \| (\w+) \|([^|]*)\| (.+) \|$", file.read(), re.MULTILINE)
        told = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _ in rows}
        self.assertEqual(len(told), len(rows), "a metric is there twice")
        kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", self.larder.http("/metrics"), re.MULTILINE))
        labels = self.labels_by_metric()
        labels |= {name: labels[f"{name}_bucket"] - {"le"} for name, kind in kinds.items() if kind == "histogram"}
        self.assertEqual(told, {name: (kind, labels[name]) for name, kind in kinds.items()})

    def assert_asks_for_what_is_there(self, where, expression, legend=""):
        known = self.labels_by_metric()
        labels = set(FROM_PROMETHEUS)
        for name, matchers in SELECTOR.findall(expression):
            self.assertIn(name, known, where)
            labels |= known[name]
            self.assertLessEqual(set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)), known[name] | FROM_PROMETHEUS, f"{where}: {name}")
        for names in LABELS_BY.findall(expression):
            self.assertLessEqual(set(re.split(r",\s*", names)), labels, where)
        self.assertLessEqual(set(re.findall(r"\{\{\s*(\w+)\s*\}\}", legend)), labels, where)

    def test_files_are_what_their_programs_want(self):
        check("promtool", "check", "config", os.path.join(DOCKER, "prometheus", "prometheus.yaml"))
        check("promtool", "check", "rules", "--lint-fatal", monitoring.RULES)
        check("amtool", "check-config", os.path.join(DOCKER, "alertmanager", "alertmanager.yaml"))

    def test_rules_have_unit_tests(self):
        tests = os.path.join(DOCKER, "prometheus", "larder_rules_test.yaml")
        check("promtool", "test", "rules", tests)
        with open(tests, encoding="utf-8") as file:
            text = file.read()
        for rule in monitoring.alerts():
            self.assertIn(f'exp_samples: [{{labels: \'ALERTS{{alertname="{rule["alert"]}"', text, "never seen to fire")
            self.assertIn(f"alertname: {rule['alert']}, exp_alerts: []", text, "never seen not to fire")

    def test_rules_ask_for_metrics_that_are_there(self):
        for rule in monitoring.rules():
            self.assert_asks_for_what_is_there(rule.get("alert") or rule["record"], rule["expr"])

    def test_alerts_say_what_to_do(self):
        for rule in monitoring.alerts():
            notes = rule["annotations"]
            self.assertEqual(set(notes), {"summary", "description", "runbook"}, rule["alert"])
            self.assertIn(rule["labels"]["severity"], ("critical", "warning", "info"))
            self.assertIn("$labels.instance", notes["summary"] + notes["description"], rule["alert"])
            # That there is such a section is looked at by tests/tidy/references_test.py.
            self.assertRegex(notes["runbook"], r"^docs/troubleshooting\.md#[\w-]+$")

    def test_dashboard_asks_for_metrics_that_are_there(self):
        document, rules = dashboard(), []
        places = set()
        for where, expression, legend in dashboard_expressions(document):
            self.assert_asks_for_what_is_there(where, expression, legend)
            rules.append({"record": f"panel:number{len(rules)}", "expr": expression.replace("$__rate_interval", "5m").replace("$instance", ".*")})
        for panel in document["panels"]:
            self.assertNotIn(panel["id"], places, "an id is there twice")
            places.add(panel["id"])
            self.assertTrue(panel["type"] == "row" or panel["description"], panel["title"])
        self.assertGreater(len(rules), 30)
        # PromQL's grammar is Prometheus' own business.
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            json.dump({"groups": [{"name": "panels", "rules": rules}]}, file)
            file.flush()
            check("promtool", "check", "rules", file.name)

    def test_panels_do_not_overlap(self):
        taken = set()
        for panel in dashboard()["panels"]:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24)
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells

    def test_shortening(self):
        self.assertEqual(monitoring.shortened("avg_over_time(larder:x:rate5m[6h] offset 15m) > 0.2", 60), "avg_over_time(larder:x:rate5m[360000ms] offset 15000ms) > 0.2")


class Traffic:
    """One client that reads all the time: the same few rows, or, after turn(), what was never asked before."""

    def __init__(self, server):
        self.server, self.is_new, self.ended, self.failures = server, threading.Event(), threading.Event(), []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            connection = self.server.connect("postgres")
            number = 0
            with connection.cursor() as cursor:
                while not self.ended.wait(0.01):
                    number += 1
                    cursor.execute("SELECT n FROM t WHERE id = %s", (number % 50 + 1 if not self.is_new.is_set() else 1000 + number,))
            connection.close()
        except Exception as failure:  # told by stop()
            self.failures.append(failure)

    def turn(self):
        self.is_new.set()

    def stop(self):
        self.ended.set()
        self.thread.join(60)
        if self.failures:
            raise self.failures[0]


@unittest.skipIf(DIRECT, "tests Larder's own metrics")
class EndToEnd(unittest.TestCase):
    FACTOR = 60  # a minute of the rules is a second here

    def setUp(self):
        absent = [program for program in PROGRAMS if shutil.which(program) is None]
        if absent:
            self.skipTest(f"not installed: {', '.join(absent)}")
        self.cluster = OwnCluster()
        self.cluster.run("CREATE TABLE t (id int PRIMARY KEY, n int)", "INSERT INTO t SELECT i, i FROM generate_series(1, 50) AS i")
        self.larder = Larder(self.cluster.server, ("freshness.writers=others",))
        self.addCleanup(self.larder.stop)
        wait_until_serving(self.larder)
        self.monitoring = monitoring.Monitoring(self.larder, self.FACTOR)
        self.addCleanup(self.monitoring.stop)

    def test_an_alert_comes_when_the_hit_rate_collapses(self):
        traffic = Traffic(self.larder.server)
        self.addCleanup(traffic.ended.set)
        before = "avg_over_time(larder:cache_hit_ratio:rate5m[6h] offset 15m)"
        eventually(lambda: (self.monitoring.value(monitoring.shortened(before, self.FACTOR)) or 0) > 0.5, "hits are seen over the time that the rule compares with")
        self.assertEqual(self.monitoring.told("LarderHitRateCollapsed"), [])
        traffic.turn()
        alert = eventually(lambda: self.monitoring.told("LarderHitRateCollapsed"), "Alertmanager is told")[0]
        self.assertEqual((alert["labels"]["severity"], alert["labels"]["instance"]), ("warning", f"127.0.0.1:{self.larder.admin_port}"))
        self.assertRegex(alert["annotations"]["summary"], r"fell to [\d.]+%$")
        self.assertEqual(self.monitoring.told("LarderServerDown"), [])
        traffic.stop()

    def test_an_alert_comes_when_postgresql_is_gone_and_goes_when_it_is_back(self):
        self.assertEqual(self.monitoring.told("LarderServerDown"), [])
        self.cluster.stop()
        eventually(lambda: self.monitoring.told("LarderServerDown"), "Alertmanager is told")
        # What follows from it is not told again.
        eventually(lambda: self.monitoring.inhibited("LarderNotServing"), "the other alert is inhibited")
        self.cluster.start()
        eventually(lambda: not self.monitoring.told("LarderServerDown"), "Alertmanager is told that it is over")

    def test_an_alert_comes_when_the_change_feed_stalls_and_goes_when_it_goes_on(self):
        def walsender():
            rows = self.cluster.run("SELECT pid FROM pg_stat_replication WHERE application_name = 'larder_feed'")
            return rows and self.monitoring.value("larder_feed_up") == 1 and rows[0][0]
        pid = eventually(walsender, "the change feed runs, and Prometheus knows it")
        self.assertEqual(self.monitoring.told("LarderFeedStalled"), [])
        os.kill(pid, signal.SIGSTOP)  # the connection stays open, and nothing comes any more
        try:
            alert = eventually(lambda: self.monitoring.told("LarderFeedStalled"), "Alertmanager is told")[0]
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertEqual((alert["labels"]["severity"], alert["annotations"]["runbook"]), ("critical", "docs/troubleshooting.md#the-change-feed-stalls"))
        eventually(lambda: not self.monitoring.told("LarderFeedStalled"), "Alertmanager is told that it is over")


if __name__ == "__main__":
    unittest.main()
