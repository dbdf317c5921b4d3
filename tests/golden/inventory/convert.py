"""Inventory policies and simulations of stockpyl in a form that a C test reads in a few lines.

    python3 convert.py FOLDER

FOLDER has inventory_golden_a.csv, sim_example_6_1.csv, sim_disruption_example_6_1_OP.csv and
sim_disruption_example_6_1_SP.csv. Writes policies.txt (one case a line: model, name, tolerance,
parameters and answers as name=value) and serial*.csv (per period: customer demand, then of each
of the three stages whether it is disrupted, its order, what it ships, inventory level, backorders,
holding cost).
"""
import csv
import json
import os
import sys

MODELS = {
    "eoq", "eoq_cost_at_Q", "eoq_backorders",
    "newsvendor_normal", "newsvendor_normal_cost_at_S", "base_stock_normal_leadtime",
    "newsvendor_poisson", "newsvendor_poisson_cost_at_S", "newsvendor_lognormal_cost_at_S",
    "newsvendor_discrete_cost_at_S", "s_S_poisson_exact", "s_S_poisson_cost_at",
    "r_Q_cost_at", "r_Q_optimal_r_for_Q", "r_Q_poisson_exact", "r_Q_poisson_cost_at"}
STAGES = ("DISR", "OQ", "OS", "IL", "BO", "HC")


def words(values, prefix):
    for key, value in values.items():
        if isinstance(value, dict):
            value = ",".join(f"{k}:{v}" for k, v in value.items())
        yield f"{prefix}{key}={value}"


def policies(folder):
    with open(os.path.join(folder, "inventory_golden_a.csv"), newline="") as f, \
            open("policies.txt", "w") as out:
        for row in csv.DictReader(f):
            if row["model"] in MODELS:
                line = [row["model"], row["case_id"], "tolerance=" + row["tolerance"],
                        *words(json.loads(row["params_json"]), ""),
                        *words(json.loads(row["expected_json"]), "is_")]
                out.write(" ".join(line) + "\n")


def stage_columns(head):
    """Positions of STAGES per stage: the columns behind i=1, i=2, i=3."""
    starts = [i for i, name in enumerate(head) if name.startswith("i=")] + [len(head)]
    for first, end in zip(starts, starts[1:]):
        names = [name.split(":")[0] for name in head[first:end]]
        yield [first + names.index(name) for name in STAGES]


def simulation(folder, source, target):
    with open(os.path.join(folder, source), newline="") as f, open(target, "w") as out:
        rows = csv.reader(f)
        head = next(rows)
        demand = next(i for i, name in enumerate(head) if name.startswith("IO:EXT"))
        stages = [column for stage in stage_columns(head) for column in stage]
        out.write("t,demand," + ",".join(f"{name}{stage}" for stage in (1, 2, 3)
                                         for name in STAGES) + "\n")
        for row in rows:
            if row[0] == "...":
                break  # some periods only: what follows does not follow from what is there
            cells = [row[c].replace("True", "1").replace("False", "0") for c in stages]
            out.write(",".join([row[0], row[demand], *cells]) + "\n")


policies(sys.argv[1])
simulation(sys.argv[1], "sim_example_6_1.csv", "serial.csv")
simulation(sys.argv[1], "sim_disruption_example_6_1_OP.csv", "serial_orders_paused.csv")
simulation(sys.argv[1], "sim_disruption_example_6_1_SP.csv", "serial_shipments_paused.csv")
