"""A signal as pandas, LightGBM and plain NumPy compute it: raw bars, and what the system answers.

    python3 generate.py        (pandas 2.3.3, LightGBM 4.7.0, NumPy 2.4.6; writes here)

Features are made with pandas, a boosted model is trained on them, a small LSTM of random weights
over six bars is computed in double, step by step, and both vote. bars.csv holds the bars of two
symbols in turn, with columns in another order and one more, and two closes that are missing.
expected.csv has, per bar: class, its probabilities, then those of both members; an answer is
missing where a value of the net's window is.
"""
import json
import os
import struct

import lightgbm
import numpy as np
import pandas as pd

HERE = os.path.dirname(os.path.abspath(__file__))
LABELS = [-1, 0, 1]
DECLARATIONS = ["return(close, 1)", "zscore(close, 10)", "volatility(close, 10)",
                "momentum(close, 3)", "rsi(close, 7)"]
LIGHT = ["rsi_close_7", "return_close_1", "momentum_close_3", "volatility_close_10"]
NET = ["zscore_close_10", "return_close_1", "rsi_close_7"]
STEPS, UNITS, BARS = 6, 4, 150
draw = np.random.default_rng(5)


def make_bars(name, price, holes=()):
    close = price * np.exp(np.cumsum(0.01 * draw.normal(size=BARS)))
    close = close.round(2)
    opened = np.concatenate([[price], close[:-1]])
    high = np.maximum(opened, close) + draw.random(BARS).round(2)
    low = np.minimum(opened, close) - draw.random(BARS).round(2)
    close[list(holes)] = np.nan
    time = pd.date_range("2024-03-01 09:30", periods=BARS, freq="5min")
    return pd.DataFrame({"time": time, "volume": draw.integers(0, 9000, BARS), "symbol": name,
                         "close": close, "open": opened, "low": low.round(2),
                         "high": high.round(2), "note": "n"})


def rsi(close, n):
    """Wilder's, over the bars that have a change; the others are passed over."""
    out, gains, losses, gain, loss = [np.nan], [], [], None, None
    for before, now in zip(close[:-1], close[1:]):
        change = now - before
        if np.isnan(change):
            out.append(np.nan)
            continue
        up, down = max(change, 0.0), max(-change, 0.0)
        if gain is None:
            gains.append(up)
            losses.append(down)
            if len(gains) == n:
                gain, loss = np.mean(gains), np.mean(losses)
        else:
            gain, loss = (gain * (n - 1) + up) / n, (loss * (n - 1) + down) / n
        out.append(np.nan if gain is None else 100 * gain / (gain + loss))
    return np.array(out)


def features(bars):
    close = bars["close"]
    step = np.log(close / close.shift(1, fill_value=np.nan))
    window = close.rolling(10, min_periods=10)
    return pd.DataFrame({
        "return_close_1": close / close.shift(1) - 1,
        "zscore_close_10": (close - window.mean()) / window.std(),
        "volatility_close_10": step.rolling(10, min_periods=10).std(),
        "momentum_close_3": close - close.shift(3),
        "rsi_close_7": rsi(close.to_numpy(), 7)})


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def lstm(w, window):
    """PyTorch's nn.LSTM and a Linear head, in double; gates i f g o."""
    h, c = np.zeros(UNITS), np.zeros(UNITS)
    for x in window:
        i, f, g, o = np.split(w["lstm.weight_ih_l0"] @ x + w["lstm.bias_ih_l0"] +
                              w["lstm.weight_hh_l0"] @ h + w["lstm.bias_hh_l0"], 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    return softmax(w["head.weight"] @ h + w["head.bias"])


def make_weights():
    shapes = {"lstm.weight_ih_l0": (4 * UNITS, len(NET)), "lstm.weight_hh_l0": (4 * UNITS, UNITS),
              "lstm.bias_ih_l0": (4 * UNITS,), "lstm.bias_hh_l0": (4 * UNITS,),
              "head.weight": (3, UNITS), "head.bias": (3,)}
    return {name: draw.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def write_safetensors(name, tensors):
    header, at = {}, 0
    for key, value in tensors.items():
        header[key] = {"dtype": "F32", "shape": list(value.shape),
                       "data_offsets": [at, at + value.nbytes]}
        at += value.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(HERE, name), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for value in tensors.values():
            file.write(value.tobytes())


def write(name, value):
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as file:
        file.write(json.dumps(value, separators=(",", ":"), sort_keys=True))


def net_answers(rows, scaler, weights):
    x = (rows[NET].to_numpy() - scaler["center"]) / scaler["scale"]
    out = np.full((len(x), 3), np.nan)
    for i in range(STEPS - 1, len(x)):
        window = x[i + 1 - STEPS:i + 1].astype(np.float32).astype(np.float64)
        if np.isfinite(window).all():
            out[i] = lstm(weights, window)
    return out


def main():
    train = make_bars("T", 80.0)
    rows = features(train)
    ahead = (train["close"].shift(-3) / train["close"] - 1).to_numpy()
    known = ~np.isnan(ahead)
    model = lightgbm.train(
        {"objective": "multiclass", "num_class": 3, "num_leaves": 6, "verbose": -1,
         "min_data_in_leaf": 5, "num_threads": 1, "deterministic": True, "force_col_wise": True},
        lightgbm.Dataset(rows[LIGHT][known].to_numpy(), np.digitize(ahead[known], [-0.006, 0.006]),
                         feature_name=LIGHT), 5)
    scaler = {"center": rows[NET].median().tolist(),
              "scale": (rows[NET].quantile(0.75) - rows[NET].quantile(0.25)).tolist()}
    weights = make_weights()
    exact = {name: value.astype(np.float64) for name, value in weights.items()}
    model.save_model(os.path.join(HERE, "light.txt"))
    write_safetensors("lstm.safetensors", weights)
    write("lstm.json", {"format": "almanac network", "version": 1,
                        "layers": [{"kind": "lstm", "name": "lstm", "layers": 1}],
                        "head": {"name": "head", "outputs": "classes"}})
    write("scaler.json", scaler)
    write("plan.json", {"bars_format": 1, "session_open_minutes": 0,
                        "declarations": [{"revision": 1, "text": t} for t in DECLARATIONS]})
    write("scorer.json", {
        "almanac_scorer": 1, "task": "classes", "labels": LABELS, "bars": "plan.json",
        "horizons": [{"name": "3", "combination": {"kind": "soft_vote", "weights": [2, 1]},
                      "members": [{"name": "light", "model": "light.txt"},
                                  {"name": "lstm", "model": "lstm.safetensors",
                                   "description": "lstm.json", "steps": STEPS, "columns": NET,
                                   "scaler": "scaler.json"}]}]})
    tables = []
    for bars in (make_bars("AAA", 120.0), make_bars("B,B", 40.0, (60, 90))):
        rows = features(bars)
        light = model.predict(rows[LIGHT].to_numpy())
        net = net_answers(rows, scaler, exact)
        p = (2 * light + net) / 3
        label = np.where(np.isnan(p[:, 0]), np.nan, np.array(LABELS)[p.argmax(1)])
        tables.append((bars, np.column_stack([label, p, light, net])))
    both = pd.concat([bars for bars, _ in tables], keys=range(2)).swaplevel().sort_index()
    both.to_csv(os.path.join(HERE, "bars.csv"), index=False)
    expected = np.stack([table for _, table in tables], axis=1).reshape(-1, 10)
    with open(os.path.join(HERE, "expected.csv"), "w", encoding="utf-8") as file:
        names = [f"member_{m}_p_{k}" for m in ("light", "lstm") for k in LABELS]
        file.write(",".join(["class", *(f"p_{k}" for k in LABELS), *names]) + "\n")
        for row in expected:
            file.write(",".join("" if np.isnan(v) else repr(float(v)) for v in row) + "\n")


main()
