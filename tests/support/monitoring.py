"""Prometheus and Alertmanager on free ports, with the project's own rules, their durations shortened so that a test sees minutes pass in seconds."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request

import yaml

from .own_cluster import eventually
from .postgres_server import free_port

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RULES = os.path.join(ROOT, "docker", "prometheus", "larder_rules.yaml")
DURATION = re.compile(r"\b(\d+)([smhd])\b")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SCRAPE_SECONDS = 0.2


def rules():
    """All rules of the file, those that record and those that alert."""
    with open(RULES, encoding="utf-8") as file:
        return [rule for group in yaml.safe_load(file)["groups"] for rule in group["rules"]]


def alerts():
    return [rule for rule in rules() if "alert" in rule]


def shortened(expression, factor):
    """A PromQL expression, or a duration, with every duration in it divided by the factor."""
    return DURATION.sub(lambda found: f"{max(1, round(int(found[1]) * SECONDS[found[2]] * 1000 / factor))}ms", expression)


def shortened_rules(factor):
    with open(RULES, encoding="utf-8") as file:
        document = yaml.safe_load(file)
    for group in document["groups"]:
        group["interval"] = f"{int(SCRAPE_SECONDS * 1000)}ms"
        for rule in group["rules"]:
            rule["expr"] = shortened(rule["expr"], factor)
            if "for" in rule:
                rule["for"] = shortened(rule["for"], factor)
    return document


def get_json(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.loads(answer.read())


class Daemon:
    """A program that is ready once its HTTP path answers."""

    def __init__(self, command, port, ready_path):
        self.url = f"http://127.0.0.1:{port}"
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)
        try:
            eventually(lambda: self._answers(ready_path), f"{command[0]} is ready")
        except BaseException:
            self.stop()
            raise

    def _answers(self, path):
        if self.process.poll() is not None:
            raise RuntimeError(f"it ended with {self.process.returncode}:\n{os.pread(self.log.fileno(), 1 << 16, 0).decode(errors='replace')}")
        try:
            urllib.request.urlopen(self.url + path, timeout=20).close()
            return True
        except (OSError, urllib.error.URLError):
            return False

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Monitoring:
    """Scrapes one Larder, and tells Alertmanager what the rules say with their durations divided by `factor`."""

    def __init__(self, larder, factor):
        self.folder = tempfile.mkdtemp(prefix="larder-test-monitoring-")
        self.daemons = []
        try:
            self._start(larder, factor)
        except BaseException:
            self.stop()
            raise

    def _start(self, larder, factor):
        port, alert_port = free_port(), free_port()
        with open(os.path.join(ROOT, "docker", "alertmanager", "alertmanager.yaml"), encoding="utf-8") as file:
            routes = yaml.safe_load(file)
        with open(os.path.join(ROOT, "docker", "prometheus", "prometheus.yaml"), encoding="utf-8") as file:
            config = yaml.safe_load(file)
        config["global"] = {"scrape_interval": f"{int(SCRAPE_SECONDS * 1000)}ms", "scrape_timeout": f"{int(SCRAPE_SECONDS * 1000)}ms",
                            "evaluation_interval": f"{int(SCRAPE_SECONDS * 1000)}ms"}
        config["rule_files"] = ["rules.yaml"]
        config["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{larder.admin_port}"]
        config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{alert_port}"]
        routes["route"]["group_wait"] = "1s"
        for name, document in (("prometheus.yaml", config), ("rules.yaml", shortened_rules(factor)), ("alertmanager.yaml", routes)):
            with open(self._path(name), "w", encoding="utf-8") as file:
                yaml.safe_dump(document, file)
        self.alertmanager = self._daemon(["prometheus-alertmanager", f"--config.file={self._path('alertmanager.yaml')}", f"--storage.path={self._path('alerts')}",
                                          f"--web.listen-address=127.0.0.1:{alert_port}", "--cluster.listen-address="], alert_port)
        self.prometheus = self._daemon(["prometheus", f"--config.file={self._path('prometheus.yaml')}", f"--storage.tsdb.path={self._path('samples')}",
                                        f"--web.listen-address=127.0.0.1:{port}"], port)

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _daemon(self, command, port):
        daemon = Daemon(command, port, "/-/ready")
        self.daemons.append(daemon)
        return daemon

    def value(self, expression):
        """Of an expression with one sample; None if it has none."""
        result = get_json(f"{self.prometheus.url}/api/v1/query?query={urllib.parse.quote(expression)}")["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def _alerts(self, name):
        return get_json(f"{self.alertmanager.url}/api/v2/alerts?filter={urllib.parse.quote(f'alertname={name}')}")

    def told(self, name):
        """The alerts of this name that Alertmanager was told of, and that nothing inhibits."""
        return [alert for alert in self._alerts(name) if alert["status"]["state"] == "active"]

    def inhibited(self, name):
        return [alert for alert in self._alerts(name) if alert["status"]["inhibitedBy"]]

    def stop(self):
        for daemon in reversed(self.daemons):
            daemon.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
