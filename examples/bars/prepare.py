#!/usr/bin/env python3
"""Makes data/ from hourly bars of QuantConnect/Lean (see ATTRIBUTION.md and README.md).

    python3 prepare.py RAW      RAW: CSV or CSV.gz with symbol, datetime, open, high, low, close,
                                volume (raw prices), datetime as YYYY-MM-DDTHH:MM

Standard library only; twice the same bytes. Stops when a bar is impossible, twice there, or
outside of the hours of the exchange, so that what follows need not ask.
"""
import csv
import gzip
import io
import pathlib
import sys

SYMBOL = "SPY"
FIRST, BEHIND = "2010-01-01", "2021-04-01"
NEWEST = "2020-12-01"  # from here on also in newest.csv: a month of warm-up before 2021
HERE = pathlib.Path(__file__).resolve().parent


def read(path):
    opened = gzip.open(path, "rt", newline="") if path.endswith(".gz") else open(path, newline="")
    with opened as file:
        for row in csv.DictReader(file):
            if row["symbol"] == SYMBOL and FIRST <= row["datetime"] < BEHIND:
                yield row


def check(rows):
    before = ""
    for row in rows:
        where = f'{row["symbol"]} {row["datetime"]}'
        o, h, l, c = (float(row[k]) for k in ("open", "high", "low", "close"))
        if not (0 < l <= min(o, c) and max(o, c) <= h and float(row["volume"]) >= 0):
            sys.exit(f"{where}: an impossible bar")
        if row["datetime"] <= before:
            sys.exit(f"{where}: twice, or not in the order of time")
        if not "09:00" <= row["datetime"][11:] <= "15:00":
            sys.exit(f"{where}: outside of the hours of the exchange")
        before = row["datetime"]


def write(rows):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["stamp", "symbol", "open", "high", "low", "close", "volume"])
    for row in rows:
        writer.writerow([row["datetime"].replace("T", " "), row["symbol"], row["open"],
                         row["high"], row["low"], row["close"], row["volume"]])
    return out.getvalue().encode()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    rows = list(read(sys.argv[1]))
    if not rows:
        sys.exit(f"{sys.argv[1]} has no bars of {SYMBOL} from {FIRST} on")
    check(rows)
    (HERE / "data").mkdir(exist_ok=True)
    packed = gzip.compress(write(rows), 9, mtime=0)
    (HERE / "data" / "spy_hourly.csv.gz").write_bytes(packed)
    newest = [row for row in rows if row["datetime"] >= NEWEST]
    (HERE / "data" / "newest.csv").write_bytes(write(newest))
    print(f"{len(rows)} bars into spy_hourly.csv.gz, {len(newest)} of them also into newest.csv")


if __name__ == "__main__":
    main()
