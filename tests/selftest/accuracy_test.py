"""Breaks each promise of tools/accuracy in turn, in a made-up report, and expects it to be seen."""
import contextlib
import copy
import io
import os
import sys
import unittest

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench"))

from accuracy import competitions, intervals, projects as accuracy  # noqa: E402 (the path is first)
from accuracy.shared import Promises, owa  # noqa: E402

BASELINES = ("zero", "seasonal_naive", "ses", "mean", "weekday_mean")


def method(name, loss, coverage=None, quantiles=True):
    """All losses of a method have one value."""
    row = {"method": name, "coverage_90": coverage, "bias": 0.0}
    row.update({key: loss for key in ("wape", "rmsse", "mase", "mape", "rmse", "mae")})
    row["pinball"] = {level: loss for level in accuracy.PINBALLS} if quantiles else {}
    return row


def report(levels):
    """The published forecast loses 1, its parts 1.1, each baseline 1.5."""
    methods = [method("final", 1.0, 0.9), method("statistical", 1.1, quantiles=False),
               method("gbm", 1.1, quantiles=False)] + [method(name, 1.5) for name in BASELINES]
    return {"levels": [{"level": level, "methods": copy.deepcopy(methods)} for level in levels]}


def judge(check, given):
    """(number of broken promises, what was printed)"""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        broken = check(given)
    return broken, out.getvalue()


def row(given, level, name):
    rows = next(one for one in given["levels"] if one["level"] == level)["methods"]
    return next(one for one in rows if one["method"] == name)


class Retail(unittest.TestCase):
    def setUp(self):
        self.report = report(("series", "total", "region", "market", "range"))

    def broken(self):
        return judge(accuracy.check_retail, self.report)[0]

    def test_good_passes(self):
        broken, printed = judge(accuracy.check_retail, self.report)
        self.assertEqual((broken, printed.count("PASS"), printed.count("FAIL")), (0, 12, 0))

    def test_ten_percent(self):
        for loss, expected in ((1.112, 0), (1.11, 1)):
            row(self.report, "series", "seasonal_naive")["rmsse"] = loss
            self.assertEqual(self.broken(), expected)

    def test_best_single_one(self):
        for name in ("mean", "statistical"):
            for loss, expected in ((0.991, 0), (0.99, 1)):
                given = copy.deepcopy(self.report)
                row(given, "series", name)["rmsse"] = loss
                self.assertEqual(judge(accuracy.check_retail, given)[0], expected)

    def test_each_pinball_loss(self):
        for level in accuracy.PINBALLS:
            given = copy.deepcopy(self.report)
            row(given, "series", "ses")["pinball"][level] = 0.9
            self.assertEqual(judge(accuracy.check_retail, given)[0], 1)

    def test_levels(self):
        for level, expected in (("market", 1), ("range", 1), ("total", 1), ("region", 0)):
            given = copy.deepcopy(self.report)
            row(given, level, "ses")["wape"] = 1.0
            self.assertEqual(judge(accuracy.check_retail, given)[0], expected)

    def test_coverage(self):
        for coverage, expected in ((0.859, 1), (0.86, 0), (0.94, 0), (0.941, 1), (None, 1)):
            row(self.report, "series", "final")["coverage_90"] = coverage
            self.assertEqual(self.broken(), expected)


class StoreItem(unittest.TestCase):
    def setUp(self):
        self.report = report(("series", "total", "store", "item"))

    def broken(self):
        return judge(accuracy.check_store_item, self.report)[0]

    def test_good_passes(self):
        self.assertEqual(self.broken(), 0)

    def test_each_baseline_and_loss(self):
        for name in ("seasonal_naive", "ses", "weekday_mean"):
            row(self.report, "series", name)["wape"] = 1.0
        self.assertEqual(self.broken(), 3)
        row(self.report, "series", "ses")["pinball"]["0.95"] = 0.5
        self.assertEqual(self.broken(), 4)

    def test_bias(self):
        for bias, expected in ((0.02, 0), (-0.02, 0), (0.021, 1), (-0.021, 1)):
            row(self.report, "series", "final")["bias"] = bias
            self.assertEqual(self.broken(), expected)

    def test_coverage(self):
        for coverage, expected in ((0.879, 1), (0.88, 0), (0.921, 1)):
            row(self.report, "series", "final")["coverage_90"] = coverage
            self.assertEqual(self.broken(), expected)


class Competitions(unittest.TestCase):
    def broken(self, check, *arguments):
        def run(promises_of):
            promises = promises_of("made_up")
            check(promises, *arguments)
            return promises.broken
        return judge(run, Promises)[0]

    def test_printed_digits(self):
        for value, printed, expected in ((13.8949, "13.89", 0), (13.8951, "13.89", 1),
                                         (13.8851, "13.89", 0), (13.8849, "13.89", 1),
                                         (9.6004, "9.600", 0), (9.6006, "9.600", 1)):
            self.assertEqual(self.broken(competitions.check_printed, "it", value, printed),
                             expected)

    def test_second_scorer(self):
        """By hand: sMAPE 200 (1/3 + 0) / 2 = 33.33 and MASE (1 + 0) / 2 / 2 = .25."""
        series = [competitions.Series("A", 1, ["1", "3", "1"], ["1", "4"])]
        smape, mase = competitions.scores(series, [["2", "4"]])
        self.assertAlmostEqual(smape, 100 / 3, 12)
        self.assertAlmostEqual(mase, 0.25, 12)
        for off, expected in ((0, 0), (1e-10, 1)):
            row = {"smape": smape, "mase": mase * (1 + off)}
            self.assertEqual(self.broken(competitions.check_second_scorer, series, {"it": row},
                                         {"it": [["2", "4"]]}), expected)

    def test_overall_weighted_average(self):
        self.assertAlmostEqual(owa({"smape": 6.726, "mase": 2.133},
                                   {"smape": 9.161, "mase": 2.777}), 0.7511, 4)

    def test_digits_that_a_spreadsheet_took(self):
        self.assertEqual(competitions.padded("10.6", 3), "10.600")
        self.assertEqual(competitions.padded("1", 3), "1.000")


class Intervals(unittest.TestCase):
    def rows(self, coverage):
        row = {"kind": "k", "way": "raw", "coverage": 0.5, "coverage_pit": 0.5, "msis": 1.0,
               "scaled_crps": 1.0, "stock_cost": 1.0, "fill_rate": 1.0, "pit": [0.05] * 20}
        return [row, {**row, "way": "calibrated", "coverage": coverage, "coverage_pit": 0.9}]

    def broken(self, coverages, counts=False):
        given = iter(self.rows(coverage) for coverage in coverages)
        measure, save = intervals.measure, intervals.save
        intervals.measure, intervals.save = lambda *_: next(given), lambda _: None
        try:
            origins = [[competitions.Series("A", 1, ["1"], ["1"])] for _ in coverages]
            return judge(lambda plan: intervals.judge("it", origins, plan, ("k",), counts),
                         (4, 3, "4 origins"))[0]
        finally:
            intervals.measure, intervals.save = measure, save

    def test_bounds(self):
        """The raw row is printed, not judged; counts are judged by their PIT."""
        for coverage, expected in ((0.881, 0), (0.919, 0), (0.879, 1), (0.921, 1)):
            self.assertEqual(self.broken([coverage]), expected)
        self.assertEqual(self.broken([0.5], counts=True), 0)

    def test_mean_over_origins(self):
        self.assertEqual(self.broken([0.80, 1.0]), 0)
        self.assertEqual(self.broken([0.80, 0.94]), 1)

    def test_histogram(self):
        self.assertEqual(intervals.histogram([0.05, 0.0, 0.1]), "=_%")


if __name__ == "__main__":
    unittest.main()
