"""Runs one case file and compares what it wrote.

    _run_case.py CASE.sh

Beside CASE.sh stand its expectations, at least one:
    CASE.stdout.exact  CASE.stderr.exact   the very bytes
    CASE.stdout.glob   CASE.stderr.glob    the whole text, where * stands for anything
    CASE.exit                              exit status; 0 without the file
With ALMANAC_CLI_UPDATE=1 the .exact files are written instead of compared.
"""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SKIPPED = 77


def read(path):
    with open(path, "rb") as file:
        return file.read().decode("utf-8", "backslashreplace")


def matches_glob(pattern, text):
    regex = ".*".join(re.escape(part) for part in pattern.rstrip("\n").split("*"))
    return re.fullmatch(regex, text.rstrip("\n"), re.S) is not None


def check_stream(base, stream, text, problems):
    """Returns whether there was anything to compare with."""
    exact, glob = f"{base}.{stream}.exact", f"{base}.{stream}.glob"
    if os.path.exists(exact):
        if os.environ.get("ALMANAC_CLI_UPDATE"):
            with open(exact, "w", encoding="utf-8") as file:
                file.write(text)
        elif read(exact) != text:
            problems.append(f"{stream} differs from {exact}")
    if os.path.exists(glob) and not matches_glob(read(glob), text):
        problems.append(f"{stream} does not match {glob}:\n{read(glob)}")
    return os.path.exists(exact) or os.path.exists(glob)


def main():
    case = os.path.abspath(sys.argv[1])
    base = case[:-len(".sh")]
    almanac = os.environ.get("ALMANAC", os.path.join(ROOT, "build/release/bin/almanac"))
    environment = dict(os.environ, CLI_CASE="1", ALMANAC=almanac, ALMANAC_SOURCE=ROOT)
    with tempfile.TemporaryDirectory(prefix="almanac-cli-") as folder:
        result = subprocess.run(["bash", case], cwd=folder, env=environment, timeout=300,
                                stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if result.returncode == SKIPPED:
        sys.stderr.write(result.stderr.decode("utf-8", "replace"))
        return SKIPPED
    # The folder's name is random, so expectations call it $DIR.
    out, err = (stream.decode("utf-8", "backslashreplace").replace(os.path.realpath(folder), "$DIR")
                for stream in (result.stdout, result.stderr))
    problems = []
    compared = [check_stream(base, name, text, problems)
                for name, text in (("stdout", out), ("stderr", err))]
    expected = int(read(base + ".exit")) if os.path.exists(base + ".exit") else 0
    if result.returncode != expected:
        problems.append(f"exit status {result.returncode}, expected {expected}")
    if not any(compared):
        problems.append("the case has no expectation beside it")
    if problems:
        print("\n".join(problems))
        print(f"---- standard output\n{out}---- standard error\n{err}----")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
