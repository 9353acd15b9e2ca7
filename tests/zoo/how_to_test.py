#!/usr/bin/python3
"""The programs that docs/how-to prints, as they stand there, in front of the sample shop: each says what it is promised to say."""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import node, postgres_server  # noqa: E402
from support.larder_process import DIRECT, Larder, binary  # noqa: E402
from support.serving import wait_for_hit  # noqa: E402
from support.zoo import require  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOW_TO = os.path.join(ROOT, "docs", "how-to")
DATABASE = "larder_how_to"
DRIVER = "/usr/share/java/postgresql.jar"
PGX = "/usr/share/gocode/src/github.com/jackc/pgx/v4"
ATTEMPTS_MAX = 10
PROGRAM = re.compile(r"^```\w+\n(?:#|//) (\w+\.\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What asks the application for the second guide, in place of uvicorn and curl.
ASK = """
import json, sys
from fastapi.testclient import TestClient
from app import app
with TestClient(app) as client:
    told = [client.get("/products/11") for _ in range(3)]
    client.put("/products/11/price/7.5")
    told.append(client.get("/products/11"))
    told.append(client.get("/products/0"))
print(json.dumps([[answer.status_code, answer.headers.get("x-larder"), answer.json().get("price")] for answer in told]))
"""


def has_module(*names):
    return subprocess.run(["/usr/bin/python3", "-c", "import " + ", ".join(names)], check=False, capture_output=True).returncode == 0


@unittest.skipIf(DIRECT, "these programs say what Larder did")
class HowTo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        direct = postgres_server.server()
        direct.create_database(DATABASE)
        subprocess.run([os.path.join(ROOT, "scripts", "load_shop"), direct.uri(DATABASE), "0.01"], check=True, stdout=subprocess.DEVNULL)
        cls.addClassCleanup(direct.drop_database, DATABASE)
        cls.larder = Larder(direct, database=DATABASE)
        cls.addClassCleanup(cls.larder.stop)
        cls.through = cls.larder.server
        wait_for_hit(cls.larder, lambda: cls.through.run(DATABASE, "SELECT count(*) FROM products"))

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def program(self, guide, name):
        """Writes what the guide prints under this name into a file."""
        with open(os.path.join(HOW_TO, guide + ".md"), encoding="utf-8") as file:
            programs = dict(PROGRAM.findall(file.read()))
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(programs[name])
        return path

    def output(self, *command, **variables):
        self.through.run("larder", "PURGE ALL")
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=self.folder.name,
                              env={**os.environ, "DATABASE_URL": self.through.uri(DATABASE), "HOME": self.folder.name, **variables})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def says(self, expected, *command, **variables):
        """A moment in which a write of elsewhere, or the catalogue, is under way makes another answer true: then it is run again."""
        for _ in range(ATTEMPTS_MAX):
            if (output := self.output(*command, **variables)) == expected:
                return
        self.assertEqual(output, expected)

    MISS_HIT = "read miss\nread hit\nread after a write miss\n"
    MISS_HIT_HIT = "read miss\nread hit\nread hit\nread after a write miss\n"

    @unittest.skipUnless(has_module("django"), "not installed: python3-django")
    def test_django(self):
        self.says(self.MISS_HIT, "/usr/bin/python3", self.program("django", "app.py"))

    @unittest.skipUnless(has_module("fastapi", "httpx", "sqlalchemy", "asyncpg"), "not installed: python3-fastapi or python3-httpx")
    def test_sqlalchemy_fastapi(self):
        self.program("sqlalchemy_fastapi", "app.py")
        self.through.run(DATABASE, "UPDATE products SET price = 5 WHERE id = 11")
        expected = [[200, "nothing", 5], [200, "miss", 5], [200, "hit", 5], [200, "miss", 7.5], [404, None, None]]
        for _ in range(ATTEMPTS_MAX):
            if (told := json.loads(self.output("/usr/bin/python3", "-c", ASK, PYTHONPATH=self.folder.name))) == expected:
                return
            self.through.run(DATABASE, "UPDATE products SET price = 5 WHERE id = 11")
        self.assertEqual(told, expected)

    @require("javac", "java")
    @unittest.skipUnless(os.path.exists(DRIVER), "not installed: libpostgresql-jdbc-java")
    def test_jdbc(self):
        subprocess.run(["javac", "-cp", DRIVER, "-d", self.folder.name, self.program("jdbc", "App.java")], check=True, capture_output=True, timeout=300)
        url = f"jdbc:postgresql://{self.through.host}:{self.through.port}/{DATABASE}?user={self.through.user}&password={self.through.password}"
        for _ in range(ATTEMPTS_MAX):
            lines = self.output("java", "-cp", f"{DRIVER}:{self.folder.name}", "App", url).splitlines()
            if lines[:2] == ["read miss", "read hit"] and lines[-1] == "read hit":
                break
        self.assertEqual((len(lines), lines[:2], lines[-1]), (8, ["read miss", "read hit"], "read hit"))
        self.assertLessEqual(lines.count("read miss"), 2)

    @require("node")
    def test_node_postgres(self):
        try:
            packages = node.modules()
        except (OSError, subprocess.SubprocessError) as failure:
            self.skipTest(f"the packages of npm could not be had: {failure}")
        self.says(self.MISS_HIT_HIT, "node", self.program("node_postgres", "app.js"), NODE_PATH=packages)

    @require("go")
    @unittest.skipUnless(os.path.exists(PGX), "not installed: golang-github-jackc-pgx-v4-dev")
    def test_pgx(self):
        subprocess.run(["go", "build", "-o", os.path.join(self.folder.name, "app"), self.program("pgx", "app.go")], check=True, timeout=600, env={
            **os.environ, "GOPATH": "/usr/share/gocode", "GO111MODULE": "off", "GOCACHE": os.path.join(self.folder.name, "cache"), "GOFLAGS": ""})
        self.says(self.MISS_HIT_HIT, os.path.join(self.folder.name, "app"))

    @require("ruby")
    @unittest.skipUnless(glob.glob("/usr/share/rubygems-integration/all/gems/activerecord-*"), "not installed: ruby-activerecord")
    def test_rails(self):
        self.says(self.MISS_HIT_HIT, "ruby", self.program("rails", "app.rb"))

    def test_configurations(self):
        """They are read without an error; the files that they name need not be here."""
        count = 0
        for path in glob.glob(os.path.join(ROOT, "docs", "**", "*.md"), recursive=True):
            with open(path, encoding="utf-8") as file:
                blocks = re.findall(r"^```toml\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL)
            for block in blocks:
                config = os.path.join(self.folder.name, "larder.toml")
                with open(config, "w", encoding="utf-8") as file:
                    file.write(block)
                done = subprocess.run([binary(), "--config", config, "--print-config"], capture_output=True, text=True, check=False, timeout=60)
                self.assertEqual((done.returncode, done.stderr), (0, ""), f"{path}:\n{block}")
                count += 1
        self.assertGreater(count, 2)

    def test_every_guide_with_a_program_is_tested(self):
        with_programs = set()
        for path in glob.glob(os.path.join(HOW_TO, "*.md")):
            with open(path, encoding="utf-8") as file:
                if PROGRAM.search(file.read()):
                    with_programs.add(os.path.splitext(os.path.basename(path))[0])
        self.assertEqual(with_programs, {name.removeprefix("test_") for name in dir(self) if name.startswith("test_")} - {"every_guide_with_a_program_is_tested", "configurations"})


if __name__ == "__main__":
    unittest.main()
