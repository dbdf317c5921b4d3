#!/usr/bin/env python3
"""Reduce the UCI Online Retail transactions to the files of examples/retail/data.

Usage: python3 prepare.py RAW      RAW = online_retail.csv or online_retail.csv.gz

Standard library only. Deterministic: no clock, no random numbers, no hash order; sums of money
are decimal, so no result depends on the order of additions. Every line that is left out is counted
in preparation_report.csv, and the counts are checked to add up before anything is written.
README.md beside this file explains each rule.
"""

import csv
import gzip
import io
import math
import re
import sys
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

RAW_COLUMNS = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice",
               "CustomerID", "Country"]

# A product has five digits and an optional colour or size letter. Everything else is postage,
# fees, vouchers, manual corrections and the like.
PRODUCT_CODE = re.compile(r"\d{5}[A-Z]*")
# Services that hide behind a product code; found by reading the descriptions.
SERVICE_CODES = {"22016": "gift voucher", "23444": "next day carriage", "23574": "packing charge"}

HOME_MARKET = "United_Kingdom"
MIN_ACTIVE_DAYS = 50       # days with sales that an established series needs
NEW_SKU_WINDOW_DAYS = 60   # a new SKU is first seen this close to the end of the data
NEW_SKU_MIN_ACTIVE_DAYS = 5
HORIZON_DAYS = 28

REGIONS = {"British_Isles": ["United_Kingdom", "EIRE", "Channel_Islands"],
           "DACH": ["Germany", "Austria", "Switzerland"],
           "France_Benelux": ["France", "Belgium", "Netherlands"],
           "Nordics": ["Denmark", "Finland", "Iceland", "Norway", "Sweden"],
           "Southern_Europe": ["Cyprus", "Greece", "Italy", "Malta", "Portugal", "Spain"]}
OTHER_REGION = "Rest_of_World"

# England and Wales, as published by the government; Easter Sunday is not a bank holiday, but shut.
HOLIDAYS = {"2010-12-25": "Christmas_Day", "2010-12-26": "Boxing_Day",
            "2010-12-27": "Christmas_Day_Substitute", "2010-12-28": "Boxing_Day_Substitute",
            "2011-01-01": "New_Years_Day", "2011-01-03": "New_Years_Day_Substitute",
            "2011-04-22": "Good_Friday", "2011-04-24": "Easter_Sunday",
            "2011-04-25": "Easter_Monday", "2011-04-29": "Royal_Wedding",
            "2011-05-02": "Early_May_Bank_Holiday", "2011-05-30": "Spring_Bank_Holiday",
            "2011-08-29": "Summer_Bank_Holiday", "2011-12-25": "Christmas_Day",
            "2011-12-26": "Boxing_Day", "2011-12-27": "Christmas_Day_Substitute",
            "2012-01-01": "New_Years_Day", "2012-01-02": "New_Years_Day_Substitute"}
CHRISTMAS_CLOSURES = [(date(2010, 12, 24), date(2011, 1, 3)),
                      (date(2011, 12, 24), date(2012, 1, 3))]
SATURDAY, MONDAY = 5, 0

# The replayed order policy (the raw data holds no stock at all).
LEAD_TIME_DAYS = 14
REVIEW_DAYS = 7
TRAILING_DAYS = 56
INITIAL_DAYS = 28
SAFETY_FACTOR = 1.2
STOCK_HISTORY_DAYS = 60


def fail(message):
    sys.exit(f"prepare.py: {message}")


class Report:
    """Ordered rows of preparation_report.csv: rule, rows, units (signed sum of Quantity)."""

    def __init__(self):
        self.counts = {}

    def add(self, rule, rows, units):
        old_rows, old_units = self.counts.get(rule, (0, 0))
        self.counts[rule] = (old_rows + rows, old_units + units)

    def add_lines(self, rule, lines):
        self.add(rule, len(lines), sum(line.units for line in lines))

    def total(self, prefix):
        """Sum of the rows and units of every rule whose name starts with the prefix."""
        found = [count for rule, count in self.counts.items() if rule.startswith(prefix)]
        return sum(rows for rows, _ in found), sum(units for _, units in found)

    def rows(self):
        return [(rule, rows, units) for rule, (rows, units) in self.counts.items()]


class Line:
    """One invoice line. `left` is what cancellations have not yet taken back."""

    __slots__ = ("invoice", "sku", "description", "units", "time", "price", "customer", "market",
                 "left")

    def __init__(self, cells):
        if len(cells) != len(RAW_COLUMNS):
            raise ValueError("wrong number of cells")
        self.invoice, self.sku, self.description = cells[0], cells[1].strip().upper(), cells[2]
        self.units = int(cells[3])
        self.time = datetime.strptime(cells[4], "%Y-%m-%d %H:%M")
        self.price = Decimal(cells[5])
        if not self.price.is_finite():
            raise ValueError("price is not a number")
        self.customer = cells[6]
        self.market = re.sub(r"[^A-Za-z0-9._-]", "_", cells[7])
        self.left = self.units

    @property
    def day(self):
        return self.time.date()


# ---- reading and classifying -----------------------------------------------------------------

def read_raw(path, report):
    """Lines in file order. Malformed rows are counted and left out."""
    opener = gzip.open if path.suffix == ".gz" else open
    lines, seen, malformed, duplicates, upper_cased = [], set(), 0, [], []
    with opener(path, "rt", encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream)
        header = next(rows, None)
        if header != RAW_COLUMNS:
            fail(f"{path}: header is {header}, expected {RAW_COLUMNS}")
        for cells in rows:
            try:
                line = Line(cells)
            except (ValueError, InvalidOperation):
                malformed += 1
                continue
            lines.append(line)
            if cells[1].strip() != line.sku:
                upper_cased.append(line)
            key = tuple(cells)
            if key in seen:
                duplicates.append(line)
            seen.add(key)
    # A malformed row has no usable quantity: its units are counted as 0.
    report.add("raw", malformed + len(lines), sum(line.units for line in lines))
    report.add("info_stock_code_upper_cased", *count(upper_cased))
    report.add("info_exact_duplicate_kept", *count(duplicates))
    report.add("dropped_malformed_row", malformed, 0)
    return lines


def count(lines):
    return len(lines), sum(line.units for line in lines)


def classify(line):
    """The one class of a line: `dropped_...`, `cancellation` or `purchase`. First match wins."""
    if not PRODUCT_CODE.fullmatch(line.sku):
        return f"dropped_non_product_code:{line.sku}"
    if line.sku in SERVICE_CODES:
        return f"dropped_service_code:{line.sku}"
    if line.invoice.startswith("C"):
        return "cancellation"
    if line.units <= 0:
        return "dropped_adjustment_without_sale"
    if line.price <= 0:
        return "dropped_price_not_positive"
    return "purchase"


def split_lines(lines, report):
    classes = defaultdict(list)
    for line in lines:
        classes[classify(line)].append(line)
    for name in sorted(classes):
        report.add_lines(name, classes[name])
    return classes["purchase"], classes["cancellation"]


# ---- netting ---------------------------------------------------------------------------------

def take_back(cancellation, candidates):
    """Reduce earlier purchases by one cancellation. Returns [(units, purchase)].

    A line that the cancellation undoes exactly (same quantity left, same price) goes first,
    then the newest lines; a line never falls below zero."""
    wanted = -cancellation.units
    open_lines = [line for line in reversed(candidates)
                  if line.left > 0 and line.time <= cancellation.time]
    exact = [line for line in open_lines
             if line.left == wanted and line.price == cancellation.price]
    taken = []
    for line in exact[:1] or open_lines:
        units = min(wanted, line.left)
        line.left -= units
        wanted -= units
        taken.append((units, line))
        if wanted == 0:
            break
    return taken


def lag_class(days):
    if days == 0:
        return "same_day"
    return "1_to_7_days" if days <= 7 else "8_to_28_days" if days <= 28 else "over_28_days"


def net_cancellations(purchases, cancellations, report):
    """Take cancellations off the earlier purchases of the same customer and SKU."""
    by_key = defaultdict(list)
    for line in sorted(purchases, key=lambda line: line.time):
        if line.customer:
            by_key[line.customer, line.sku].append(line)
    names = ["matched_whole", "matched_in_part", "unmatched_no_customer",
             "unmatched_no_earlier_purchase"]
    for name in names:
        report.add(f"cancellation_lines_{name}", 0, 0)
    for name in ("same_day", "1_to_7_days", "8_to_28_days", "over_28_days"):
        report.add(f"netted_{name}", 0, 0)
    report.add("cancelled_units_unmatched", 0, 0)
    for cancellation in sorted(cancellations, key=lambda line: line.time):
        taken = take_back(cancellation, by_key.get((cancellation.customer, cancellation.sku), []))
        units = sum(part for part, _ in taken)
        if units == -cancellation.units:
            name = names[0]
        elif units > 0:
            name = names[1]
        else:
            name = names[3] if cancellation.customer else names[2]
        report.add(f"cancellation_lines_{name}", 1, cancellation.units)
        for part, line in taken:
            lag = (cancellation.day - line.day).days
            report.add(f"netted_{lag_class(lag)}", 1, -part)
        if units < -cancellation.units:
            report.add("cancelled_units_unmatched", 1, cancellation.units + units)
    emptied = [line for line in purchases if line.left == 0]
    report.add("info_purchase_line_cancelled_whole", *count(emptied))
    report.add("net_purchase", len(purchases) - len(emptied), sum(line.left for line in purchases))


# ---- daily series ----------------------------------------------------------------------------

def daily_sales(purchases):
    """{(sku, market): {day: (units, price)}}, days with units > 0 only."""
    sums = defaultdict(lambda: defaultdict(lambda: [0, Decimal(0)]))
    for line in purchases:
        if line.left > 0:
            cell = sums[line.sku, line.market][line.day]
            cell[0] += line.left
            cell[1] += line.left * line.price
    return {key: {day: (units, value / units) for day, (units, value) in days.items()}
            for key, days in sums.items()}


def new_skus(lines, series, last_day):
    """SKUs that no line of any kind, in any market, names before the last 60 days.

    Every second one in order of first sale, so that short and longer histories both remain."""
    first_seen = {}
    for line in lines:
        first_seen[line.sku] = min(line.day, first_seen.get(line.sku, line.day))
    start = last_day - timedelta(days=NEW_SKU_WINDOW_DAYS - 1)
    found = sorted((min(days), sku) for (sku, market), days in series.items()
                   if market == HOME_MARKET and first_seen[sku] >= start
                   and NEW_SKU_MIN_ACTIVE_DAYS <= len(days) < MIN_ACTIVE_DAYS)
    return found[::2], found[1::2]


def select_series(lines, series, last_day, report):
    """The series that stay; everything else is counted."""
    chosen, passed_over = new_skus(lines, series, last_day)
    new_keys = {(sku, HOME_MARKET) for _, sku in chosen}
    new_left = {(sku, HOME_MARKET) for _, sku in passed_over}
    groups = {"kept_established": {}, "kept_new_sku": {}, "left_out_new_sku": {},
              "left_out_few_active_days": {}}
    for key, days in series.items():
        if len(days) >= MIN_ACTIVE_DAYS:
            name = "kept_established"
        elif key in new_keys:
            name = "kept_new_sku"
        else:
            name = "left_out_new_sku" if key in new_left else "left_out_few_active_days"
        groups[name][key] = days
    report.add("daily", *count_days(series))
    for name, group in groups.items():
        report.add(f"daily_{name}", *count_days(group))
    for name, group in groups.items():
        report.add(f"series_{name}", len(group), count_days(group)[1])
    return {**groups["kept_established"], **groups["kept_new_sku"]}


def count_days(series):
    return (sum(len(days) for days in series.values()),
            sum(units for days in series.values() for units, _ in days.values()))


def sales_rows(kept):
    rows = []
    for (sku, market), days in sorted(kept.items()):
        for day in sorted(days):
            units, price = days[day]
            rows.append((day.isoformat(), sku, market, units, f"{price:.4f}"))
    return rows


# ---- the other sources -----------------------------------------------------------------------

def order_rows(purchases, skus, report):
    """Daily net units per customer in the largest market abroad, for SKUs that sales.csv has."""
    lines = [line for line in purchases
             if line.left > 0 and line.customer and line.market != HOME_MARKET]
    sizes = Counter(line.market for line in lines)
    if not sizes:
        fail("no purchase with a customer outside the home market: is RAW the whole file?")
    market = min(sizes, key=lambda name: (-sizes[name], name))
    units = defaultdict(int)
    left_out = 0, 0
    for line in lines:
        if line.market != market:
            continue
        if line.sku in skus:
            units[line.sku, line.day.isoformat(), line.customer] += line.left
        else:
            left_out = left_out[0] + 1, left_out[1] + line.left
    no_customer = [line for line in purchases
                   if line.left > 0 and line.market == market and not line.customer]
    report.add(f"orders_left_out_other_sku:{market}", *left_out)
    report.add(f"orders_left_out_no_customer:{market}", len(no_customer),
               sum(line.left for line in no_customer))
    report.add("file_orders", len(units), sum(units.values()))
    return [(day, sku, market, customer, number)
            for (sku, day, customer), number in sorted(units.items())]


def sku_rows(purchases, skus):
    """Most frequent description of each SKU; equal counts: the first in code point order."""
    texts = defaultdict(Counter)
    for line in purchases:
        text = " ".join(line.description.split())
        if line.sku in skus and text:
            texts[line.sku][text] += 1
    return [(sku, min(texts[sku], key=lambda text: (-texts[sku][text], text)), sku[:2])
            for sku in sorted(skus)]


def market_rows(markets):
    region_of = {market: region for region, members in REGIONS.items() for market in members}
    return [(market, region_of.get(market, OTHER_REGION)) for market in sorted(markets)]


def planned_closed(day):
    return (day.weekday() == SATURDAY or any(a <= day <= b for a, b in CHRISTMAS_CLOSURES)
            or day.isoformat() in HOLIDAYS)


def calendar_rows(purchases):
    """One row a day, HORIZON_DAYS beyond the data.

    The plan is checked against the sales: a shop that sold something on a planned closure, or
    nothing on a planned open day, would make the calendar a fact of hindsight."""
    active = {line.day for line in purchases}
    first, last = min(active), max(active)
    rows = []
    for offset in range((last - first).days + HORIZON_DAYS + 1):
        day = first + timedelta(days=offset)
        is_open = not planned_closed(day)
        if day <= last and is_open != (day in active):
            fail(f"calendar: {day} is planned {'open' if is_open else 'closed'}, sales disagree")
        event = HOLIDAYS.get(day.isoformat(), "")
        if not event and any(a <= day <= b for a, b in CHRISTMAS_CLOSURES):
            event = "Christmas_Eve" if (day.month, day.day) == (12, 24) else "Christmas_Closure"
        rows.append((day.isoformat(), int(is_open), event))
    return rows


# ---- stock replay ----------------------------------------------------------------------------

def order_up_to(demand):
    """ceil(21 mean + 1.2 sd sqrt(21)); 21 days = lead time + review period; sample deviation."""
    cover = LEAD_TIME_DAYS + REVIEW_DAYS
    n = len(demand)
    total = sum(demand)
    # n * sum of squares - total^2 is an exact integer, so the variance has one rounding.
    variance = (n * sum(u * u for u in demand) - total * total) / (n * (n - 1)) if n > 1 else 0.0
    return math.ceil(total * cover / n + SAFETY_FACTOR * math.sqrt(variance * cover))


def replay(demand, first_day):
    """Replay the policy on one series. Returns ([on hand at close], {day index: receipt}, lost).

    Order of a day: receipts arrive, demand is served (the rest is lost), on Mondays an order is
    placed at close. Receipts due after the last day are in the result too."""
    initial = order_up_to(demand[:INITIAL_DAYS])
    on_hand, lost, on_hand_at_close, receipts = initial, 0, [], {}
    for t, wanted in enumerate(demand):
        on_hand += receipts.get(t, 0)
        lost += max(0, wanted - on_hand)
        on_hand = max(0, on_hand - wanted)
        on_hand_at_close.append(on_hand)
        if (first_day + timedelta(days=t)).weekday() == MONDAY:
            # With less than 28 days of history a mean says little: keep the initial level.
            known = demand[max(0, t + 1 - TRAILING_DAYS):t + 1]
            level = order_up_to(known) if t + 1 >= INITIAL_DAYS else initial
            due = sum(units for day, units in receipts.items() if day > t)
            if level > on_hand + due:
                receipts[t + LEAD_TIME_DAYS] = level - on_hand - due
    return on_hand_at_close, receipts, lost


def stock_rows(kept, last_day, report):
    rows, lost_units, lost_series = [], 0, 0
    cutoff = last_day - timedelta(days=STOCK_HISTORY_DAYS - 1)
    for (sku, market), days in sorted(kept.items()):
        first = min(days)
        demand = [0] * ((last_day - first).days + 1)
        for day, (units, _) in days.items():
            demand[(day - first).days] = units
        on_hand, receipts, lost = replay(demand, first)
        lost_units += lost
        lost_series += lost > 0
        for t, units in enumerate(on_hand):
            day = first + timedelta(days=t)
            if day >= cutoff:
                rows.append((day.isoformat(), sku, market, units, receipts.get(t, 0)))
        for t in sorted(t for t in receipts if t >= len(demand)):
            day = first + timedelta(days=t)
            rows.append((day.isoformat(), sku, market, "", receipts[t]))
    planned = [row for row in rows if row[3] == ""]
    report.add("info_replay_lost_demand_series", lost_series, lost_units)
    report.add("file_stock_history", len(rows) - len(planned), 0)
    report.add("file_stock_planned_receipts", len(planned), sum(row[4] for row in planned))
    return rows


# ---- writing and checking --------------------------------------------------------------------

def write_csv(path, header, rows):
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    data = text.getvalue().encode("utf-8")
    with open(path, "wb") as stream:
        if path.suffix != ".gz":
            stream.write(data)
            return
        # No name and no time in the gzip header: the same rows give the same bytes.
        with gzip.GzipFile("", "wb", 9, stream, mtime=0) as packed:
            packed.write(data)


def read_csv(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def require(condition, what):
    if not condition:
        fail(f"check failed: {what}")


def check_report(report):
    """The counts add up: nothing is lost between the raw file and sales.csv."""
    counts = report.counts

    def equal(name, *parts):
        sums = [sum(values) for values in zip(*parts)]
        require(list(counts[name]) == sums, f"{name} {counts[name]} is not {sums}")

    equal("raw", report.total("dropped_"), counts["cancellation"], counts["purchase"])
    equal("cancellation", report.total("cancellation_lines_"))
    equal("daily", report.total("daily_kept_"), report.total("daily_left_out_"))
    equal("file_sales", report.total("daily_kept_"))
    netted = report.total("netted_")[1]
    require(counts["cancellation"][1] == netted + counts["cancelled_units_unmatched"][1],
            "cancelled units = netted + unmatched")
    require(counts["net_purchase"][1] == counts["purchase"][1] + netted,
            "net units = purchased - netted")
    require(counts["daily"][1] == counts["net_purchase"][1], "daily units = net units")


def check_files(folder, report):
    """Read the files back: keys unique and sorted, references resolve, sums equal the report."""
    sales = read_csv(folder / "sales.csv.gz")
    orders = read_csv(folder / "orders.csv.gz")
    stock = read_csv(folder / "stock.csv.gz")
    skus = {row["sku"]: row for row in read_csv(folder / "skus.csv")}
    markets = {row["market"] for row in read_csv(folder / "markets.csv")}
    days = [row["date"] for row in read_csv(folder / "calendar.csv")]
    for name, rows, columns in (("sales", sales, ("sku", "market", "date")),
                                ("stock", stock, ("sku", "market", "date")),
                                ("orders", orders, ("sku", "market", "date", "customer"))):
        keys = [tuple(row[column] for column in columns) for row in rows]
        require(all(a < b for a, b in zip(keys, keys[1:])), f"{name}: keys unique and sorted")
        require(all(row["sku"] in skus and row["market"] in markets for row in rows),
                f"{name}: every SKU and market is declared")
        require(set(row["date"] for row in rows) <= set(days), f"{name}: dates in calendar")
    require(days == sorted(set(days)), "calendar: dates unique and sorted")
    require((len(sales), sum(int(row["units"]) for row in sales)) == report.counts["file_sales"],
            "sales: rows and units equal the report")
    require((len(orders), sum(int(row["units"]) for row in orders))
            == report.counts["file_orders"], "orders: rows and units equal the report")
    require(all(int(row["units"]) > 0 and Decimal(row["price"]) > 0 for row in sales),
            "sales: units and prices are positive")
    require({(row["sku"], row["market"]) for row in sales}
            == {(row["sku"], row["market"]) for row in stock}, "stock: the series of sales")
    require({row["sku"] for row in sales} == set(skus), "skus: the SKUs of sales")
    return sales


def print_facts(folder, sales):
    """The numbers that README.md quotes."""
    skus, markets = read_csv(folder / "skus.csv"), read_csv(folder / "markets.csv")
    last = max(row["date"] for row in sales)
    open_days = sorted(row["date"] for row in read_csv(folder / "calendar.csv")
                       if row["open"] == "1" and row["date"] <= last)
    active = defaultdict(list)
    for row in sales:
        active[row["sku"], row["market"]].append(row["date"])
    shares, zeros, cells = [], 0, 0
    for days in active.values():
        n = sum(day >= days[0] for day in open_days)
        shares.append(1 - len(days) / n)
        zeros, cells = zeros + n - len(days), cells + n
    shares.sort()
    tenth = len(shares) // 10
    print(f"series {len(active)}, rows {len(sales)}, open days {len(open_days)}, "
          f"dates {open_days[0]} .. {open_days[-1]}")
    print(f"SKUs {len(skus)}, ranges {len({row['range'] for row in skus})}, "
          f"markets {len(markets)}, regions {len({row['region'] for row in markets})}")
    print("series by market " + ", ".join(
        f"{name} {number}" for name, number in sorted(Counter(m for _, m in active).items())))
    print(f"zero share on open days from the first sale: pooled {zeros / cells:.4f}, "
          f"median series {shares[len(shares) // 2]:.4f}, "
          f"10% {shares[tenth]:.4f}, 90% {shares[-1 - tenth]:.4f}")


def main():
    if len(sys.argv) != 2:
        fail("usage: python3 prepare.py RAW")
    folder = Path(__file__).resolve().parent / "data"
    folder.mkdir(exist_ok=True)
    report = Report()
    lines = read_raw(Path(sys.argv[1]), report)
    purchases, cancellations = split_lines(lines, report)
    calendar = calendar_rows(purchases)
    last_day = max(line.day for line in purchases)
    net_cancellations(purchases, cancellations, report)
    kept = select_series(lines, daily_sales(purchases), last_day, report)
    sales = sales_rows(kept)
    report.add("file_sales", len(sales), sum(row[3] for row in sales))
    skus = {sku for sku, _ in kept}
    orders = order_rows(purchases, skus, report)
    stock = stock_rows(kept, last_day, report)
    check_report(report)
    key = ["date", "sku", "market"]
    write_csv(folder / "sales.csv.gz", key + ["units", "price"], sales)
    write_csv(folder / "orders.csv.gz", key + ["customer", "units"], orders)
    write_csv(folder / "stock.csv.gz", key + ["on_hand", "on_order_receipts"], stock)
    write_csv(folder / "skus.csv", ["sku", "description", "range"], sku_rows(purchases, skus))
    write_csv(folder / "markets.csv", ["market", "region"],
              market_rows({market for _, market in kept}))
    write_csv(folder / "calendar.csv", ["date", "open", "event"], calendar)
    write_csv(folder / "preparation_report.csv", ["rule", "rows", "units"], report.rows())
    for rule, rows, units in report.rows():
        print(f"{rule:48} {rows:9} {units:12}")
    print_facts(folder, check_files(folder, report))


if __name__ == "__main__":
    main()
