"""Forecasting competitions: the statistical forecasters beside the forecasts submitted to them."""
import os

from accuracy.shared import Promises, compete, print_competition, rows_in, save, skipped

# Ours that stands for all in the saved figures: the automatic choice where there is one.
CHOICE = ("auto", "theta_dynamic_optimised")


def chosen(own):
    return next(own[kind] for kind in CHOICE if kind in own)


def owa(row, naive2):
    """The overall weighted average of M4: ratios of means to those of Naive2."""
    return (row["smape"] / naive2["smape"] + row["mase"] / naive2["mase"]) / 2


# As printed in Makridakis and Hibon (2000), "The M3-Competition", table 15 (monthly, all horizons),
# and for MASE as its authors' package scores the submitted files.
M3_MONTHLY = {"NAIVE2": (16.89, 1.037), "SINGLE": (15.30, 0.974), "HOLT": (15.79, 0.909),
              "DAMPEN": (14.58, 0.908), "WINTER": (15.93, None), "COMB": (14.47, 0.896),
              "B-J": (14.80, 0.914), "THETA": (13.89, 0.858), "ForecastPro": (13.90, 0.848)}


def run_m3_monthly(data):
    folder = os.path.join(data, "competitions/m3")
    if not data or not os.path.isdir(folder):
        return skipped("m3_monthly")
    lines = ["series %s %s %s %s %s %s" % (row[0], row[3], row[5], row[7], row[6], row[8])
             for row in rows_in(os.path.join(folder, "m3_monthly.csv.gz")) if row[0] != "series_id"]
    lines += ["forecast %s %s" % (row[0].split()[0], " ".join(row[1:]))
              for row in rows_in(os.path.join(folder, "m3_forecasts_monthly.csv.gz"))
              if row[0] != "method"]
    own, submitted = compete(lines)
    print_competition("M3 monthly", own, submitted)
    promises = Promises("m3_monthly")
    for method, (smape, mase) in M3_MONTHLY.items():
        promises.within("%s: sMAPE as published (%.2f)" % (method, smape),
                        submitted[method]["smape"], smape - 0.005, smape + 0.005)
        if mase:
            promises.within("%s: MASE as published (%.3f)" % (method, mase),
                            submitted[method]["mase"], mase - 0.0006, mase + 0.0006)
    promises.within("theta: sMAPE, beside the submitted 13.89", own["theta"]["smape"], 13.74,
                    14.04)
    promises.within("theta_dynamic_optimised: sMAPE, beside statsforecast's 13.73",
                    own["theta_dynamic_optimised"]["smape"], None, 13.75)
    save([("m3_monthly_%s_%s" % (metric, method), row[metric], unit)
          for method, row in own.items()
          for metric, unit in (("smape", "percent"), ("mase", "ratio"))] +
         [("m3_monthly_smape", chosen(own)["smape"], "percent"),
          ("m3_monthly_mase", chosen(own)["mase"], "ratio")])
    return promises.broken


def run_m4_weekly(data):
    folder = os.path.join(data, "competitions/m4")
    if not data or not os.path.isdir(folder):
        return skipped("m4_weekly")
    then = {row[0]: [v for v in row[1:] if v] for row in
            rows_in(os.path.join(folder, "weekly_test.csv"))}
    lines = []
    for row in rows_in(os.path.join(folder, "weekly_train.csv.gz")):
        past = [v for v in row[1:] if v]
        lines.append("series %s 1 %d %s %d %s" % (row[0], len(past), " ".join(past),
                                                  len(then[row[0]]), " ".join(then[row[0]])))
    ours = {"Naive": "naive", "sNaive": "seasonal_naive", "Naive2": "naive2"}
    lines += ["forecast %s %s" % (ours.get(row[0], row[0]), " ".join(v for v in row[1:] if v))
              for row in rows_in(os.path.join(folder, "point_forecasts_weekly_quarterly.csv.gz"))
              if row[1].startswith("W")]
    published = {row[0]: row for row in
                 rows_in(os.path.join(folder, "published_scores_weekly_quarterly.csv"))}
    own, submitted = compete(lines)
    print_competition("M4 weekly", own, submitted)
    promises = Promises("m4_weekly")
    for method in ("Naive", "sNaive", "Naive2", "SES", "024", "218"):
        row = submitted[ours.get(method, method)]
        _, _, smape, _, mase, _, _ = published.get(method) or published[method.lstrip("0")]
        promises.within("%s: sMAPE as published" % method, row["smape"], float(smape) - 0.0005001,
                        float(smape) + 0.0005001)
        promises.within("%s: MASE as published" % method, row["mase"], float(mase) - 0.0005001,
                        float(mase) + 0.0005001)
        if method in ours:
            promises.within("%s: distance from the submitted forecasts (8 digits)" % method,
                            row["farthest"], None, 1e-4)
    save([("m4_weekly_owa", owa(chosen(own), submitted["naive2"]), "ratio")])
    return promises.broken


RUNS = (run_m3_monthly, run_m4_weekly)
