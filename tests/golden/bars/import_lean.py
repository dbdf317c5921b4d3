"""Indicator files of QuantConnect/Lean, written in the form of reference.csv.

    python3 import_lean.py FOLDER        (FOLDER: Lean's Tests/TestData; writes lean_*.csv here)

The files were made by charting packages, TA-Lib and pandas. Numbers keep their digits; a tolerance
is half a unit of the last printed digit where the file was computed in doubles, and a few 1e-7 of
the size of what enters where a charting package computed in floats.
"""
import csv
import os
import sys
from decimal import Decimal

HERE = os.path.dirname(os.path.abspath(__file__))
FLOAT = 3e-7
# file: rows kept, [(column of the file, declaration, absolute, relative, from, factor)]
FILES = {
    "spy_with_indicators.txt": (500, [
        ("SMA14", "sma(close, 14)", 0.006, 0, 0, 1),
        ("EMA14", "ema(close, 14)", 0.006, 0, 0, 1),
        ("MACD 12 26", "macd(close, 12, 26, 9).line", 0.006, 0, 0, 1),
        ("RSI 14 Wilder", "rsi(close, 14)", 6e-6, 0, 0, 1)]),
    "spy_with_macd.txt": (362, [
        ("MACD", "macd(close, 12, 26, 9).line", 6e-6, 0, 0, 1),
        ("Signal", "macd(close, 12, 26, 9).signal", 6e-6, 0, 0, 1),
        ("Histogram", "macd(close, 12, 26, 9).histogram", 6e-6, 0, 0, 1)]),
    "spy_bollinger_bands.txt": (300, [
        ("Moving Average 20", "bollinger(close, 20, 2).middle", 5e-5, 0, 0, 1),
        ("Bollinger Bands\u00ae 20 2 Top", "bollinger(close, 20, 2).upper", 7e-5, 0, 0, 1),
        ("Bollinger Bands\u00ae 20 2 Bottom", "bollinger(close, 20, 2).lower", 7e-5, 0, 0, 1),
        # In percent there. Made of rounded bands: 1.1e-4 / 150 of the price.
        ("BandWidth", "bollinger(close, 20, 2).width", 1.2e-6, 0, 0, "0.01"),
        ("%B", "bollinger(close, 20, 2).percent_b", 7e-5, 0, 0, 1)]),
    "spy_with_adx.txt": (504, [
        ("TR", "true_range()", 0.00501, 0, 0, 1),
        ("+DI14", "adx(14).plus_di", 5.1e-5, 0, 0, 1),
        ("-DI14", "adx(14).minus_di", 5.1e-5, 0, 0, 1),
        ("ADX 14", "adx(14).adx", 5.1e-5, 0, 0, 1)]),
    "spy_atr.txt": (300, [
        ("Average True Range 14", "sma(true_range, 14)", 200 * FLOAT / 10, 0, 0, 1)]),
    # Counts the first bar's range as a true range; from row 250 on that has faded to 1e-8.
    "spy_atr_wilder.txt": (501, [("Average True Range 14", "atr(14)", 6e-6, 0, 250, 1)]),
    "spy_with_stoch12k3.txt": (300, [
        ("Stochastics 12 %K 3", "stochastic(12, 3, 5).k", 4e-4, 0, 0, 1),
        ("%D 5", "stochastic(12, 3, 5).d", 4e-4, 0, 0, 1)]),
    "spy_with_cci.txt": (300, [
        ("Commodity Channel Index (CCI) 14", "cci(14)", 3e-3, 0, 0, 1)]),
    "spy_with_williamsR14.txt": (300, [("Williams %R 14", "williams_r(14)", 4e-4, 0, 0, 1)]),
    # The first true range is high - low there: the bands begin a row earlier.
    "spy_with_keltner.csv": (300, [
        ("Keltner Channels 20 Top", "keltner_simple(typical, 20, 1.5).upper", 1e-4, 0, 20, 1),
        ("Keltner Channels 20 Bottom", "keltner_simple(typical, 20, 1.5).lower", 1e-4, 0, 20, 1),
        ("Middle Band", "keltner_simple(typical, 20, 1.5).middle", 1e-4, 0, 0, 1)]),
    "spy_with_vwap.txt": (300, [("Moving VWAP 50", "vwap(average, 50)", 0, FLOAT, 0, 1)]),
    "spy_mfi.txt": (300, [("Money Flow Index 20", "mfi(20)", 1e-5, 0, 0, 1)]),
    # Before row 49 the file has the extremes of the bars so far.
    "spy_with_don50.txt": (300, [
        ("Donchian Channels 50 Top", "donchian(50).upper", 0, 1e-12, 49, 1),
        ("Donchian Channels 50 Bottom", "donchian(50).lower", 0, 1e-12, 49, 1),
        ("Donchian Channels 50 Mean", "donchian(50).middle", 0, 1e-12, 49, 1)]),
    "spy_with_roc50.txt": (300, [("Rate of Change 50", "momentum(close, 50)", 2e-5, 0, 0, 1)]),
    "spy_with_rocp50.txt": (300, [("Rate of Change % 50", "roc(close, 50)", 2e-5, 0, 0, 1)]),
    "spy_logr14.txt": (300, [("LOGR14", "log_return(close, 14)", 1e-7, 0, 0, 1)]),
    "spy_aroon_oscillator.txt": (300, [
        ("Aroon Oscillator 14", "aroon(14).oscillator", 8e-6, 0, 0, 1)]),
    "spy_with_obv.txt": (300, [("OBV", "obv()", 2000, 0, 0, 1)]),
    "spy_ema.csv": (364, [("EMA14", "ema(close, 14)", 0, 1e-14, 0, 1)]),
    "spx_lwma.csv": (22, [("LWMA", "wma(close, 6)", 1e-3, 0, 5, 1)]),
}
BARS = ["open", "high", "low", "close", "volume"]


def number(text, factor=1):
    text = text.strip()
    if text in ("", "NaN"):
        return ""
    # "1.156476E+08" and "18.0" in one spelling; the value stays.
    return text if factor == 1 else format(Decimal(text) * Decimal(factor), "f")


def convert(folder, name, rows, columns):
    with open(os.path.join(folder, name), encoding="utf-8-sig", newline="") as file:
        table = [[cell.strip() for cell in line] for line in csv.reader(file)]
    head = {cell.lower(): i for i, cell in enumerate(table[0])}
    with open(os.path.join(HERE, "lean_" + name.split(".")[0] + ".csv"), "w",
              encoding="utf-8", newline="\n") as out:
        def row(first, cells):
            out.write(";".join([first, *map(str, cells)]) + "\n")
        out.write(f"# QuantConnect/Lean, Tests/TestData/{name}, Apache-2.0; "
                  f"the first {rows} rows\n")
        row("columns", BARS + [c[1] for c in columns])
        row("absolute", [""] * 5 + [c[2] for c in columns])
        row("relative", [""] * 5 + [c[3] for c in columns])
        row("from", [""] * 5 + [c[4] for c in columns])
        for line in table[1:rows + 1]:
            line += [""] * (len(table[0]) - len(line))
            row("row", [number(line[head[b]]) if b in head else "" for b in BARS] +
                [number(line[head[c[0].lower()]], c[5]) for c in columns])


for file_name, (kept, wanted) in FILES.items():
    convert(sys.argv[1], file_name, kept, wanted)
