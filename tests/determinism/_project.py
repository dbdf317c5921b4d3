"""Projects made from the retail example, for the suites here and in tests/interop.

The small project holds every series outside the main market, every SKU launched late and one in
sixteen of the others: all four markets, all levels of the hierarchy and cold starts stay in it. Its
model is smaller too (fewer trees, paths and backtest origins). Every project made here has the
same commit, whatever its folder, the day and the caller's settings are.
"""
import contextlib
import csv
import fcntl
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess

SOURCE = os.environ.get("ALMANAC_SOURCE") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("ALMANAC_BUILD") or os.path.join(SOURCE, "build/release")
ALMANAC = os.environ.get("ALMANAC") or os.path.join(BUILD, "bin/almanac")
EXAMPLE = os.path.join(SOURCE, "examples/retail")

START, END = "2010-12-01", "2011-12-10"
DATES = ("2011-12-09", "2011-12-10")
STEPS = 28
MAIN_MARKET = "United_Kingdom"
ONE_IN = 16
LAUNCHED_LATE = "2011-10-11"
SMALLER = {r"horizon: \d+": f"horizon: {STEPS}", r"paths: \d+": "paths: 50",
           r"trees: \d+": "trees: 20", r"bins_max: \d+": "bins_max: 63",
           r"leaf_rows_min: \d+": "leaf_rows_min: 20",
           r"origins: 3, selection_origins: 3": "origins: 3, selection_origins: 2"}


def environment(home, **changes):
    """What a command of ours, and git, may see of the caller's settings. None removes a name."""
    who = {"NAME": "Tester", "EMAIL": "tester@example.org", "DATE": "2011-12-10T00:00:00Z"}
    result = {name: value for name, value in os.environ.items()
              if not name.startswith(("GIT_", "LC_", "GLIBC_")) and name not in
              ("LANG", "LANGUAGE", "TZ", "LOG_LEVEL", "LD_PRELOAD")}
    result |= {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER")
               for key, value in who.items()}
    result |= {"HOME": home, "USER": "tester", "LC_ALL": "C", "TZ": "UTC", "NO_COLOR": "1",
               "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    result |= changes
    return {name: value for name, value in result.items() if value is not None}


class Failed(Exception):
    """A command ended with another status than the expected one."""


class Project:
    """A project folder, and how the command is called in it."""

    def __init__(self, folder, binary=ALMANAC, threads=None, **changes):
        self.folder, self.binary, self.threads = folder, binary, threads
        self.environment = environment(folder, **changes)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def call(self, *arguments):
        """The finished process, whatever its status is."""
        threads = ["--threads", str(self.threads)] if self.threads else []
        return subprocess.run([self.binary, *arguments, *threads], cwd=self.folder, text=True,
                              env=self.environment, stdin=subprocess.DEVNULL, timeout=500,
                              capture_output=True, check=False)

    def __call__(self, *arguments):
        """Standard output of a command that must succeed."""
        done = self.call(*arguments)
        if done.returncode != 0:
            raise Failed(f"almanac {' '.join(arguments)} in {self.folder}: status "
                         f"{done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def json(self, *arguments):
        return json.loads(self(*arguments, "--json"))

    def git(self, *arguments):
        return subprocess.run(["git", "-c", "init.defaultBranch=main", "-c", "core.autocrlf=false",
                               *arguments], cwd=self.folder, env=self.environment, check=True,
                              capture_output=True, text=True).stdout.strip()

    def publish(self, dates=DATES):
        """From the committed folder to one run for each date; demand-1 is in production."""
        snapshot = self("snapshot", "--start", START, "--end", END, "--quiet").strip()
        self("train", "demand", "--snapshot", snapshot, "--quiet")
        self("models", "compare", "demand-1", "--quiet")
        self("models", "approve", "demand-1", "--why", "test", "--quiet")
        self("models", "promote", "demand-1", "--alias", "production", "--why", "test", "--quiet")
        for date in dates:
            self("run", "--snapshot", snapshot, "--date", date, "--quiet")


# ---- making one ----

def rows_of(name):
    path = os.path.join(EXAMPLE, "data", name)
    with (gzip.open if name.endswith(".gz") else open)(path, "rt", newline="",
                                                       encoding="utf-8") as file:
        return list(csv.reader(file))


def write_rows(path, rows):
    """Gzip without name and time, so that equal rows are equal bytes."""
    text = "".join(",".join(cells) + "\n" for cells in rows).encode()
    if path.endswith(".gz"):
        text = gzip.compress(text, compresslevel=6, mtime=0)
    with open(path, "wb") as file:
        file.write(text)


def chosen_skus(sales):
    first, abroad = {}, set()
    for date, sku, market, *_ in sales[1:]:
        first[sku] = min(first.get(sku, date), date)
        if market != MAIN_MARKET:
            abroad.add(sku)
    skus = sorted(first)
    late = {sku for sku in skus if first[sku] >= LAUNCHED_LATE}
    return abroad | late | set(skus[::ONE_IN])


def shrink(folder):
    data = os.path.join(folder, "data")
    kept = chosen_skus(rows_of("sales.csv.gz"))
    for name in ("sales.csv.gz", "stock.csv.gz", "orders.csv.gz"):
        rows = rows_of(name)
        assert rows[0][1] == "sku", name
        write_rows(os.path.join(data, name), [rows[0]] + [r for r in rows[1:] if r[1] in kept])
    path = os.path.join(folder, "almanac.yaml")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for old, new in SMALLER.items():
        text, count = re.subn(old, new, text)
        # A renamed setting would silently make the suite slow.
        assert count == 1, f"{old} stands {count} times in almanac.yaml of the example"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def make(folder, full=False):
    """Copies the example to `folder`, which must not exist, and commits it. Returns the commit."""
    os.makedirs(folder)
    for name in ("almanac.yaml", "example.key"):
        shutil.copy(os.path.join(EXAMPLE, name), folder)
    shutil.copytree(os.path.join(EXAMPLE, "data"), os.path.join(folder, "data"))
    if not full:
        shrink(folder)
    with open(os.path.join(folder, ".gitignore"), "w", encoding="utf-8") as file:
        file.write(".almanac/\n")
    project = Project(folder)
    project.git("init", "-q", ".")
    project.git("add", "-A")
    project.git("commit", "-qm", "The retail example, smaller")
    return project.git("rev-parse", "HEAD")


# ---- one for all suites ----

def digest_of(path):
    hasher = hashlib.sha256()
    with open(path, "rb") as file:
        for part in iter(lambda: file.read(1 << 20), b""):
            hasher.update(part)
    return hasher.hexdigest()


def fixture_key():
    parts = [digest_of(ALMANAC), digest_of(__file__)]
    for folder, _, names in sorted(os.walk(EXAMPLE)):
        parts += [digest_of(os.path.join(folder, name)) for name in sorted(names)]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


@contextlib.contextmanager
def locked(path):
    with open(path, "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def published():
    """The small project with its runs, made once for each command and example. Read it only; what
    changes a project works on a copy (`copied`)."""
    root = os.path.join(BUILD, "fixture")
    folder = os.path.join(root, fixture_key())
    os.makedirs(root, exist_ok=True)
    with locked(os.path.join(root, "lock")):
        if not os.path.isdir(folder):
            for name in os.listdir(root):
                if name != "lock":
                    shutil.rmtree(os.path.join(root, name))
            made = folder + ".making"
            make(made)
            Project(made).publish()
            os.rename(made, folder)
    return Project(folder)


def copied(project, folder):
    # Times stay: the mtime of a commit file is the time of the commit for Delta readers.
    shutil.copytree(project.folder, folder, copy_function=shutil.copy2)
    return Project(folder)
