"""Whole projects: snapshot, then `almanac backtest` on rolling origins beside the baselines."""
import glob
import json
import os
import shutil
import subprocess

from accuracy.shared import PROGRAM, ROOT, STATE, Broken, Promises, skipped, text

PINBALLS = ("0.5", "0.9", "0.95")
OWN = ("final", "statistical", "gbm")  # the published forecast and its parts; all else: baselines
COLUMNS = (("WAPE", "wape"), ("BIAS", "bias"), ("RMSSE", "rmsse"), ("MASE", "mase"),
           ("MAPE", "mape"), ("RMSE", "rmse"), ("MAE", "mae"), ("PIN.5", "pinball 0.5"),
           ("PIN.9", "pinball 0.9"), ("PIN.95", "pinball 0.95"), ("COVER90", "coverage_90"))


# ---- from a data set to a report -----------------------------------------------------------------

def almanac(project, *arguments):
    done = subprocess.run([PROGRAM, "--project", project, *arguments, "--json", "--quiet"],
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Broken("almanac %s: exit status %d: %s" %
                     (arguments[0], done.returncode, done.stdout.strip()))
    return json.loads(done.stdout)


def backtest(name, definition, files, window):
    """A fresh project of `definition` with the `files` {inside the project: outside}."""
    project = os.path.join(STATE, name)
    shutil.rmtree(project, ignore_errors=True)
    for inside, outside in {"almanac.yaml": definition, **files}.items():
        target = os.path.join(project, inside)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.isfile(outside):
            raise Broken("%s: there is no %s" % (name, outside))
        shutil.copyfile(outside, target)
    taken = almanac(project, "snapshot", "--start", window[0], "--end", window[1])
    report = almanac(project, "backtest", "demand", "--snapshot", taken["snapshot"])
    with open(os.path.join(project, "report.json"), "w", encoding="utf-8") as out:
        json.dump(report, out)
    return report


# ---- tables --------------------------------------------------------------------------------------

def rows_of(level):
    """{method: {metric: value or None}}, pinball losses as "pinball LEVEL"."""
    rows = {}
    for method in level["methods"]:
        row = {key: value for key, value in method.items() if key not in ("method", "pinball")}
        row.update({"pinball " + key: value for key, value in method["pinball"].items()})
        rows[method["method"]] = row
    return rows


def print_methods(level):
    print("  %-15s" % "METHOD" + "".join("%10s" % title for title, _ in COLUMNS))
    for method, row in rows_of(level).items():
        print("  %-15s" % method + "".join("%10s" % text(row.get(key)) for _, key in COLUMNS))


def print_report(name, report):
    origins = report["origins"]
    print("\n==== %s: %d days ahead, scored from %s, chosen and calibrated from %s" %
          (name, report["horizon"], ", ".join(origins["scored"]), ", ".join(origins["selection"])))
    for level in report["levels"]:
        windows = "series and origins" if level["level"] == "series" else "nodes and origins"
        print("\n%s: %d, %d %s without a scale (not in RMSSE)" %
              (level["level"], level["series"], level["unscaled"], windows))
        print_methods(level)
    print("\nclass           series  weight of the forest   RMSSE final  statistical  gbm")
    for one in report["classes"]:
        rows = rows_of(one)
        print("%-14s %7d %21.1f   %11s  %11s  %s" % (
            one["class"], one["series"], one["weight"],
            *(text(rows[method]["rmsse"]) for method in OWN)))


# ---- their promises ------------------------------------------------------------------------------

def levels_of(report):
    return {level["level"]: rows_of(level) for level in report["levels"]}


def ratio(value, by):
    return value / by if value is not None and by else None


def best(rows, metric, methods):
    """The smallest value of a metric and the method that has it."""
    return min((rows[m][metric], m) for m in methods if rows[m].get(metric) is not None)


def check_coverage(promises, levels, low, high):
    promises.within("series: coverage of the 90% interval (randomised PIT)",
                    levels["series"]["final"]["coverage_90"], low, high)
    for level, rows in levels.items():
        if level != "series":
            print("      %s: coverage of the 90%% interval %s" %
                  (level, text(rows["final"]["coverage_90"])))


def check_retail(report):
    """Lumpy demand: at series level WAPE rewards ordering nothing, so it is not judged there."""
    promises = Promises("retail")
    levels = levels_of(report)
    rows = levels["series"]
    final = rows["final"]
    for metric in ["rmsse"] + ["pinball " + level for level in PINBALLS]:
        promises.within("series: %s / seasonal naive's" % metric,
                        ratio(final[metric], rows["seasonal_naive"][metric]), None, 0.90)
        # `statistical` is one of the parts, but on its own a baseline too.
        value, method = best(rows, metric, [m for m in rows if m not in ("final", "gbm")])
        promises.within("series: %s / that of the best single one (%s)" % (metric, method),
                        ratio(final[metric], value), None, 1.01)
    for level in ("market", "range", "total"):
        value, method = best(levels[level], "wape", [m for m in levels[level] if m not in OWN])
        promises.below("%s: wape, against the best baseline (%s)" % (level, method),
                       levels[level]["final"]["wape"], value)
    check_coverage(promises, levels, 0.86, 0.94)
    return promises.broken


def check_store_item(report):
    promises = Promises("store_item_demand")
    levels = levels_of(report)
    rows = levels["series"]
    for metric in ["rmsse", "wape"] + ["pinball " + level for level in PINBALLS]:
        for baseline in ("seasonal_naive", "ses", "weekday_mean"):
            promises.below("series: %s, against %s" % (metric, baseline),
                           rows["final"][metric], rows[baseline][metric])
    promises.within("series: bias", rows["final"]["bias"], -0.02, 0.02)
    check_coverage(promises, levels, 0.88, 0.92)
    return promises.broken


# ---- the data sets -------------------------------------------------------------------------------

def run_retail(_):
    example = os.path.join(ROOT, "examples/retail")
    files = {"data/" + os.path.basename(path): path
             for path in glob.glob(os.path.join(example, "data/*"))}
    files["example.key"] = os.path.join(example, "example.key")
    report = backtest("retail", os.path.join(example, "almanac.yaml"), files,
                      ("2010-12-01", "2011-12-10"))
    print_report("retail", report)
    return check_retail(report)


def run_store_item(data):
    found = sorted(glob.glob(os.path.join(data, "retail/store_item_demand/*.csv.gz")))
    if not data or not found:
        return skipped("store_item_demand")
    report = backtest("store_item", os.path.join(ROOT, "bench/accuracy/store_item/almanac.yaml"),
                      {"data/store_item_demand.csv.gz": found[0]}, ("2013-01-01", "2018-01-01"))
    print_report("store_item_demand", report)
    return check_store_item(report)


RUNS = (run_retail, run_store_item)
