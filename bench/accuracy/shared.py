"""What every run of tools/accuracy shares: promises, figures, rows of a file, and our forecasters
beside submitted forecasts."""
import csv
import gzip
import json
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("ALMANAC") or os.path.join(ROOT, "build/release/bin/almanac")
COMPETITION = os.environ.get("COMPETITION_BENCH") or os.path.join(
    ROOT, "build/release/bin/competition_bench")
STATE = os.path.join(ROOT, "build/accuracy")
FIGURES = os.path.join(ROOT, "build/bench/accuracy.jsonl")


class Broken(Exception):
    """Something could not run; the message says what and what to do."""


def skipped(name):
    """No broken promises, and says why."""
    print("\nSKIPPED %s: DATA is not there" % name)
    return 0


def text(value):
    if value is None:
        return "-"
    return "%.4f" % value if abs(value) < 100 else "%.1f" % value


# ---- promises and figures ------------------------------------------------------------------------

class Promises:
    def __init__(self, name):
        self.name = name
        self.broken = 0
        print("\n%s: promises" % name)

    def within(self, what, value, low, high):
        """low <= value <= high; None: no such bound. A value that is missing breaks it."""
        kept = (value is not None and (low is None or value >= low) and
                (high is None or value <= high))
        bound = " and ".join(word % limit for word, limit in
                             (("at least %g", low), ("at most %g", high)) if limit is not None)
        self.line(kept, what, value, bound)

    def below(self, what, value, bound):
        kept = value is not None and bound is not None and value < bound
        self.line(kept, what, value, "below %s" % text(bound))

    def line(self, kept, what, value, bound):
        self.broken += not kept
        print("%s  %-62s %10s  %s" % ("PASS" if kept else "FAIL", what, text(value), bound))


def save(figures):
    """(name, value, unit)s; a figure that was saved before under a name is replaced."""
    os.makedirs(os.path.dirname(FIGURES), exist_ok=True)
    kept = {}
    if os.path.exists(FIGURES):
        with open(FIGURES, encoding="utf-8") as before:
            kept = {json.loads(line)["name"]: line for line in before}
    for name, value, unit in figures:
        kept[name] = json.dumps({"name": name, "value": value, "unit": unit}) + "\n"
    with open(FIGURES, "w", encoding="utf-8") as out:
        out.writelines(kept.values())


# ---- competitions --------------------------------------------------------------------------------

def rows_in(path):
    """Rows of a CSV file, packed or not."""
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.reader(file)


def compete(lines, kinds=None):
    """By competition_bench: {method: figures} of ours, and of submitted forecasts; verdicts. Ours
    are the kinds named, or all."""
    lines = lines if kinds is None else [" ".join(("kinds", *kinds)), *lines]
    done = subprocess.run([COMPETITION], input="\n".join(lines) + "\n", stdout=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode != 0:
        raise Broken("competition_bench: exit status %d" % done.returncode)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    rows = [row for row in lines if "method" in row]
    return ({row["method"]: row for row in rows if "seconds" in row},
            {row["method"]: row for row in rows if "seconds" not in row},
            [line["verdict"] for line in lines if "verdict" in line])


def owa(row, naive2):
    """The overall weighted average of M4: ratios of means to those of Naive2."""
    return (row["smape"] / naive2["smape"] + row["mase"] / naive2["mase"]) / 2


def print_competition(name, own, submitted, verdicts, naive2=None):
    """OWA is relative to our own naive2 where no other is given, for all rows."""
    naive2 = naive2 or own.get("naive2")
    rows = [*own.items(), *submitted.items()]
    print("\n==== %s: %d series\n\n  %-26s%10s%10s%10s%12s" %
          (name, rows[0][1]["series"], "METHOD", "sMAPE", "MASE", "OWA", "SERIES/S"))
    for method, row in rows:
        speed = "%.0f" % (row["series"] / row["seconds"]) if row.get("seconds") else "submitted"
        scaled = row["mase"] is not None
        print("  %-26s%10.3f%10s%10s%12s%s" %
              (method, row["smape"], "%.4f" % row["mase"] if scaled else "-",
               "%.4f" % owa(row, naive2) if scaled else "-", speed,
               "  naive for %d that it refuses" % row["refused"] if row.get("refused") else ""))
    if verdicts:
        print("\n  By mean absolute scaled error of each series, two-sided at 5 %:")
    for verdict in verdicts:
        print("  " + verdict)
