"""Another engine at the prediction store: deletions are refused, an append is noticed.

The table is append-only, which every Delta writer must keep to. Nothing stops a foreign append;
`almanac predictions verify` names it, and no query of ours ever shows its rows.
"""
import os
import sys
import tempfile

import deltalake
import deltalake.exceptions
import pyarrow

import _readers
from _project import BUILD, DATES, copied, published
from _readers import first_difference, read_delta_rs, sorted_rows, table_folder


def refused(action):
    """None when `action` is refused because the table only grows, else what happened instead."""
    try:
        action()
    except deltalake.exceptions.DeltaError as error:
        text = str(error).lower()
        return None if "append" in text else f"refused for another reason: {error}"
    return "it was done"


def one_row(root):
    """A row that would fit: only its node is new."""
    table = read_delta_rs(root).slice(0, 1)
    at = table.schema.get_field_index("node")
    return table.set_column(at, "node", pyarrow.array(["foreign"], pyarrow.string()))


def check_refusals(report, project, root):
    before = sorted_rows(read_delta_rs(root))
    table = deltalake.DeltaTable(root)
    actions = {
        "DELETE of some rows": lambda: table.delete("node = 'total'"),
        "DELETE of everything": table.delete,
        "UPDATE": lambda: table.update(updates={"mean": "0.0"}),
        "overwrite": lambda: deltalake.write_deltalake(root, one_row(root), mode="overwrite")}
    for what, action in actions.items():
        report.check(f"delta-rs: {what} is refused", refused(action))
    now = deltalake.DeltaTable(root)
    report.check("no version was made", None if now.version() == len(DATES)
                 else f"version {now.version()}")
    report.check("nothing changed", first_difference(before, sorted_rows(read_delta_rs(root))))
    done = project.call("predictions", "verify")
    report.check("predictions verify passes",
                 done.stdout + done.stderr if done.returncode else None)


def check_append(report, project, root):
    ours = project("predictions", "query", "--model", "production", "--date", DATES[1],
                   "--format", "csv")
    count = read_delta_rs(root).num_rows
    deltalake.write_deltalake(root, one_row(root), mode="append")
    report.check("delta-rs: an append arrives", None if read_delta_rs(root).num_rows == count + 1
                 else f"{read_delta_rs(root).num_rows} rows, expected {count + 1}")
    done = project.call("predictions", "verify")
    told = done.stdout + done.stderr
    report.check("predictions verify fails", None if done.returncode > 0 else told)
    lines = [line for line in done.stdout.splitlines() if "foreign commits" in line]
    report.check("and names the foreign commit",
                 None if len(lines) == 1 and not lines[0].startswith("ok") and
                 str(len(DATES) + 1) in told else told)
    again = project.call("predictions", "query", "--model", "production", "--date", DATES[1],
                         "--format", "csv")
    report.check("our query shows none of its rows", None if again.stdout == ours else
                 f"status {again.returncode}, {len(again.stdout)} bytes, expected {len(ours)}\n"
                 f"{again.stderr}")


def main():
    report = _readers.Report()
    with tempfile.TemporaryDirectory(prefix="foreign-", dir=BUILD) as scratch:
        project = copied(published(), os.path.join(scratch, "project"))
        root = table_folder(project)
        check_refusals(report, project, root)
        check_append(report, project, root)
    return report.status()


if __name__ == "__main__":
    sys.exit(main())
