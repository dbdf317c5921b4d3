"""Forecasting competitions: the statistical forecasters beside the forecasts submitted to them."""
import os

from accuracy.shared import Promises, compete, owa, print_competition, rows_in, save, skipped

# Ours that stands for all in the saved figures: the automatic choice where there is one.
CHOICE = ("auto", "theta_dynamic_optimised")

# Units of the eighth digit that a forecast printed with 8 digits can be away from what it was; and
# what the distance, a difference of doubles, has of rounding.
DIGITS_8 = 0.5 + 1e-6

# A second scorer sums some ten numbers per series in another order.
SAME_SCORE = 1e-12


def choice_of(own):
    return next(kind for kind in CHOICE if kind in own)


def chosen(own):
    return own[choice_of(own)]


def mean(values):
    return sum(values) / len(values)


class Series:
    def __init__(self, name, season, past, then):
        self.name, self.season, self.past, self.then = name, int(season), past, then

    def line(self):
        return "series %s %d %d %s %d %s" % (self.name, self.season, len(self.past),
                                             " ".join(self.past), len(self.then),
                                             " ".join(self.then))


def scores(series, forecasts):
    """(sMAPE, MASE) from their definitions; the lists go by series: a second opinion."""
    smapes, mases = [], []
    for one, forecast in zip(series, forecasts):
        past, then = [float(y) for y in one.past], [float(y) for y in one.then]
        errors = [abs(y - float(f)) for y, f in zip(then, forecast)]
        smapes.append(mean([200 * e / (abs(y) + abs(float(f)))
                            for e, y, f in zip(errors, then, forecast)]))
        steps = [abs(b - a) for a, b in zip(past, past[one.season:])]
        if steps and sum(steps):
            mases.append(mean(errors) / mean(steps))
    return mean(smapes), mean(mases) if mases else None


def check_second_scorer(promises, series, submitted, forecasts):
    """Every submitted method; `forecasts`: {method: list by series}."""
    for method, row in submitted.items():
        smape, mase = scores(series, forecasts[method])
        promises.within("%s: sMAPE, distance from a second scorer" % method,
                        abs(row["smape"] / smape - 1), None, SAME_SCORE)
        if mase is not None:
            promises.within("%s: MASE, distance from a second scorer" % method,
                            abs(row["mase"] / mase - 1), None, SAME_SCORE)


def check_printed(promises, name, value, printed):
    """`printed`: the digits of a publication, as text."""
    half = 0.5 * 10.0 ** -len(printed.partition(".")[2])
    promises.within("%s as published (%s)" % (name, printed), value, float(printed) - half,
                    float(printed) + half)


# ---- M3 ------------------------------------------------------------------------------------------

# sMAPE as printed in Makridakis and Hibon (2000), "The M3-Competition", table 15 (monthly, all
# horizons), but the last three, which are recomputed from the submitted files; MASE as its authors'
# package scores those files.
M3_MONTHLY = {"NAIVE2": ("16.89", "1.037"), "SINGLE": ("15.30", "0.974"),
              "HOLT": ("15.79", "0.909"), "DAMPEN": ("14.58", "0.908"),
              "WINTER": ("15.93", None), "COMB": ("14.47", "0.896"), "B-J": ("14.80", "0.914"),
              "THETA": ("13.89", "0.858"), "ForecastPro": ("13.90", "0.848"),
              "ROBUST-Trend": ("18.93", None), "ARARMA": ("15.83", None),
              "Auto-ANN": ("15.03", None)}


def m3_monthly(data):
    """The series, and {submitted method: forecasts by series}."""
    folder = os.path.join(data, "competitions/m3")
    series = [Series(row[0], row[3], row[7].split(), row[8].split())
              for row in rows_in(os.path.join(folder, "m3_monthly.csv.gz"))
              if row[0] != "series_id"]
    places = {one.name: i for i, one in enumerate(series)}
    forecasts = {}
    for row in rows_in(os.path.join(folder, "m3_forecasts_monthly.csv.gz")):
        if row[0] != "method":
            forecasts.setdefault(row[0].split()[0], [None] * len(series))[places[row[1]]] = row[2:]
    return series, forecasts


def lines_of(series, forecasts):
    return [one.line() for one in series] + [
        "forecast %s %s %s" % (method, one.name, " ".join(values))
        for method, rows in forecasts.items() for one, values in zip(series, rows)]


def run_m3_monthly(data):
    if not data or not os.path.isdir(os.path.join(data, "competitions/m3")):
        return skipped("m3_monthly")
    series, forecasts = m3_monthly(data)
    own, submitted, verdicts = compete(lines_of(series, forecasts))
    print_competition("M3 monthly", own, submitted, verdicts)
    promises = Promises("m3_monthly")
    for method, (smape, mase) in M3_MONTHLY.items():
        check_printed(promises, "%s: sMAPE" % method, submitted[method]["smape"], smape)
        if mase:
            check_printed(promises, "%s: MASE" % method, submitted[method]["mase"], mase)
    check_second_scorer(promises, series, submitted, forecasts)
    promises.within("theta: sMAPE, beside the submitted 13.89", own["theta"]["smape"], 13.74,
                    14.04)
    promises.within("theta_dynamic_optimised: sMAPE, beside statsforecast's 13.73",
                    own["theta_dynamic_optimised"]["smape"], None, 13.75)
    promises.within("%s: sMAPE, beside the best submitted 13.89" % choice_of(own),
                    chosen(own)["smape"], None, 13.5)
    promises.within("%s: MASE, beside the best submitted .848" % choice_of(own),
                    chosen(own)["mase"], None, 0.83)
    save([("m3_monthly_%s_%s" % (metric, method), row[metric], unit)
          for method, row in own.items()
          for metric, unit in (("smape", "percent"), ("mase", "ratio"))] +
         [("m3_monthly_smape", chosen(own)["smape"], "percent"),
          ("m3_monthly_mase", chosen(own)["mase"], "ratio")])
    return promises.broken


# ---- M4 ------------------------------------------------------------------------------------------

M4_OURS = {"Naive": "naive", "sNaive": "seasonal_naive", "Naive2": "naive2"}


def known(row):
    return [value for value in row[1:] if value]


def m4_series(folder, name, season):
    """Of a group that has its training part here."""
    then = {row[0]: known(row) for row in rows_in(os.path.join(folder, name + "_test.csv"))}
    return [Series(row[0], season, known(row), then[row[0]])
            for row in rows_in(os.path.join(folder, name + "_train.csv.gz"))]


def m4_forecasts(folder, series, letter):
    """{submitted method: forecasts by series}."""
    places = {one.name: i for i, one in enumerate(series)}
    out = {}
    for row in rows_in(os.path.join(folder, "point_forecasts_weekly_quarterly.csv.gz")):
        if row[1].startswith(letter):
            out.setdefault(M4_OURS.get(row[0], row[0]), [None] * len(series))[places[row[1]]] = \
                known(row[1:])
    return out


def m4_published(folder, column):
    """{method: printed figure} with ours and the submitted under the names of the forecasts."""
    rows = list(rows_in(os.path.join(folder, "published_scores_weekly_quarterly.csv")))
    at = rows[0].index(column)
    return {M4_OURS.get(row[0], row[0].rjust(3, "0") if row[0].isdigit() else row[0]): row[at]
            for row in rows[1:]}


def printed(row):
    """With three digits, as the tables of M4 have them."""
    return {metric: float("%.3f" % row[metric]) for metric in ("smape", "mase")}


def run_m4_weekly(data):
    folder = os.path.join(data, "competitions/m4")
    if not data or not os.path.isdir(folder):
        return skipped("m4_weekly")
    series = m4_series(folder, "weekly", 1)
    forecasts = m4_forecasts(folder, series, "W")
    own, submitted, verdicts = compete(lines_of(series, forecasts))
    print_competition("M4 weekly", own, submitted, verdicts)
    naive2 = submitted["naive2"]
    promises = Promises("m4_weekly")
    published = {metric: m4_published(folder, metric + "_Weekly")
                 for metric in ("sMAPE", "MASE", "OWA")}
    for method, row in submitted.items():
        for metric in ("sMAPE", "MASE"):
            check_printed(promises, "%s: %s" % (method, metric), row[metric.lower()],
                          padded(published[metric][method], 3))
        # It was published of the printed sMAPE and MASE.
        promises.within("%s: OWA as published (%s)" % (method, published["OWA"][method]),
                        owa(printed(row), printed(naive2)) - float(published["OWA"][method]),
                        -5e-6, 5e-6)
        if method in M4_OURS.values():
            promises.within("%s: distance from the submitted, in the 8th digit" % method,
                            row["farthest"], None, DIGITS_8)
    check_second_scorer(promises, series, submitted, forecasts)
    promises.below("OWA of %s, against that of SES" % choice_of(own), owa(chosen(own), naive2),
                   owa(submitted["SES"], naive2))
    save([("m4_weekly_flat_owa_" + method, owa(row, naive2), "ratio")
          for method, row in own.items()])
    return promises.broken


# Kinds that are quick enough with 52 states of a season, where they are.
OF_A_YEAR = ("seasonal_naive", "naive2", "theta_dynamic_optimised", "mstl", "auto")


def run_m4_weekly_52(data):
    """A forecaster may know that weeks have a year, so the saved figure is this one; the scores
    keep the competition's lag of 1."""
    folder = os.path.join(data, "competitions/m4")
    if not data or not os.path.isdir(folder):
        return skipped("m4_weekly_52")
    series = m4_series(folder, "weekly", 1)
    flat, _, _ = compete(lines_of(series, {}), ("naive2",))
    own, _, verdicts = compete([line.replace(" 1 ", " 52/1 ", 1) for line in lines_of(series, {})],
                               OF_A_YEAR)
    print_competition("M4 weekly, a season of 52 weeks", own, {}, verdicts, flat["naive2"])
    figure = owa(chosen(own), flat["naive2"])
    promises = Promises("m4_weekly_52")
    promises.below("OWA of %s, against the second best of the 59 published (036)" % choice_of(own),
                   figure, float(m4_published(folder, "OWA_Weekly")["036"]))
    save([("m4_weekly_owa", figure, "ratio")] +
         [("m4_weekly_owa_" + method, owa(row, flat["naive2"]), "ratio")
          for method, row in own.items()])
    return promises.broken


def padded(printed, digits):
    """A table printed with `digits` digits, from which a spreadsheet took the last zeros."""
    whole, _, rest = printed.partition(".")
    return whole + "." + rest.ljust(digits, "0")


def run_m4_quarterly(data):
    """Scores of the submitted alone, and those without a scale: the training part is not here."""
    folder = os.path.join(data, "competitions/m4")
    if not data or not os.path.isdir(folder):
        return skipped("m4_quarterly")
    series = [Series(row[0], 4, known(row)[:1], known(row))
              for row in rows_in(os.path.join(folder, "quarterly_test.csv.gz"))]
    forecasts = m4_forecasts(folder, series, "Q")
    own, submitted, _ = compete(lines_of(series, forecasts), ())
    print_competition("M4 quarterly, submitted forecasts", own, submitted, ())
    promises = Promises("m4_quarterly")
    published = m4_published(folder, "sMAPE_Quarterly")
    for method, row in submitted.items():
        check_printed(promises, "%s: sMAPE" % method, row["smape"], padded(published[method], 3))
    check_second_scorer(promises, series, submitted, forecasts)
    return promises.broken


# ---- M1: its pasts chose the prior of `ets`, and nothing else of it anything ---------------------

def run_m1(data):
    path = os.path.join(data, "competitions/m1/m1.csv.gz")
    if not data or not os.path.isfile(path):
        return skipped("m1")
    groups = {}
    for row in rows_in(path):
        if row[0] != "series_id":
            groups.setdefault(row[2].lower(), []).append(
                Series(row[0], row[3], row[7].split(), row[8].split()))
    promises = Promises("m1")
    for group, series in groups.items():
        own, submitted, verdicts = compete(lines_of(series, {}))
        print_competition("M1 " + group, own, submitted, verdicts)
        promises.below("%s: OWA of %s" % (group, choice_of(own)),
                       owa(chosen(own), own["naive2"]), 1)
        save([("m1_%s_owa" % group, owa(chosen(own), own["naive2"]), "ratio")])
    return promises.broken


RUNS = (run_m3_monthly, run_m4_weekly, run_m4_weekly_52, run_m4_quarterly, run_m1)
