#!/usr/bin/env python3
"""Compares `almanac predict --raw` with LightGBM or XGBoost, bit by bit, on many hostile rows.

    venv/bin/python tests/golden/forest/compare_models.py lightgbm|xgboost [--rows N] [--only WORD]

with the packages of generate_lightgbm.py or of generate_xgboost_versions.py (whatever version of
theirs is installed); default 100000 rows for each of their cases, --only those whose name has the
word. ALMANAC names the command. Exit status 1 when a score differs.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
ALMANAC = os.environ.get("ALMANAC", os.path.join(ROOT, "build/release/bin/almanac"))


def answers(path, rows, folder):
    csv = os.path.join(folder, "rows.csv")
    with open(csv, "w") as file:
        file.write(",".join(f"c{j}" for j in range(rows.shape[1])) + "\n")
        for row in rows.tolist():
            file.write(",".join("" if v != v else repr(v) for v in row) + "\n")
    out = subprocess.run([ALMANAC, "predict", "--model", path, csv, "--raw"], check=True,
                         capture_output=True, text=True).stdout
    lines = out.splitlines()[1:]
    return np.array([[float(v or "nan") for v in line.split(",")] for line in lines])


def lightgbm_cases(count, only):
    import generate_lightgbm as made  # pylint: disable=import-outside-toplevel
    for name, params, label, categorical in made.CASES:
        if only not in name:
            continue
        try:
            booster = made.fit(params, label, categorical, 30)
        except made.lgb.basic.LightGBMError as error:
            print(f"{name:24} not in this version: {str(error)[:60]}")
            continue
        text = booster.model_to_string()
        rows = made.hostile_rows(text, categorical, count)
        judge = made.lgb.Booster(model_str=text)
        yield name, text.encode(), rows, judge.predict(rows, raw_score=True)


def xgboost_cases(count, only):
    import generate_xgboost_versions as made  # pylint: disable=import-outside-toplevel
    for name, params, label, categorical, rounds in made.cases():
        if only not in name:
            continue
        booster = made.fit(params, label, categorical, 10 * rounds)
        rows = made.hostile_rows(count, categorical)
        margins = booster.predict(made.matrix(rows, categorical), output_margin=True)
        for kind in made.kinds(name):
            yield f"{name} {kind}", made.raw_of(booster, kind), rows, margins


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library", choices=("lightgbm", "xgboost"))
    parser.add_argument("--rows", type=int, default=100000)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    cases = {"lightgbm": lightgbm_cases, "xgboost": xgboost_cases}[options.library]
    different = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, raw, rows, expected in cases(options.rows, options.only):
            path = os.path.join(folder, "model")
            with open(path, "wb") as file:
                file.write(raw)
            ours = answers(path, rows, folder)
            theirs = np.asarray(expected, dtype=float).reshape(ours.shape)
            nan = np.isnan(ours) & np.isnan(theirs)
            wrong = int((~nan & (ours.view("u8") != theirs.view("u8"))).any(axis=1).sum())
            different += wrong
            print(f"{name:24} {len(rows)} rows: {wrong} differ", flush=True)
    print(f"{different} rows differ")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
