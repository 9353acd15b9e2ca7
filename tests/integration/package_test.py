#!/usr/bin/python3
"""The Debian package: what is in it, that it installs, starts, is upgraded, removed and purged, and that manual and completions know every option.

It is installed over this very system, in a mount and a network namespace whose changes are forgotten: for that the test must run as root.
"""
import fcntl
import glob
import gzip
import os
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.larder_process import DIRECT, binary  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGING = os.path.join(ROOT, "packaging")
UNIT = "/lib/systemd/system/larder.service"
CONFIG = "/etc/larder/larder.toml"
MODES = {
    "./usr/bin/larder": "-rwxr-xr-x", "." + CONFIG: "-rw-r-----", "." + UNIT: "-rw-r--r--", "./lib/systemd/system/larder.socket": "-rw-r--r--",
    "./usr/share/man/man1/larder.1.gz": "-rw-r--r--", "./usr/share/man/man5/larder.toml.5.gz": "-rw-r--r--",
    "./usr/share/bash-completion/completions/larder": "-rw-r--r--", "./usr/share/zsh/vendor-completions/_larder": "-rw-r--r--",
    "./usr/share/doc/larder/copyright": "-rw-r--r--", "./usr/share/doc/larder/changelog.gz": "-rw-r--r--",
    "./usr/share/doc/larder/docs/troubleshooting.md": "-rw-r--r--",
}
FOLDERS = ("./usr/bin/", "./usr/share/man/", "./usr/share/doc/larder/", "./usr/share/bash-completion/", "./usr/share/zsh/vendor-completions/", "./lib/systemd/system/", "./etc/larder/")
# Namespaces of its own, and over the whole system a layer that takes what is changed.
INSIDE = r"""set -eu
mount -t tmpfs none "$1"; mkdir "$1/changes" "$1/work" "$1/root"
mount -t overlay none -o "lowerdir=/,upperdir=$1/changes,workdir=$1/work" "$1/root" || exit 77
mount -t proc none "$1/root/proc"; mount --rbind /dev "$1/root/dev"; mount -t tmpfs none "$1/root/run"; mount -t tmpfs none "$1/root/tmp"
cp "$2" "$1/root/tmp/larder.deb"; cp "$3" "$1/root/tmp/inside.py"; mkdir "$1/root/tmp/support"; cp -r "$4/." "$1/root/tmp/support/"
exec chroot "$1/root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 /usr/bin/python3 /tmp/inside.py --inside
"""


def output(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=600, **more).stdout


def build_folder():
    return os.environ.get("LARDER_BUILD") or os.path.dirname(binary())


def options_of(help_text):
    return set(re.findall(r"--[a-z][a-z-]*", help_text))


@unittest.skipIf(DIRECT, "tests Larder's own package")
class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        absent = [program for program in ("cpack", "dpkg-deb", "dpkg-shlibdeps", "objdump", "file") if shutil.which(program) is None]
        if absent:
            raise unittest.SkipTest(f"not installed: {', '.join(absent)} (scripts/install_packages package)")
        if not glob.glob(os.path.join(build_folder(), "compressed", "*.gz")):
            output("cmake", "--build", build_folder(), "--target", "larder_documents")
        cls.folder = tempfile.mkdtemp(prefix="larder-test-package-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        output("cpack", "-G", "DEB", "-B", cls.folder, cwd=build_folder())
        cls.package, = glob.glob(os.path.join(cls.folder, "larder_*.deb"))

    def field(self, name):
        return output("dpkg-deb", "--field", self.package, name).strip()

    def unpacked(self):
        target = os.path.join(self.folder, "unpacked")
        if not os.path.exists(target):
            output("dpkg-deb", "--raw-extract", self.package, target)
        return target

    def test_contents(self):
        listed = {}
        for line in output("dpkg-deb", "--contents", self.package).splitlines():
            mode, owner, _, _, _, path = line.split(None, 5)
            self.assertEqual(owner, "root/root", path)
            if not path.endswith("/"):
                listed[path] = mode
                self.assertTrue(path.startswith(FOLDERS), path)
                self.assertNotRegex(mode, "^-.......w|^-....w|s", path)
        self.assertEqual({path: listed.get(path) for path in MODES}, MODES)
        self.assertRegex(output("file", os.path.join(self.unpacked(), "usr", "bin", "larder")), r"[^t] stripped|, stripped")

    def test_what_it_depends_on(self):
        depends = {name.split()[0] for name in self.field("Depends").split(", ")}
        self.assertLessEqual({"adduser", "init-system-helpers", "libc6", "libpq5"}, depends)
        wanted = re.findall(r"NEEDED +(\S+)", output("objdump", "-p", binary()))
        self.assertGreater(len(wanted), 5)
        for name, path in re.findall(r"(\S+) => (/\S+)", output("ldd", binary())):
            if name in wanted:
                self.assertTrue(self.owners(path) & depends, f"{path} belongs to {self.owners(path)}, none of which the package depends on")

    @staticmethod
    def owners(path):
        """The packages that a library belongs to, under all names that they go by."""
        found = set()
        for line in subprocess.run(["dpkg", "-S", path, os.path.realpath(path)], capture_output=True, text=True, check=False).stdout.splitlines():
            names = output("dpkg-query", "--show", "--showformat", "${Package}, ${Provides}", line.split(": ")[0])
            found |= {name.split()[0] for name in names.split(", ") if name}
        return found

    def test_its_scripts_are_shell(self):
        for script in ("postinst", "prerm", "postrm"):
            path = os.path.join(self.unpacked(), "DEBIAN", script)
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o755)
            output("sh", "-n", path)
        with open(os.path.join(self.unpacked(), "DEBIAN", "conffiles"), encoding="utf-8") as file:
            self.assertEqual(file.read(), CONFIG + "\n")

    def test_the_configuration_is_valid(self):
        self.assertIn("valid", output(binary(), "--config", os.path.join(PACKAGING, "larder.toml"), "--check", env={}))

    def test_manual_pages(self):
        for page in ("man1/larder.1.gz", "man5/larder.toml.5.gz"):
            with gzip.open(os.path.join(self.unpacked(), "usr", "share", "man", page), "rt", encoding="utf-8") as file:
                text = file.read()
            if shutil.which("groff"):
                done = subprocess.run(["groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-z"], input=text, capture_output=True, text=True, check=False, timeout=120)
                self.assertEqual((done.returncode, done.stderr), (0, ""), page)
        for key in re.findall(r"^(\w+) = ", output(binary(), "--print-config", env={}), re.MULTILINE):
            self.assertIn(f".TP\n.B {key}\n", text)

    def test_installs_starts_and_goes(self):
        if os.geteuid() != 0:
            self.skipTest("must be root, to install it in a namespace of its own")
        with tempfile.TemporaryDirectory(prefix="larder-test-root-") as place:
            done = subprocess.run(["unshare", "--mount", "--net", "bash", "-c", INSIDE, "bash", place, self.package, os.path.abspath(__file__), os.path.join(ROOT, "tests", "support")],
                                  capture_output=True, text=True, check=False, timeout=600)
        if done.returncode == 77:
            self.skipTest(f"this system gives no overlay of itself: {done.stderr}")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


@unittest.skipIf(DIRECT, "asks Larder for its options")
class Options(unittest.TestCase):
    """Manual and completions know what --help knows, and nothing else."""

    @classmethod
    def setUpClass(cls):
        cls.options = options_of(output(binary(), "--help")) - {"--json"}
        cls.advise, cls.verify = (options_of(output(binary(), command, "--help")) for command in ("advise", "verify"))

    def complete(self, *words):
        script = f'source {shlex.quote(os.path.join(PACKAGING, "completions", "larder.bash"))}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _larder; printf "%s\\n" "${{COMPREPLY[@]}}"'
        return output("bash", "-uc", script, "bash", binary(), *words).split()

    def test_bash(self):
        self.assertEqual(set(self.complete("--")), self.options)
        self.assertEqual(self.complete(""), self.complete("--") + ["advise", "verify", "import"])
        self.assertEqual(set(self.complete("advise", "")), self.advise)
        self.assertEqual(set(word for word in self.complete("verify", "") if word.startswith("-")), self.verify)
        self.assertEqual(self.complete("--print"), ["--print-config"])
        self.assertEqual(self.complete("--set", "cache.bytes"), ["cache.bytes_max="])
        self.assertEqual(len(self.complete("--set", "")), len(re.findall(r"^\w+ = ", output(binary(), "--print-config"), re.MULTILINE)))
        self.assertEqual(self.complete("--listen", ""), [])
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.toml")
            with open(path, "w", encoding="utf-8"):
                pass
            self.assertEqual(self.complete("--config", folder + "/"), [path])
            self.assertEqual(self.complete("import", folder + "/"), [path])

    def test_zsh(self):
        with open(os.path.join(PACKAGING, "completions", "_larder"), encoding="utf-8") as file:
            subcommands, others = file.read().split("else\n")
        _, verify, advise = subcommands.split("elif ")
        for text, options in ((others, self.options), (advise, self.advise), (verify, self.verify)):
            self.assertEqual(set(re.findall(r"'\*?(--[a-z-]+)\[", text)), options)
        if shutil.which("zsh"):
            output("zsh", "-n", os.path.join(PACKAGING, "completions", "_larder"))

    def test_manual(self):
        with open(os.path.join(PACKAGING, "man", "larder.1"), encoding="utf-8") as file:
            text = file.read().replace("\\-", "-")
        self.assertEqual(options_of(text), self.options | self.advise | self.verify)
        self.assertEqual(set(re.findall(r"^\.B larder (\w+)", text, re.MULTILINE)), set(re.findall(r"\blarder (\w+) ", output(binary(), "--help"))))


def inside():
    """In the namespace: installs the package and looks at what happens. Ends with an exception if something is wrong."""
    with socket.socket() as any_socket:  # the loopback of a new network namespace is down
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 0x41))
    assert not os.path.exists("/usr/bin/larder"), "it is installed here already"
    output("dpkg", "--install", "/tmp/larder.deb")
    assert output("stat", "-c", "%U %G %a", CONFIG).strip() == "root larder 640"
    assert "larder" in output("getent", "passwd", "larder")
    complaints = subprocess.run(["systemd-analyze", "verify", "--man=no", UNIT, UNIT.replace(".service", ".socket")], capture_output=True, text=True, check=False)
    assert "larder" not in complaints.stderr, complaints.stderr
    start_and_stop()

    with open(CONFIG, "a", encoding="utf-8") as file:
        file.write("# changed by hand\n")
    os.chmod(CONFIG, 0o600)
    output("dpkg", "--install", "/tmp/larder.deb")  # as an upgrade
    assert "changed by hand" in open(CONFIG, encoding="utf-8").read()
    assert output("stat", "-c", "%U %G %a", CONFIG).strip() == "root larder 600"

    output("dpkg", "--remove", "larder")
    assert not os.path.exists("/usr/bin/larder") and not os.path.exists(UNIT)
    assert os.path.exists(CONFIG) and os.path.exists("/var/lib/larder")
    output("dpkg", "--purge", "larder")
    assert not os.path.exists("/etc/larder") and not os.path.exists("/var/lib/larder")
    assert "larder" in output("getent", "passwd", "larder"), "the user stays"


def start_and_stop():
    """As systemd would: its command, its user, its variables."""
    with open(UNIT, encoding="utf-8") as file:
        unit = dict(re.findall(r"^(\w+)=(.*)$", file.read(), re.MULTILINE))
    assert unit["Type"] == "notify"
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind("/run/notify")
    os.chmod("/run/notify", 0o777)
    told.settimeout(60)
    state = "/var/lib/" + unit["StateDirectory"]
    os.mkdir(state)
    shutil.chown(state, unit["User"], unit["Group"])
    with subprocess.Popen(["setpriv", f"--reuid={unit['User']}", f"--regid={unit['Group']}", "--init-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all",
                           *shlex.split(unit["ExecStart"])], env={"NOTIFY_SOCKET": "/run/notify", "STATE_DIRECTORY": state}) as process:
        try:
            assert told.recv(4096).startswith(b"READY=1\n")
            with urllib.request.urlopen("http://127.0.0.1:6433/healthz", timeout=60) as answer:
                assert answer.read() == b"ok\n"
            socket.create_connection(("127.0.0.1", 6432), timeout=60).close()
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()


if __name__ == "__main__":
    if sys.argv[1:] == ["--inside"]:
        inside()
    else:
        unittest.main()
