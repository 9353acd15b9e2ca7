#!/usr/bin/python3
"""docker/: compose and Kubernetes files can be read, name files and things that are there, and keep the promises that their comments make."""
import os
import re
import sys
import unittest

from source_files import ROOT, read

try:
    import yaml
except ImportError:
    print("skipped: no YAML reader (package python3-yaml)")
    sys.exit(77)

UNITS = {"Mi": 1 << 20, "Gi": 1 << 30, "MB": 1 << 20, "GB": 1 << 30}


def bytes_of(text):
    number, unit = re.match(r"(\d+)(\w+)$", text).groups()
    return int(number) * UNITS[unit]


class Dockerfile(unittest.TestCase):
    def setUp(self):
        text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", read("docker/Dockerfile"), flags=re.MULTILINE))
        self.stages = [stage.splitlines() for stage in re.split(r"^(?=FROM )", text, flags=re.MULTILINE) if stage.strip()]
        self.last = [line.split(None, 1) for line in self.stages[-1] if line]

    def value(self, word):
        return [rest for first, rest in self.last if first == word]

    def test_stages(self):
        self.assertEqual(len(self.stages), 2)
        # What builds is left behind: the last stage takes from the first one what it names.
        self.assertTrue(all(rest.startswith("--from=build ") or rest.startswith("docker/") for rest in self.value("COPY")))
        for rest in self.value("COPY"):
            if rest.startswith("docker/"):
                self.assertTrue(os.access(os.path.join(ROOT, rest.split()[0]), os.X_OK), rest)

    def test_it_is_not_root(self):
        user, = self.value("USER")
        self.assertGreater(int(user), 0)
        self.assertIn(f"--uid {user}", "".join(self.value("RUN")))
        self.assertEqual(len(self.value("HEALTHCHECK")), 1)


class Compose(unittest.TestCase):
    def setUp(self):
        self.document = yaml.safe_load(read("docker/compose.yaml"))
        self.services = self.document["services"]

    def test_services(self):
        self.assertEqual(set(self.services), {"postgres", "larder", "dashboard", "visitors", "prometheus", "alertmanager", "grafana"})
        for name, service in self.services.items():
            self.assertNotEqual("image" in service, "build" in service, name)
            self.assertNotRegex(service.get("image", "x:1"), r":latest$|^[^:]+$", f"{name}: which version?")
            for other in service.get("depends_on", {}):
                self.assertIn("healthcheck", self.services[other])

    def test_files_and_volumes_are_there(self):
        for name, service in self.services.items():
            for volume in service.get("volumes", ()):
                source = volume.split(":")[0]
                if source.startswith("."):
                    self.assertTrue(os.path.exists(os.path.join(ROOT, "docker", source)), f"{name}: {source}")
                else:
                    self.assertIn(source, self.document["volumes"], name)

    def test_who_asks_the_admin_port_shares_its_network(self):
        for name in ("dashboard", "prometheus", "alertmanager", "grafana"):
            self.assertEqual(self.services[name]["network_mode"], "service:larder")
            self.assertNotIn("ports", self.services[name])
        self.assertNotIn("ports", self.services["postgres"], "nothing but Larder reaches it: freshness.writers says so")
        for port in self.services["larder"]["ports"]:
            self.assertTrue(port.startswith("127.0.0.1:"), port)

    def test_no_secret_is_written_down(self):
        for name, service in self.services.items():
            for key, value in service.get("environment", {}).items():
                if "PASSWORD" in key:
                    self.assertRegex(value, r"^\$\{\w+:\?", f"{name}: {key}")


class Kubernetes(unittest.TestCase):
    def setUp(self):
        self.text = read("docker/kubernetes/larder.yaml")
        self.documents = {document["kind"]: document for document in yaml.safe_load_all(self.text)}
        self.spec = self.documents["Deployment"]["spec"]
        self.container, = self.spec["template"]["spec"]["containers"]

    def test_kinds(self):
        self.assertEqual(set(self.documents), {"ConfigMap", "Deployment", "Service", "PodDisruptionBudget"})
        self.assertEqual({kind: document["apiVersion"] for kind, document in self.documents.items()},
                         {"ConfigMap": "v1", "Deployment": "apps/v1", "Service": "v1", "PodDisruptionBudget": "policy/v1"})

    def test_selectors_find_the_pods(self):
        labels = self.spec["template"]["metadata"]["labels"].items()
        for selector in (self.spec["selector"]["matchLabels"], self.documents["Service"]["spec"]["selector"], self.documents["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]):
            self.assertLessEqual(selector.items(), labels)
        self.assertIn(self.documents["Service"]["spec"]["ports"][0]["targetPort"], [port["name"] for port in self.container["ports"]])

    def test_there_is_one_at_a_time(self):
        self.assertEqual((self.spec["replicas"], self.spec["strategy"]["type"]), (1, "Recreate"))
        self.assertEqual(self.documents["PodDisruptionBudget"]["spec"]["minAvailable"], 1)
        self.assertGreater(self.spec["template"]["spec"]["terminationGracePeriodSeconds"], 30, "sessions have half a minute to end")

    def test_probes(self):
        asked = {kind: self.container[kind + "Probe"]["exec"]["command"] for kind in ("startup", "liveness", "readiness")}
        self.assertEqual(asked, {"startup": ["larder-probe", "healthz"], "liveness": ["larder-probe", "healthz"], "readiness": ["larder-probe", "readyz"]})
        self.assertTrue(all(self.container[kind + "Probe"]["timeoutSeconds"] > 5 for kind in asked), "larder-probe itself waits for 5 s")

    def test_volumes(self):
        volumes = {volume["name"]: volume for volume in self.spec["template"]["spec"]["volumes"]}
        self.assertEqual({mount["name"] for mount in self.container["volumeMounts"]}, set(volumes))
        self.assertEqual(volumes["config"]["configMap"]["name"], self.documents["ConfigMap"]["metadata"]["name"])

    def test_memory_has_room_for_the_cache(self):
        cache = re.search(r'bytes_max = "(\w+)"', self.documents["ConfigMap"]["data"]["larder.toml"])[1]
        self.assertGreaterEqual(bytes_of(self.container["resources"]["limits"]["memory"]), 1.5 * bytes_of(cache))
        self.assertGreater(bytes_of(self.container["resources"]["requests"]["memory"]), bytes_of(cache))

    def test_its_user_is_the_images(self):
        user, = re.findall(r"^USER (\d+)$", read("docker/Dockerfile"), re.MULTILINE)
        self.assertEqual(self.spec["template"]["spec"]["securityContext"]["runAsUser"], int(user))
        self.assertNotRegex(self.text, r"(?i)password: ", "secrets come from a Secret")


unittest.main()
