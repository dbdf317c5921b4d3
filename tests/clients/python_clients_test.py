#!/usr/bin/env python3
"""The examples that need Python packages: requests, tritonclient, MLflow, a generated client."""
import ast
import json
import os
import threading
import time

from _clients import EXAMPLES, VENV, Served, check, columns, finish, skip

LIMITED = """
import os, time, demand
almanac = demand.Almanac(os.environ["ALMANAC_URL"], os.environ["ALMANAC_TOKEN"])
start = time.monotonic()
for _ in range(5):
    almanac.demand("sku_1", horizon=1)
print(time.monotonic() - start)
"""
LOST = """
import os, sys, demand
almanac = demand.Almanac(os.environ["ALMANAC_URL"], os.environ["ALMANAC_TOKEN"], attempts=9)
almanac.demand("sku_1", horizon=1)
print("first", flush=True)
while not os.path.exists("stopped"):
    pass
print(almanac.demand("sku_1", horizon=1)["served_by"])
"""


def asked(service, path, body):
    return service.post(path, body, {"X-API-Key": service.key}).json()


def product_api(service):
    told = service.example("demand.py", "sku_1", "total").splitlines()
    value = asked(service, "/api/v1/predictions/demand", {"node": "sku_1"})["predictions"][0]
    check(told[0] == "releases: demand-1", told)
    check(told[1] == "sku_1: demand-1, by batch" and told[2].split()[1] == f"{value['value']:.2f}",
          told, value)
    check(told[5].startswith("  order ") and told[6].startswith("total:"), told)
    check(told[-1].startswith("refused: 400") and told[-1].endswith("at /interval"), told[-1])


def waits_as_told():
    """Three at once, then one a second: the client waits, and nothing is refused to its user."""
    with Served({"requests_per_minute": 60, "burst": 3}) as service:
        told = service.run([os.path.join(VENV, "python"), "-c", LIMITED],
                           {"PYTHONPATH": EXAMPLES})
        check(told and float(told) > 0.9, "it waited", told)
        check(any(line.get("status") == 429 for line in service.lines()), "it was refused before")


def outlives_a_restart(service):
    told = []
    client = threading.Thread(target=lambda: told.append(service.run(
        [os.path.join(VENV, "python"), "-c", LOST], {"PYTHONPATH": EXAMPLES})))
    client.start()
    time.sleep(2)  # it has its first answer, or gets it after the restart
    port = service.port
    service.stop()
    service.write("stopped", "")
    service.text = ""
    time.sleep(0.3)
    service.start(str(port))
    client.join()
    check(told and told[0].splitlines() == ["first", "batch"], told)


def triton(service):
    told = service.example("triton.py", "m").splitlines()
    rows = [[0.0] * 5 for _ in range(4)]
    rows[1][0] = None
    reply = asked(service, "/v2/models/m/infer", {"inputs": [{
        "name": "input", "shape": [4, 5], "datatype": "FP64", "data": rows}]})
    for output in reply["outputs"]:
        line = next(line for line in told if line.startswith(output["name"] + " "))
        flat = ast.literal_eval(line.partition(" ")[2])
        flat = [v for row in flat for v in row] if isinstance(flat[0], list) else flat
        check(flat == output["data"], "binary and text are the same numbers", line, output)
    check("answered by version 1 to request example-1" in told, told)
    check(told[-1].startswith("refused: [400]"), told[-1])


def mlflow(service):
    rows = [[0.5] * 5, [None] + [1.0] * 4]
    expected = asked(service, "/invocations", {"dataframe_split": {
        "columns": columns(), "data": rows}})["predictions"]
    told = service.example("mlflow_scoring.py", ",".join(columns())).splitlines()
    check(told[0].startswith("served by almanac "), told)
    for row, line in zip(expected, told[-2:]):
        check([f"{v:.5f}" for v in row] == [f"{float(v):.5f}" for v in line.split()], row, line)


def generated(service):
    folder = os.path.join(service.folder, "generated")
    os.mkdir(folder)
    told = service.example("generate.sh", folder)
    check("WARNING" not in told, "every operation of the document is generated", told[:3000])
    told = service.example("generated.py", "sku_1", env={"PYTHONPATH": folder}).splitlines()
    value = asked(service, "/api/v1/predictions/demand", {"node": "sku_1"})["predictions"][0]
    check(told[0] == "releases: demand-1", told)
    check(told[1] == f"2024-02-01 {value['value']} by batch of demand-1", told, value)
    check(told[3].startswith("order ") and told[4].startswith("refused: 404"), told)
    count = sum(name.endswith(".py") and name != "__init__.py"
                for _, _, names in os.walk(os.path.join(folder, "almanac_client/api"))
                for name in names)
    paths = json.loads(service.get("/openapi.json").body)["paths"]
    operations = sum(len(item) for item in paths.values())
    check(count == operations, "a function for each operation", count, operations)


def without_access():
    """MLflow's own client, which knows no credentials, where none are asked for."""
    with Served() as service:
        service.stop()
        service.text = ""
        service.options.append("--development")
        service.start()
        told = service.example("mlflow_scoring.py", ",".join(columns()),
                               env={"ALMANAC_TOKEN": ""})
        check(len(told.splitlines()) >= 3, told)


if not os.path.exists(os.path.join(VENV, "python")):
    skip("tools/bootstrap --client-tools makes third_party/client-venv")
with Served() as running:
    product_api(running)
    triton(running)
    mlflow(running)
    generated(running)
    outlives_a_restart(running)
waits_as_told()
without_access()
finish()
