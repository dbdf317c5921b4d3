"""delta-rs, Polars, DuckDB and pyarrow read the rows that `almanac predictions query` reads.

Every column of every row is compared bit by bit, and the types; then partition pruning, time
travel by version and by time, and the history that other engines show.
"""
import csv
import datetime
import json
import os
import sys
import tempfile

import deltalake
import duckdb
import polars
import pyarrow
import pyarrow.parquet

import _readers
from _project import BUILD, DATES, STEPS, copied, published
from _readers import (READERS, commits, first_difference, instant, live_files, sorted_rows,
                      table_folder, types_of)

ALL = ("--model", "production", "--date")


def queried(project, date, scratch):
    """(rows of the Parquet output, its types, the path of the CSV output)"""
    paths = [os.path.join(scratch, f"{date}.{kind}") for kind in ("parquet", "csv")]
    for path in paths:
        project("predictions", "query", *ALL, date, "--format", path.rsplit(".", 1)[1],
                "--output", path)
    table = pyarrow.parquet.read_table(paths[0])
    return sorted_rows(table), types_of(table), paths[1]


# ---- rows and types ----

def check_rows(report, root, expected):
    for name, read in READERS.items():
        table = read(root)
        found = types_of(table)
        wrong = {column: (str(found.get(column)), str(kind))
                 for column, kind in _readers.expected_types().items() if found.get(column) != kind}
        report.check(f"{name}: types", wrong or set(found) - set(_readers.expected_types()))
        report.check(f"{name}: every column of {len(expected)} rows",
                     first_difference(expected, sorted_rows(table)))


def check_parquet_types(report, root):
    """In the files themselves: no other engine's guess lies between."""
    problems = []
    for path in live_files(root):
        schema = pyarrow.parquet.ParquetFile(path).schema
        stamp = schema.column(schema.names.index("prediction_timestamp"))
        if stamp.physical_type != "INT64" or "isAdjustedToUTC=true" not in str(stamp.logical_type):
            problems.append(f"{path}: {stamp.physical_type} {stamp.logical_type}")
        problems += [f"{path} holds the partition column {name}"
                     for name, _ in _readers.PARTITIONS if name in schema.names]
    report.check("files: timestamps are UTC, partition columns only in the path",
                 "\n".join(problems))


def check_text(report, kind, rows, expected):
    """Rows of text (CSV) or JSON values: numbers are the shortest text that reads back equal."""
    problem = f"{len(rows)} rows" if len(rows) != len(expected) else None
    for old, new in zip(expected, rows):
        for name, value in old.items():
            text = new[name]
            if name == "explanation":
                same = (json.loads(text) if isinstance(text, str) else text) == value
            elif value is None:
                same = text in ("", None)
            elif isinstance(value, float):
                same = float(text) == value
            elif isinstance(value, datetime.datetime):
                same = datetime.datetime.fromisoformat(text) == value
            else:
                same = str(text) == str(value)
            if not same and not problem:
                problem = f"{name} of {old['node']}: {text!r}, expected {value!r}"
    report.check(f"query --format {kind} equals --format parquet", problem)


def check_output(report, project, date, path, expected):
    key = ("level", "node")
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows.sort(key=lambda r: (*(r[k] for k in key), int(r["forecast_horizon"])))
    check_text(report, "csv", rows, expected)
    document = json.loads(project("predictions", "query", *ALL, date, "--format", "json"))
    rows = sorted(document["rows"], key=lambda r: (*(r[k] for k in key), r["forecast_horizon"]))
    check_text(report, "json", rows, expected)


# ---- pruning ----

def spoil_other_steps(root, step):
    """A reader that opens any other partition than it needs meets a file without Parquet in it."""
    for path in live_files(root):
        if f"/forecast_horizon={step}/" not in path:
            with open(path, "r+b") as file:
                file.write(b"\0" * os.path.getsize(path))


def check_pruning(report, project, expected, scratch, step=7):
    root = table_folder(copied(project, os.path.join(scratch, "pruned")))
    spoil_other_steps(root, step)
    wanted = [row for row in expected if row["forecast_horizon"] == step]
    field = pyarrow.dataset.field("forecast_horizon")
    partitioning = pyarrow.dataset.partitioning(pyarrow.schema(_readers.PARTITIONS), flavor="hive")
    # Without a schema pyarrow opens the first file to learn it.
    schema = pyarrow.schema(list(_readers.expected_types().items()))
    reads = {
        "delta-rs": lambda: deltalake.DeltaTable(root).to_pyarrow_table(
            filters=[("forecast_horizon", "=", step)]),
        "Polars": lambda: polars.scan_delta(root).filter(
            polars.col("forecast_horizon") == step).collect().to_arrow(),
        "pyarrow": lambda: pyarrow.dataset.dataset(
            live_files(root), schema=schema, format="parquet", partitioning=partitioning,
            partition_base_dir=root).to_table(filter=field == step)}
    for name, read in reads.items():
        try:
            problem = first_difference(wanted, sorted_rows(read()))
        except Exception as error:  # any reader's own kind of error says that it opened too much
            problem = str(error).splitlines()[0]
        report.check(f"{name}: a step is read from its own files", problem)
    # DuckDB opens the first file of a list for its schema, so its plan is asked instead.
    with duckdb.connect() as connection:
        plan = connection.execute(
            "EXPLAIN SELECT * FROM read_parquet(?, hive_partitioning = true) "
            "WHERE forecast_horizon = ?", [live_files(table_folder(project)), step]).fetchall()
    told = f"{len(DATES)}/{len(DATES) * STEPS}"
    report.check("DuckDB: a step is read from its own files",
                 None if told in str(plan) else f"no '{told}' files in the plan\n{plan[0][1]}")


# ---- versions ----

def check_travel(report, project, root, expected):
    first = [row for row in expected if row["prediction_date"].isoformat() == DATES[0]]
    for name in ("delta-rs", "Polars"):
        report.check(f"{name}: version 1 is the first run",
                     first_difference(first, sorted_rows(READERS[name](root, version=1))))
    empty = READERS["delta-rs"](root, version=0).num_rows
    report.check("delta-rs: version 0 is empty", f"{empty} rows" if empty else None)
    made = {version: action["commitInfo"]["timestamp"]
            for version, actions in commits(root) for action in actions if "commitInfo" in action}
    table = deltalake.DeltaTable(root)
    table.load_as_version(instant(made[1]))
    report.check("delta-rs: the time of the first commit is version 1",
                 None if table.version() == 1 else f"version {table.version()}")
    table.load_as_version(instant(made[2]))
    report.check("delta-rs: the time of the second commit is version 2",
                 None if table.version() == 2 else f"version {table.version()}")
    found = project.json("predictions", "query", "--model", "production", "--as-of", "1")
    report.check("query --as-of 1 is the first run", None if len(found["rows"]) == len(first) and
                 {row["prediction_date"] for row in found["rows"]} == {DATES[0]}
                 else f"{len(found['rows'])} rows, expected {len(first)}")


def check_history(report, project, root):
    table = deltalake.DeltaTable(root)
    history = {entry["version"]: entry for entry in table.history()}
    for run in project.json("predictions", "runs")["runs"]:
        entry = history[run["version"]]
        wanted = {"userMetadata": run["manifest"], "run_id": run["run_id"], "operation": "WRITE",
                  "isBlindAppend": True}
        wrong = {key: (entry.get(key), value) for key, value in wanted.items()
                 if entry.get(key) != value}
        report.check(f"delta-rs: history of version {run['version']} names the run's manifest",
                     wrong)
    manifests = {run["manifest"] for run in project.json("predictions", "runs")["runs"]}
    report.check("every run has a manifest of its own",
                 None if len(manifests) == len(DATES) else str(manifests))
    protocol = table.protocol()
    told = (protocol.min_reader_version, protocol.min_writer_version)
    report.check("protocol (1, 2), append only", None if told == (1, 2) and
                 table.metadata().configuration.get("delta.appendOnly") == "true" else str(told))


def main():
    report, project = _readers.Report(), published()
    root = table_folder(project)
    with tempfile.TemporaryDirectory(prefix="interop-", dir=BUILD) as scratch:
        expected = []
        for date in DATES:
            rows, types, path = queried(project, date, scratch)
            report.check(f"query --format parquet of {date}: types", {
                name: str(types.get(name)) for name, kind in _readers.expected_types().items()
                if types.get(name) != kind})
            check_output(report, project, date, path, rows)
            expected += rows
        report.check("rows", None if expected and len(expected) % (len(DATES) * STEPS) == 0
                     else f"{len(expected)} are not whole steps")
        check_rows(report, root, expected)
        check_parquet_types(report, root)
        check_pruning(report, project, expected, scratch)
        check_travel(report, project, root, expected)
        check_history(report, project, root)
    return report.status()


if __name__ == "__main__":
    sys.exit(main())
