#!/usr/bin/python3
"""What runs inside of the containers of docker/, without containers: the shop and its visitors through Larder with the login it has there, the
probe, and the configurations."""
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
try:
    import yaml
except ImportError:
    print("skipped: no YAML reader (package python3-yaml)")
    sys.exit(77)
from support.larder_process import DIRECT, Larder, binary  # noqa: E402
from support.own_cluster import OwnCluster, eventually  # noqa: E402
from support.postgres_server import BINARIES  # noqa: E402
from support.serving import wait_until_serving  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCKER = os.path.join(ROOT, "docker")


def documents(name):
    with open(os.path.join(DOCKER, name), encoding="utf-8") as file:
        return list(yaml.safe_load_all(file))


def checked(*arguments, **variables):
    return subprocess.run([binary(), "--check", *arguments], capture_output=True, text=True, check=False, timeout=120, env={"STATE_DIRECTORY": tempfile.gettempdir(), **variables})


@unittest.skipIf(DIRECT, "tests Larder itself")
class Shop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = OwnCluster()
        server = cls.cluster.server
        environment = {**os.environ, "PATH": f"{BINARIES}:{os.environ['PATH']}", "PGHOST": server.host, "PGPORT": str(server.port), "POSTGRES_USER": server.user,
                       "LARDER_PASSWORD": "it's a secret", "SHOP_SCALE": "0.01", "SHOP_FOLDER": os.path.join(ROOT, "examples", "shop")}
        environment.pop("PGUSER", None)
        subprocess.run([os.path.join(DOCKER, "shop", "init.sh")], check=True, env=environment, timeout=600)
        # As compose.yaml has it: the role that init.sh made, no superuser.
        as_larder = server.at(server.port)
        as_larder.user, as_larder.password = "larder", "it%27s%20a%20secret"
        cls.larder = Larder(as_larder, database="shop")
        cls.addClassCleanup(cls.larder.stop)
        wait_until_serving(cls.larder)

    def probe(self, what, port=None):
        return subprocess.run([os.path.join(DOCKER, "larder-probe"), what, str(port or self.larder.admin_port)], capture_output=True, check=False, timeout=60).returncode

    def test_visitors_hit(self):
        before = self.larder.hits()
        done = subprocess.run([os.path.join(DOCKER, "shop", "traffic.sh")], capture_output=True, text=True, check=False, timeout=300, env={
            **os.environ, "PATH": f"{BINARIES}:{os.environ['PATH']}", "PGHOST": "127.0.0.1", "PGPORT": str(self.larder.port), "PGUSER": "postgres", "PGDATABASE": "shop", "RATE": "100", "FOR_SECONDS": "5"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("number of failed transactions: 0", done.stdout)
        self.assertGreater(self.larder.hits(), before + 100)
        self.assertGreater(self.larder.metric("larder_write_marks_total"), 0)
        # Facts could be read by this login, so that nothing is a write of everything.
        self.assertEqual(self.larder.metric("larder_catalogue_valid"), 1)

    def test_the_secret_came_through(self):
        self.assertTrue(self.cluster.run("SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = 'larder'")[0][0])

    def test_probe(self):
        self.assertEqual((self.probe("healthz"), self.probe("readyz")), (0, 0))
        self.assertNotEqual(self.probe("nothing"), 0)
        self.assertNotEqual(self.probe("healthz", 1), 0)


@unittest.skipIf(DIRECT, "tests Larder itself")
class Configurations(unittest.TestCase):
    def test_probe_without_a_server(self):
        cluster = OwnCluster()
        larder = Larder(cluster.server)
        self.addCleanup(larder.stop)
        wait_until_serving(larder)
        cluster.stop()
        probe = os.path.join(DOCKER, "larder-probe")
        eventually(lambda: subprocess.run([probe, "readyz", str(larder.admin_port)], check=False, timeout=60).returncode != 0, "it is not ready")
        subprocess.run([probe, "healthz", str(larder.admin_port)], check=True, timeout=60)

    def test_compose(self):
        service = documents("compose.yaml")[0]["services"]["larder"]
        done = checked(*service["command"], **{**service["environment"], "PGPASSWORD": "x"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_kubernetes(self):
        config, = (document for document in documents("kubernetes/larder.yaml") if document["kind"] == "ConfigMap")
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(config["data"]["larder.toml"])
            file.flush()
            done = checked("--config", file.name, PGPASSWORD="x")
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
