"""Series that no rule of a forecaster was chosen on, of weeks above all, from several origins.

The automatic rule for weeks was made on the pasts of M4's weekly series, and their test part was
scored between versions of it. These sets are what it had not seen; they confirm it or they do not,
and nothing may be changed for them. Said of each set is what else of it was ever looked at. Every
run was written, and in the history of the project, before it first ran; what came out stands in
docs/accuracy.md. It is no promise, so what is not confirmed breaks nothing: to make it one would
ask for forecasters that please these sets.

As in M4, MASE scales by neighbouring weeks and days, and by the year before of months; OWA is
relative to Naive2, which of weeks and days has no season and is the naive forecast. Forecasters may
know that weeks have a year and days a week. An origin has one vote."""
import collections
import datetime
import glob
import math
import os

from accuracy.competitions import mean
from accuracy.selection import measure
from accuracy.shared import compete, owa, rows_in, save, skipped

ORIGINS = 4       # each a horizon before the next
LEARNED_AT = (0, 2)  # of these, the newest first: learning takes its time
KINDS = ("naive", "seasonal_naive", "naive2", "ses", "theta", "theta_dynamic_optimised", "ets",
         "ets_averaged", "ces_averaged", "mstl", "auto")
PAST_LEAST = 26   # known values of a past

# `lag`: of the scale of MASE; `base`: whose sMAPE and MASE have an OWA of 1.
Plan = collections.namedtuple("Plan", "words steps season lag base")
WEEKS = Plan("weeks", 13, 52, 1, "naive")
MONTHS = Plan("months", 18, 12, 12, "naive2")
DAYS = Plan("days", 14, 5, 1, "naive")


# ---- the sets ------------------------------------------------------------------------------------

def monday_of(day):
    date = datetime.date.fromisoformat(day)
    return date - datetime.timedelta(days=date.weekday())


def weeks_between(values, first, last):
    """{Monday: value} as one value per week of [first, last]; "-": not known."""
    count = (last - first).days // 7 + 1
    days = (first + datetime.timedelta(days=7 * i) for i in range(count))
    return ["%.10g" % values[day] if day in values else "-" for day in days]


def store_item(data):
    """Sums of daily sales by item and store, Monday to Sunday, 260 whole weeks. The days they are
    made of chose shares of seasons in `mstl`, and when days have a second season; no weekly sum
    was looked at."""
    sums = {}
    for path in sorted(glob.glob(os.path.join(data, "retail/store_item_demand/*.csv.gz"))):
        for row in rows_in(path):
            if row[0] >= "2013-01-07" and row[0] != "date":
                weeks = sums.setdefault((row[1], row[2]), {})
                week = monday_of(row[0])
                weeks[week] = weeks.get(week, 0) + int(row[3])
    first, last = datetime.date(2013, 1, 7), datetime.date(2017, 12, 25)
    return {"-".join(key): weeks_between(weeks, first, last) for key, weeks in sums.items()}


def orange_juice(data):
    """Units by store and brand, weeks 40 to 160; some are missing. The newest eight weeks were
    once forecast with and without prices, by methods that were not changed for it."""
    out = {}
    for path in glob.glob(os.path.join(data, "retail/orange_juice/orange_juice_weekly.csv.gz")):
        for row in rows_in(path):
            if row[0] != "store":
                weeks = out.setdefault(row[0] + "-" + row[1], ["-"] * 121)
                weeks[int(row[2]) - 40] = "%d" % round(math.exp(float(row[3])))
    return out


def jewellery(data):
    """Units by item, 124 weeks. Forecasters of rare demand were scored on the last 12."""
    out = {}
    for path in glob.glob(os.path.join(data, "inventory/jewelry_weekly.csv.gz")):
        for row in rows_in(path):
            if row[0] != "series":
                out[row[0]] = [value or "-" for value in row[1:]]
    return out


def stocks(data, value_of, gather):
    """By symbol of those with all days, 260 whole weeks from 2013-02-11 on."""
    days = {}
    for path in glob.glob(os.path.join(data, "market/sp500_daily_a.csv.gz")):
        for row in rows_in(path):
            if row[0] != "symbol" and all(row):
                days.setdefault(row[0], []).append((row[1], value_of(row)))
    out = {}
    first, last = datetime.date(2013, 2, 11), datetime.date(2018, 1, 29)
    for symbol, values in days.items():
        if len(values) == 1259:
            weeks = {}
            for day, value in sorted(values):
                week = monday_of(day)
                weeks[week] = gather(weeks.get(week, 0), value)
            out[symbol] = weeks_between(weeks, first, last)
    return out


def stock_volumes(data):
    """Shares traded, summed."""
    return stocks(data, lambda row: float(row[6]), lambda before, value: before + value)


def stock_closes(data):
    """The last price of the week: nobody foretells it better than by the newest one."""
    return stocks(data, lambda row: float(row[5]), lambda _, value: value)


def daily_volumes(data):
    """Shares traded by day, of the same stocks."""
    out = {}
    for path in glob.glob(os.path.join(data, "market/sp500_daily_a.csv.gz")):
        for row in rows_in(path):
            if row[0] != "symbol" and all(row):
                out.setdefault(row[0], []).append((row[1], "%.10g" % float(row[6])))
    return {symbol: [value for _, value in sorted(days)] for symbol, days in out.items()
            if len(days) == 1259}


def retail_turnover(data):
    """Australian retail turnover by state and industry, months to 2018-12. Reconciliation of theta
    and ets was scored on it; `auto` never was."""
    out = {}
    for path in glob.glob(os.path.join(data, "hierarchy/aus_retail_monthly.csv.gz")):
        for state, industry, _, month, turnover in rows_in(path):
            if state != "State":
                name = ("%s-%s" % (state, industry)).replace(" ", "_")
                out.setdefault(name, []).append((month, turnover))
    return {name: [value for _, value in sorted(months)] for name, months in out.items()}


def turnovers(data):
    """Money turned over a week, close by volume, of five symbols to 2021-03-26: 518 to 1212 weeks,
    so that the rule for seasons of five years and more applies. QQQ from the end of its gap on."""
    sums = {}
    for path in glob.glob(os.path.join(data, "market/us_equity_daily_a.csv.gz")):
        for row in rows_in(path):
            if row[0] != "symbol" and (row[0] != "QQQ" or row[1] >= "2011-04-18"):
                weeks = sums.setdefault(row[0], {})
                week = monday_of(row[1])
                weeks[week] = weeks.get(week, 0) + float(row[5]) * float(row[6])
    return {symbol: weeks_between(weeks, min(weeks) + datetime.timedelta(days=7),
                                  datetime.date(2021, 3, 22))
            for symbol, weeks in sums.items()}


# ---- scores --------------------------------------------------------------------------------------

def lines_at(series, plan, origin):
    """What was known at an origin, the newest being 0, and what came then."""
    lines = []
    for name, values in sorted(series.items()):
        end = len(values) - origin * plan.steps
        past, then = values[:end - plan.steps], values[end - plan.steps:end]
        known = sum(value != "-" for value in past)
        if known >= PAST_LEAST and any(value != "-" for value in then):
            lines.append("series %s %d/%d %d %s %d %s" %
                         (name, plan.season, plan.lag, len(past), " ".join(past), plan.steps,
                          " ".join(then)))
    return lines


def mean_row(rows):
    return {key: mean([row[key] for row in rows]) for key in ("smape", "mase", "rmsse")}


def print_table(name, series, plan, tables):
    """`tables`: {method: figures} by origin, the newest first. Returns {method: OWA}."""
    figures = {}
    print("\n==== %s, %s: %d series, %d ahead from %d origins\n" %
          (plan.words, name.replace("_", " "), len(series), plan.steps, len(tables)))
    print("  %-26s%9s%9s%9s%9s   OWA by origin, oldest first" %
          ("METHOD", "sMAPE", "MASE", "RMSSE", "OWA"))
    base = mean_row([table[plan.base] for table in tables])
    for method in tables[0]:
        row = mean_row([table[method] for table in tables])
        figures[method] = owa(row, base)
        each = [owa(table[method], table[plan.base]) for table in reversed(tables)]
        refused = sum(table[method].get("refused", 0) for table in tables)
        print("  %-26s%9.3f%9.4f%9.4f%9.4f   %s%s" %
              (method, row["smape"], row["mase"], row["rmsse"], figures[method],
               " ".join("%.3f" % value for value in each) if len(each) <= 8 else
               "from %.3f to %.3f" % (min(each), max(each)),
               "  naive for %d that it refuses" % refused if refused else ""))
    return figures


def say(figures, method):
    """Good or bad: beside Naive2, and beside the best of all others."""
    best = min((kind for kind in figures if kind != method), key=figures.get)
    print("\n  %s  OWA of %s %.4f: %.1f %% %s Naive2, %.1f %% %s the best other, %s" %
          ("CONFIRMED    " if figures[method] < 1 else "NOT CONFIRMED", method, figures[method],
           100 * abs(figures[method] - 1), "below" if figures[method] < 1 else "above",
           100 * abs(figures[method] / figures[best] - 1),
           "below" if figures[method] < figures[best] else "above", best))


def confirm(name, data, sets, plan=WEEKS, origins=ORIGINS):
    series = sets(data) if data else {}
    if not series:
        return skipped(name)
    tables = [compete(lines_at(series, plan, origin), KINDS)[0] for origin in range(origins)]
    figures = print_table(name, series, plan, tables)
    say(figures, "auto")
    save([("%s_owa_%s" % (name, method), value, "ratio")
          for method, value in figures.items()])
    return 0


def confirm_learned(name, data, sets):
    """`learned` and the other choices beside `auto`, and the naive forecast of the same series."""
    series = sets(data) if data else {}
    if not series:
        return skipped(name)
    tables = []
    for origin in LEARNED_AT:
        lines = lines_at(series, WEEKS, origin)
        naive = compete(lines, ("naive", "seasonal_naive"))[0]
        tables.append({**naive, **measure(lines)[0]})
    figures = print_table(name, series, WEEKS, tables)
    say(figures, "learned")
    save([("%s_owa_%s" % (name, method), value, "ratio")
          for method, value in figures.items()])
    return 0


def run_weekly_store_item(data):
    return confirm("weekly_store_item", data, store_item)


def run_weekly_orange_juice(data):
    return confirm("weekly_orange_juice", data, orange_juice)


def run_weekly_jewellery(data):
    return confirm("weekly_jewellery", data, jewellery)


def run_weekly_stock_volumes(data):
    return confirm("weekly_stock_volumes", data, stock_volumes)


def run_weekly_stock_closes(data):
    return confirm("weekly_stock_closes", data, stock_closes)


def run_weekly_turnovers(data):
    """Few series, so many origins: the oldest that has five years before it, and all since."""
    return confirm("weekly_turnovers", data, turnovers, origins=18)


def run_weekly_learned_store_item(data):
    return confirm_learned("weekly_learned_store_item", data, store_item)


def run_weekly_learned_orange_juice(data):
    return confirm_learned("weekly_learned_orange_juice", data, orange_juice)


def run_weekly_learned_jewellery(data):
    return confirm_learned("weekly_learned_jewellery", data, jewellery)


def run_monthly_retail(data):
    return confirm("monthly_retail", data, retail_turnover, MONTHS)


def run_daily_volumes(data):
    return confirm("daily_volumes", data, daily_volumes, DAYS)


RUNS = (run_weekly_store_item, run_weekly_orange_juice, run_weekly_jewellery,
        run_weekly_stock_volumes, run_weekly_stock_closes, run_weekly_turnovers,
        run_weekly_learned_store_item, run_weekly_learned_orange_juice,
        run_weekly_learned_jewellery, run_monthly_retail, run_daily_volumes)
