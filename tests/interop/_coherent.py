"""What a reader may rely on in the prediction store, seen through delta-rs.

    _coherent.py [PROJECT]      default: the suites' small project

For every prediction date and step: the leaves add up to the total and to every region, market and
range; no value is negative or not a number; quantiles do not cross; the lines of an explanation
add up to the mean; stock-out risk only grows with the horizon.
"""
import collections
import csv
import itertools
import math
import os
import sys

import _readers
from _project import Project, published
from _readers import KEYS, QUANTILES, read_delta_rs, sorted_rows, table_folder

RELATIVE = 1e-9  # promised; also absolute for explanations, whose lines cancel near a mean of zero
NUMBERS = ("mean", *QUANTILES, "base_mean", "stockout_probability", "expected_days_to_stockout",
           "expected_shortfall")
SHOWN = 3


def attribute(project, name, key, value):
    with open(project.path("data", name), newline="", encoding="utf-8") as file:
        return {row[key]: row[value] for row in csv.DictReader(file)}


def where(row):
    return f"{row['prediction_date']} {row['level']} {row['node']} step {row['forecast_horizon']}"


def far(value, sum_, absolute=0.0):
    return abs(value - sum_) > RELATIVE * abs(value) + absolute


# ---- one row: each yields texts of what is wrong ----

def keys_and_dates(row):
    leaf = row["level"] == "series"
    keys = [row[key] for key in KEYS]
    if keys != (row["node"].split("|") if leaf else [None] * len(KEYS)):
        yield f"{where(row)}: keys {keys}"
    days = (row["target_date"] - row["prediction_date"]).days
    if days != row["forecast_horizon"] - 1:
        yield f"{where(row)}: target date {row['target_date']}"
    stamp = row["prediction_timestamp"]
    if stamp.utcoffset().total_seconds() != 0 or stamp.isoformat() != (
            f"{row['prediction_date']}T00:00:00+00:00"):
        yield f"{where(row)}: prediction timestamp {stamp}"


def ranges(row):
    for name in NUMBERS:
        value = row[name]
        if value is None:
            if name in ("mean", "base_mean", *QUANTILES):
                yield f"{where(row)}: {name} is null"
        elif not math.isfinite(value) or value < 0 or math.copysign(1.0, value) < 0:
            yield f"{where(row)}: {name} {value!r}"
    chance = row["stockout_probability"]
    if chance is not None and chance > 1:
        yield f"{where(row)}: stock-out probability {chance!r}"
    if row["level"] != "series" and chance is not None:
        yield f"{where(row)}: an aggregate has no stock"


def crossing(row):
    for low, high in itertools.pairwise(QUANTILES):
        if row[low] > row[high]:
            yield f"{where(row)}: {low} {row[low]!r} > {high} {row[high]!r}"


def explanations(row):
    lines = row["explanation"]
    names = [line["feature"] for line in lines]
    if len(set(names)) != len(names):
        yield f"{where(row)}: a feature twice in {names}"
    total = math.fsum(line["contribution"] for line in lines)
    if far(row["mean"], total, RELATIVE):
        yield f"{where(row)}: mean {row['mean']!r}, explanation adds up to {total!r}"


# ---- many rows ----

def sums(rows, groups):
    """`groups`: level -> function of a leaf's row that names its node of that level."""
    leaves = collections.defaultdict(list)
    for row in rows:
        if row["level"] == "series":
            for level, name in groups.items():
                leaves[row["run_id"], row["forecast_horizon"], level, name(row)].append(row["mean"])
    seen = 0
    for row in rows:
        if row["level"] == "series":
            continue
        seen += 1
        key = (row["run_id"], row["forecast_horizon"], row["level"], row["node"])
        if key not in leaves:
            yield f"{where(row)}: no leaf belongs to it"
        elif far(row["mean"], math.fsum(leaves[key])):
            yield f"{where(row)}: {row['mean']!r}, its leaves add up to {math.fsum(leaves[key])!r}"
    if seen != len(leaves):
        yield f"{seen} aggregated rows, expected {len(leaves)}"


def complete(rows):
    """Every node has every step once."""
    steps = collections.defaultdict(list)
    for row in rows:
        steps[row["run_id"], row["level"], row["node"]].append(row["forecast_horizon"])
    last = max(row["forecast_horizon"] for row in rows)
    for key, have in steps.items():
        if sorted(have) != list(range(1, last + 1)):
            yield f"{key}: steps {sorted(have)}"
    runs = collections.Counter(run for run, _, _ in steps)
    if len(set(runs.values())) != 1:
        yield f"nodes by run: {dict(runs)}"


def growing(rows):
    """By the end of a later day, more may have run out and been missed, never less."""
    for old, new in itertools.pairwise(rows):
        if (old["run_id"], old["node"], old["level"]) != (new["run_id"], new["node"], new["level"]):
            continue
        for name in ("stockout_probability",):
            if old[name] is not None and old[name] > new[name]:
                yield f"{where(new)}: {name} falls from {old[name]!r} to {new[name]!r}"


def main():
    project = Project(os.path.abspath(sys.argv[1])) if sys.argv[1:] else published()
    range_of = attribute(project, "skus.csv", "sku", "range")
    region_of = attribute(project, "markets.csv", "market", "region")
    groups = {"total": lambda row: "total", "market": lambda row: row["market"],
              "region": lambda row: region_of[row["market"]],
              "range": lambda row: range_of[row["sku"]]}
    rows = sorted_rows(read_delta_rs(table_folder(project)))
    report = _readers.Report()
    each = {"keys and dates": keys_and_dates, "no negative value, no NaN": ranges,
            "quantiles do not cross": crossing, "explanations add up to the mean": explanations}
    found = {what: list(itertools.chain.from_iterable(map(rule, rows)))
             for what, rule in each.items()}
    found |= {"the leaves add up to every aggregate": list(sums(rows, groups)),
              "every node has every step": list(complete(rows)),
              "stock-out risk grows with the horizon": list(growing(rows))}
    for what, problems in found.items():
        report.check(f"{what} ({len(rows)} rows)", problems and "\n     ".join(
            [f"{len(problems)} times", *problems[:SHOWN]]))
    # Without aggregates, positive means, risks and explanations the checks above say nothing.
    parts = {"aggregates": any(row["level"] == "total" for row in rows),
             "means": any(row["mean"] > 0 for row in rows),
             "risks": any((row["stockout_probability"] or 0) > 0 for row in rows),
             "explanations": any(len(row["explanation"]) > 2 for row in rows),
             "fallbacks": any(row["fallback"] for row in rows)}
    report.check("the store has something to check",
                 ", ".join(name for name, there in parts.items() if not there))
    return report.status()


if __name__ == "__main__":
    sys.exit(main())
