"""A service with access on, for the examples of examples/clients, and how they are run."""
import json
import os
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("ALMANAC_SOURCE",
                        os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
sys.path.insert(0, os.path.join(SOURCE, "tests/http"))
from _service import MODEL, Service, check, columns, finish, project, skip  # noqa: F401

EXAMPLES = os.path.join(SOURCE, "examples/clients")
VENV = os.path.join(SOURCE, "third_party/client-venv/bin")


def golden_key(*roles):
    """An API key of the golden ones with these roles: its text and the file of hashes."""
    with open(os.path.join(SOURCE, "tests/golden/access/api_keys.json"), encoding="utf-8") as file:
        golden = json.load(file)
    record = golden["keys"][0]
    text, record["roles"], record["note"] = record["note"], list(roles), "of a test"
    return text, json.dumps(golden)


class Served(Service):
    """A project with a committed run, the model `m`, and a key that may predict."""

    def __init__(self, limits=None):
        self.made = tempfile.TemporaryDirectory(prefix="almanac-clients-")
        super().__init__({"listen": {"workers": 1}, "access": {
            "api_keys": {"file": "keys.json", "checks_per_minute": 1000},
            "limits": limits or {"requests_per_minute": 10000}}}, ("--model", MODEL),
            folder=project(self.made.name))
        with open(os.path.join(self.folder, "almanac.yaml"), "a", encoding="utf-8") as file:
            file.write("deployments: {daily: {schedule: daily, stale_days_max: 36500}}\n")
        self.key, hashes = golden_key("predictor")
        self.write("keys.json", hashes)

    def __exit__(self, *what):
        super().__exit__(*what)
        self.made.cleanup()

    def example(self, name, *words, env=None):
        """Runs an example as its user would: the output; its errors are errors of the test."""
        return self.run([os.path.join(EXAMPLES, name), *words], env)

    def run(self, command, env=None):
        path = VENV + os.pathsep + os.environ["PATH"]
        known = {**os.environ, "ALMANAC_URL": f"http://127.0.0.1:{self.port}", "PATH": path,
                 "ALMANAC_TOKEN": self.key, "PYTHONDONTWRITEBYTECODE": "1",
                 "NO_PROXY": "127.0.0.1", **(env or {})}
        if command[0].endswith(".py"):
            command = [os.path.join(VENV, "python"), *command]
        done = subprocess.run(command, capture_output=True, text=True, env=known, timeout=300,
                              cwd=self.folder)
        check(done.returncode == 0, command, done.returncode, done.stdout[-1500:],
              done.stderr[-1500:])
        check(self.key not in done.stdout + done.stderr, command, "does not tell the key")
        return done.stdout
