"""The prediction store as other engines see it, each as one Arrow table.

Readers of the log (delta-rs, Polars) get the table's folder; readers of Parquet (DuckDB, pyarrow)
get the live files, which `live_files` takes from the log by itself. DuckDB's delta extension is
not used: no wheel of it exists for the pinned DuckDB.
"""
import datetime
import glob
import json
import os
import struct
import sys

import deltalake
import duckdb
import polars
import pyarrow
import pyarrow.dataset
import pyarrow.parquet

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../determinism"))
sys.dont_write_bytecode = True
import _project  # noqa: E402

PARTITIONS = (("prediction_date", pyarrow.date32()), ("model_version", pyarrow.string()),
              ("forecast_horizon", pyarrow.int32()))
KEYS = ("sku", "market")
QUANTILES = ("q05", "q10", "q25", "q50", "q75", "q90", "q95", "q99")
EXPLANATION = pyarrow.list_(pyarrow.struct([("feature", pyarrow.string()),
                                            ("contribution", pyarrow.float64())]))


def expected_types():
    """Name and Arrow type of every column, as src/batch/prediction_schema.h declares them."""
    text, number = pyarrow.string(), pyarrow.float64()
    types = {name: text for name in ("run_id", "schedule", "node", "level", *KEYS)}
    types |= {"target_date": pyarrow.date32(),
              "prediction_timestamp": pyarrow.timestamp("us", tz="UTC")}
    types |= {name: number for name in ("mean", *QUANTILES, "base_mean")}
    types |= {"method": text}
    types |= {name: number for name in ("stockout_probability", "expected_days_to_stockout",
                                        "expected_shortfall")}
    types |= {"explanation": EXPLANATION}
    types |= {name: text for name in ("fallback", "feature_version", "training_run_id",
                                      "snapshot_id", "release_hash")}
    return types | dict(PARTITIONS)


def table_folder(project):
    return project.path(".almanac/predictions")


def commits(root):
    """The actions of each version, oldest first."""
    for path in sorted(glob.glob(os.path.join(root, "_delta_log", "*.json"))):
        with open(path, encoding="utf-8") as file:
            yield int(os.path.basename(path)[:-5]), [json.loads(line) for line in file]


def live_files(root, version=None):
    live = []
    for number, actions in commits(root):
        for action in actions:
            assert "remove" not in action, f"version {number} removes a file"
            if "add" in action and (version is None or number <= version):
                live.append(action["add"]["path"])
    return [os.path.join(root, path) for path in live]


# ---- readers: (root, version or None) -> table ----

def read_delta_rs(root, version=None):
    return deltalake.DeltaTable(root, version=version).to_pyarrow_table()


def read_polars(root, version=None):
    return polars.scan_delta(root, version=version).collect().to_arrow()


def read_duckdb(root, version=None):
    files = live_files(root, version)
    with duckdb.connect() as connection:
        return connection.execute(
            "SELECT * FROM read_parquet(?, hive_partitioning = true, hive_types = "
            "{'prediction_date': DATE, 'model_version': VARCHAR, 'forecast_horizon': INTEGER})",
            [files]).to_arrow_table()


def read_pyarrow(root, version=None):
    partitioning = pyarrow.dataset.partitioning(pyarrow.schema(PARTITIONS), flavor="hive")
    return pyarrow.dataset.dataset(live_files(root, version), format="parquet",
                                   partitioning=partitioning,
                                   partition_base_dir=root).to_table()


READERS = {"delta-rs": read_delta_rs, "Polars": read_polars, "DuckDB": read_duckdb,
           "pyarrow": read_pyarrow}


# ---- comparing ----

def plain_type(kind):
    """Engines may use 64-bit offsets or views; the content is what counts."""
    if pyarrow.types.is_large_string(kind) or kind == pyarrow.string_view():
        return pyarrow.string()
    if pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind):
        return pyarrow.list_(plain_type(kind.value_type))
    if pyarrow.types.is_struct(kind):
        return pyarrow.struct([(field.name, plain_type(field.type)) for field in kind])
    if pyarrow.types.is_timestamp(kind) and kind.tz in ("UTC", "Etc/UTC", "+00:00"):
        return pyarrow.timestamp(kind.unit, tz="UTC")
    return kind


def types_of(table):
    return {field.name: plain_type(field.type) for field in table.schema}


def bits(value):
    """Doubles by their bits: -0.0 and 0.0 differ, and nothing is rounded."""
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, list):
        return tuple(bits(item) for item in value)
    if isinstance(value, dict):
        return tuple(bits(value[key]) for key in ("feature", "contribution"))
    return value


def sorted_rows(table):
    rows = table.to_pylist()
    rows.sort(key=lambda r: (r["prediction_date"], r["level"], r["node"], r["forecast_horizon"]))
    return rows


def first_difference(expected, found):
    """None, or what differs first between two lists of rows."""
    if len(expected) != len(found):
        return f"{len(found)} rows, expected {len(expected)}"
    for old, new in zip(expected, found):
        for name in old:
            if name not in new:
                return f"no column {name}"
            if bits(old[name]) != bits(new[name]) or type(old[name]) is not type(new[name]):
                return (f"{name} of {old['node']}, step {old['forecast_horizon']}: "
                        f"{new[name]!r}, expected {old[name]!r}")
        if len(old) != len(new):
            return f"columns {sorted(set(new) - set(old))} are too many"
    return None


def instant(milliseconds):
    return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.timezone.utc)


class Report:
    """Collects what failed; `ok` is the exit status."""

    def __init__(self):
        self.failures = 0

    def check(self, what, problem):
        """`problem` is None or empty, or text that says what is wrong."""
        self.failures += bool(problem)
        print(f"FAIL {what}: {problem}" if problem else f"ok   {what}", flush=True)

    def status(self):
        return 1 if self.failures else 0
