"""The same project gives the same bytes: snapshot, bundle, release and every prediction file.

One project is published by 1, 2 and 3 threads, in another folder, with another locale and time
zone, on a CPU whose AVX2 and FMA the C library does not see, and with every variant of our
vectorised functions. Each time everything is compared with the first: ids, the SHA-256
of each data file's bytes, the names of all objects, and what queries print.
"""
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import _dispatch
import _project
from _project import ALMANAC, BUILD, DATES, STEPS, Project

MASK = ("glibc.cpu.hwcaps=-AVX,-AVX2,-FMA,-FMA4,-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-AVX512CD")
LOADER = "/lib64/ld-linux-x86-64.so.2"
GERMAN = "de_DE.UTF-8"
# Values of the C library that are known to differ between its variants with and without FMA.
LIBM_BITS = """if True:
    import hashlib, math, struct
    digest = hashlib.sha256()
    for i in range(1, 100001):
        x = i * 0.00137
        digest.update(struct.pack("<4d", math.exp(x), math.log(x), math.pow(x, 1.1), math.tanh(x)))
    print(digest.hexdigest())"""
LIBRARIES = os.path.join(_project.SOURCE, "third_party/lib")


def fingerprint(project):
    """Everything that must be equal."""
    runs = project.json("predictions", "runs")["runs"]
    release = project.json("models", "show", "demand-1")
    files, root = {}, project.path(".almanac/predictions")
    for folder, _, names in os.walk(root):
        for name in names:
            if name.endswith(".parquet") and "_delta_log" not in folder:
                path = os.path.join(folder, name)
                files[os.path.relpath(path, root)] = _project.digest_of(path)
    objects = {os.path.basename(folder) + name
               for folder, _, names in os.walk(project.path(".almanac/objects"))
               for name in names if len(os.path.basename(folder)) == 2}
    # Text made for readers: nothing of the locale or the time zone may get into it.
    shown = [hashlib.sha256(project("predictions", "query", "--model", "production", "--date",
                                    DATES[-1], "--format", kind).encode()).hexdigest()
             for kind in ("csv", "json", "table")]
    return {"csv, json and table": shown,
            "commit": project.git("rev-parse", "HEAD"),
            "snapshots": [run["snapshot"] for run in runs],
            "release": release["hash"], "bundles": release["bundles"],
            "training run": release["training_run"],
            "runs": [(run["run_id"], run["prediction_date"], run["manifest"]) for run in runs],
            "prediction files": files, "objects": objects}


def differences(expected, found, engine):
    """The engine's own bytes are an object too; they may differ where the binary does."""
    for key, value in expected.items():
        other = found[key]
        if key == "objects":
            value, other = value - engine, other - engine
        if value == other:
            continue
        if isinstance(value, dict):
            names = sorted(set(value.items()) ^ set(other.items()))
            yield f"{key}: {len(names)} differ, first {names[:2]}"
        elif isinstance(value, set):
            yield f"{key}: only expected {sorted(value - other)}, only here {sorted(other - value)}"
        else:
            yield f"{key}: {other}, expected {value}"


class Suite:
    def __init__(self, scratch, full):
        self.scratch, self.full, self.failures = scratch, full, []
        self.expected = None

    def report(self, what, problems):
        self.failures += [f"{what}: {problem}" for problem in problems]
        print(f"{'FAIL' if problems else 'ok  '} {what}", flush=True)

    def published(self, folder, **options):
        _project.make(folder, full=self.full)
        project = Project(folder, **options)
        project.publish()
        return project

    def variant(self, what, folder=None, **options):
        """Publishes once more; everything must equal the first."""
        folder = folder or os.path.join(self.scratch, "variant")
        binary = options.get("binary", ALMANAC)
        try:
            found = fingerprint(self.published(folder, **options))
            engine = {_project.digest_of(ALMANAC), _project.digest_of(binary)}
            self.report(what, list(differences(self.expected, found, engine)))
        except _project.Failed as failure:
            self.report(what, [str(failure)])
        shutil.rmtree(folder, ignore_errors=True)

    def reference(self):
        """Published with the default number of threads; rebuilt from its record."""
        project = (self.published(os.path.join(self.scratch, "full")) if self.full
                   else _project.published())
        self.expected = fingerprint(project)
        count = len(DATES) * STEPS
        files = self.expected["prediction files"]
        problems = [] if len(files) == count else [f"{len(files)} files, expected {count}"]
        # A content-addressed name that lies would hide a difference.
        problems += [f"{path} has the digest {digest}" for path, digest in files.items()
                     if f"part-{digest}.parquet" != os.path.basename(path)]
        self.report("reference", problems)
        copy = _project.copied(project, os.path.join(self.scratch, "rebuild"))
        rebuilt = copy.json("rebuild", "demand-1", "--verify")
        problems = [] if rebuilt["identical"] is True else [f"{rebuilt}"]
        if rebuilt["rebuilt"] not in str(self.expected["bundles"]):
            problems.append(f"rebuilt {rebuilt['rebuilt']}, not of {self.expected['bundles']}")
        self.report("rebuild --verify", problems)
        shutil.rmtree(copy.folder)


# ---- other surroundings ----

def loader_says(level, **changes):
    """Whether the C library's loader takes the CPU for one of this level."""
    text = subprocess.run([LOADER, "--help"], capture_output=True, text=True, check=False,
                          env=dict(os.environ, **changes)).stdout
    return f"{level} (supported" in text


def libm_bits(**changes):
    return subprocess.run([sys.executable, "-c", LIBM_BITS], check=True, capture_output=True,
                          env=dict(os.environ, **changes), text=True).stdout


def mask_has_an_effect(suite):
    """The loader calls the CPU older, and the C library's own exp, log, pow and tanh change bits
    (which is why no stored value may depend on them)."""
    if not loader_says("x86-64-v3"):
        print("note: this CPU has no AVX2 and FMA; masking them changes nothing")
        return
    problems = []
    if loader_says("x86-64-v3", GLIBC_TUNABLES=MASK):
        problems.append("the loader still finds x86-64-v3")
    if libm_bits() == libm_bits(GLIBC_TUNABLES=MASK):
        problems.append("exp, log, pow and tanh of the C library kept their bits")
    suite.report("the mask has an effect", problems)


def german(scratch):
    """Settings of a locale with a decimal comma, made here; and a far time zone."""
    folder = os.path.join(scratch, "locale")
    os.makedirs(folder)
    made = subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8",
                           os.path.join(folder, GERMAN)], capture_output=True, check=False)
    settings = {"LC_ALL": GERMAN, "LANG": GERMAN, "LOCPATH": folder, "TZ": "Asia/Tokyo"}
    shown = subprocess.run(
        [sys.executable, "-c", "import locale, time; locale.setlocale(locale.LC_ALL, ''); "
         "print(locale.localeconv()['decimal_point'], time.strftime('%H', time.localtime(0)))"],
        capture_output=True, text=True, check=False, env=dict(os.environ, **settings))
    return settings, made.returncode == 0, shown.stdout.strip()


def other_surroundings(suite):
    settings, has_locale, shown = german(suite.scratch)
    if has_locale:
        suite.report("the locale and the time zone have an effect",
                     [] if shown == ", 09" else [f"Python sees '{shown}', expected ', 09'"])
    else:
        print("note: localedef cannot make de_DE here (package locales); only its name is set")
    suite.variant("LC_ALL=de_DE.UTF-8 TZ=Asia/Tokyo", threads=2, **settings)
    before = os.umask(0o077)
    suite.variant("another folder", os.path.join(suite.scratch, "an other/földer of the 2nd"),
                  threads=1)
    os.umask(before)


# ---- other vector instructions ----

def ends_by_trap(suite, variant, trap):
    """Whether a run that takes `variant` (None: the CPU's) executes the code of `trap`."""
    binary = _dispatch.forced(ALMANAC, os.path.join(suite.scratch, "trapped"), variant, trap)
    project = Project(_project.published().folder, binary=binary, LD_LIBRARY_PATH=LIBRARIES)
    snapshot = project.json("snapshot", "list")["snapshots"][0]["snapshot"]
    done = project.call("run", "--snapshot", snapshot, "--date", "2011-12-08", "--dry-run")
    if done.returncode not in (0, -signal.SIGILL):
        raise _project.Failed(f"status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.returncode == -signal.SIGILL


def traps_work(suite, functions):
    """Traps show which code a run executes: that of the copy's choice, not the CPU's."""
    problems = []
    if not ends_by_trap(suite, "default", "default"):
        problems.append("forced to the default code, a run does not execute it")
    if loader_says("x86-64-v3") and ends_by_trap(suite, None, "default"):
        problems.append("this CPU has AVX2, and a run executes the default code")
    suite.report(f"forcing {', '.join(sorted(functions))} has an effect", problems)


def other_instructions(suite):
    mask_has_an_effect(suite)
    functions = _dispatch.addresses(ALMANAC)
    if not functions:
        print("note: this build has no CPU dispatch of its own (another compiler)")
        suite.variant("AVX2 and FMA masked", threads=2, GLIBC_TUNABLES=MASK)
        return
    traps_work(suite, functions)
    binary = _dispatch.forced(ALMANAC, os.path.join(suite.scratch, "plain"), "default")
    suite.variant("AVX2 and FMA masked, own dispatch forced to the default code", binary=binary,
                  threads=2, LD_LIBRARY_PATH=LIBRARIES, GLIBC_TUNABLES=MASK)
    # A CPU of level 4 takes that code by itself; one of level 3 took the middle one all the time.
    if loader_says("x86-64-v4"):
        level = "arch_x86_64_v3"
        binary = _dispatch.forced(ALMANAC, os.path.join(suite.scratch, level), level)
        suite.variant(f"own dispatch forced to {level}", binary=binary, threads=2,
                      LD_LIBRARY_PATH=LIBRARIES)


def main():
    full = sys.argv[1:] == ["--full"]
    with tempfile.TemporaryDirectory(prefix="determinism-", dir=BUILD) as scratch:
        suite = Suite(scratch, full)
        suite.reference()
        slow = _dispatch.is_sanitized(ALMANAC)
        for threads in (1, 3) if slow else (1, 2, 3):
            suite.variant(f"--threads {threads}", threads=threads)
        if slow:
            print("note: a sanitized build is slow; the other variants are left to plain builds")
        else:
            other_surroundings(suite)
            other_instructions(suite)
    print("\n".join(suite.failures))
    return 1 if suite.failures else 0


if __name__ == "__main__":
    sys.exit(main())
