"""What TA-Lib and pandas make of made-up bars: reference.csv.

    python3 generate.py > reference.csv        (TA-Lib 0.8.2, pandas 3.1.1, numpy 2.4.6)

Columns of the file are named by declarations. `absolute` and `relative` say how far a value may lie
from ours, `from` which row is the first to be compared. `nan` must be missing, an empty cell says
nothing. Prices have two decimals and often repeat, so that there are ties.
"""
import sys

import numpy as np
import pandas as pd
import talib

ROWS = 520
draw = np.random.default_rng(11)
close = 80 + np.cumsum(draw.normal(0, 0.4, ROWS))
open_ = np.r_[80, close[:-1]] + draw.normal(0, 0.1, ROWS)
close, open_ = close.round(1), open_.round(2)
high = (np.maximum(open_, close) + draw.exponential(0.3, ROWS)).round(1)
low = (np.minimum(open_, close) - draw.exponential(0.3, ROWS)).round(1)
high, low = np.maximum(high, np.maximum(open_, close)), np.minimum(low, np.minimum(open_, close))
volume = draw.integers(0, 90000, ROWS).astype(float)
volume[draw.random(ROWS) < 0.1] = 0

columns = {}


def add(text, values, relative=1e-10, absolute=1e-9, start=0):
    columns[text] = (np.asarray(values, float), absolute, relative, start)


typical = talib.TYPPRICE(high, low, close)
series, volumes, bars_typical = pd.Series(close), pd.Series(volume), pd.Series(typical)
logs = np.log(series).diff()

add("return(close, 5)", talib.ROCP(close, 5))
add("roc(close, 5)", talib.ROC(close, 5))
add("momentum(close, 10)", talib.MOM(close, 10))
add("log_return(close, 3)", np.log(series / series.shift(3)))
add("realised_volatility(close, 20)", np.sqrt((logs ** 2).rolling(20).sum()))
add("volatility(close, 20)", logs.rolling(20).std())
add("sma(close, 14)", talib.SMA(close, 14))
add("sma(median, 5)", talib.SMA(talib.MEDPRICE(high, low), 5))
add("sma(average, 5)", talib.SMA(talib.AVGPRICE(open_, high, low, close), 5))
add("ema(close, 14)", talib.EMA(close, 14))
add("wma(close, 9)", talib.WMA(close, 9))
add("zscore(close, 20)", (series - series.rolling(20).mean()) / series.rolling(20).std())
add("rsi(close, 14)", talib.RSI(close, 14))
add("rsi(typical, 2)", talib.RSI(typical, 2))
line, signal, histogram = talib.MACD(close, 12, 26, 9)
for name, values in (("line", line), ("signal", signal), ("histogram", histogram)):
    add(f"macd(close, 12, 26, 9).{name}", values, start=450)  # TA-Lib seeds the fast one later
own = pd.Series(talib.EMA(close, 5) - talib.EMA(close, 13))
add("macd(close, 5, 13, 4).line", own)
add("macd(close, 5, 13, 4).signal", talib.EMA(own.to_numpy(), 4))
k, d = talib.STOCH(high, low, close, 14, 3, 0, 5, 0)
add("stochastic(14, 3, 5).d", d)
add("stochastic(14, 3, 5).k", np.where(np.isnan(k), np.nan, k), start=20)  # TA-Lib: with %D
k, d = talib.STOCHF(high, low, close, 9, 3, 0)
add("stochastic(9, 1, 3).d", d)
add("stochastic(9, 1, 3).k", k, start=12)
add("williams_r(14)", talib.WILLR(high, low, close, 14))
add("cci(20)", talib.CCI(high, low, close, 20))
# Which of two equal typical prices is larger is a matter of their last bits: such windows say nothing.
tied = pd.Series(np.abs(np.diff(typical, prepend=0)) < 1e-9).rolling(14).max() > 0
add("mfi(14)", np.where(tied, np.inf, talib.MFI(high, low, close, volume, 14)))
down, up = talib.AROON(high, low, 14)
add("aroon(14).up", up)
add("aroon(14).down", down)
add("aroon(14).oscillator", talib.AROONOSC(high, low, 14))
add("true_range()", talib.TRANGE(high, low, close))
add("atr(14)", talib.ATR(high, low, close, 14))
add("sma(true_range, 10)", pd.Series(talib.TRANGE(high, low, close)).rolling(10).mean())
add("adx(7).adx", talib.ADX(high, low, close, 7), start=400)  # TA-Lib seeds with n - 1 bars
add("adx(7).plus_di", talib.PLUS_DI(high, low, close, 7), start=400)
add("adx(7).minus_di", talib.MINUS_DI(high, low, close, 7), start=400)
upper, middle, lower = talib.BBANDS(close, 20, 2, 2)
add("bollinger(close, 20, 2).upper", upper)
add("bollinger(close, 20, 2).middle", middle)
add("bollinger(close, 20, 2).lower", lower)
add("bollinger(close, 20, 2).width", (upper - lower) / middle)
add("bollinger(close, 20, 2).percent_b", (close - lower) / (upper - lower))
average, width = talib.EMA(close, 20), talib.ATR(high, low, close, 10)
add("keltner(close, 20, 10, 1.5).upper", average + 1.5 * width)
add("keltner(close, 20, 10, 1.5).lower", average - 1.5 * width)
add("donchian(20).upper", talib.MAX(high, 20))
add("donchian(20).middle", talib.MIDPRICE(high, low, 20))
add("donchian(20).lower", talib.MIN(low, 20))
add("obv()", talib.OBV(close, volume))
add("vwap(typical, 20)", (bars_typical * volumes).rolling(20).sum() / volumes.rolling(20).sum())


def row(name, cells):
    print(";".join([name, *cells]))


out = columns.values()
print("# Written by generate.py: TA-Lib %s, pandas %s, numpy %s, Python %s"
      % (talib.__version__, pd.__version__, np.__version__, sys.version.split()[0]))
row("columns", ["open", "high", "low", "close", "volume", *columns])
row("absolute", [""] * 5 + ["%g" % a for _, a, _, _ in out])
row("relative", [""] * 5 + ["%g" % r for _, _, r, _ in out])
row("from", [""] * 5 + [str(s) for _, _, _, s in out])
for i in range(ROWS):
    row("row", ["%r" % float(x[i]) for x in (open_, high, low, close, volume)] +
        ["" if v[i] == np.inf else "%.15g" % v[i] for v, _, _, _ in out])
