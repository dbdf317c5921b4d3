#!/usr/bin/env python3
"""`make fuzz-http`: schemathesis makes requests from the document of a running service, good and
bad ones, and looks at every answer: no error of the server, no status, type or body that the
document does not tell, nobody let in with wrong credentials.

    tools/bootstrap --fuzz-tools
    [ALMANAC=build/asan-ubsan/bin/almanac] python3 tests/http/_fuzz.py [SECONDS [OPTION ...]]

Options are given on to `schemathesis run`. Exit status 0: nothing was found."""
import json
import os
import subprocess
import sys

from _service import MODEL, SOURCE, Service, check, finish, project_of_today, skip

TOOL = os.path.join(SOURCE, "third_party/fuzz-venv/bin/schemathesis")


# What is there, so that half of the time requests get behind the addresses.
VALUES = """[parameters]
"path.model" = "m"
"path.version" = "1"
"path.node" = "total"
"path.id" = "production"
"query.model_version" = "production"
"""
# A schema cannot say everything: that a node is named in one way, for one. So data that it allows
# may still be refused as wrong, unknown, too much or too early; in no other way.
ANSWERS = """[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "413", "414", "429", "431"]
"""
# What may be said to wrong data and to a missing header: besides what the tool expects, that a part
# of the request is too large (it makes long ones at times), and that a client asks too often.
REFUSALS = """[checks.negative_data_rejection]
expected-statuses = [{0}]
[checks.missing_required_header]
expected-statuses = [{0}]
""".format(", ".join(f'"{status}"' for status in (
    "400", "401", "403", "404", "405", "406", "409", "413", "414", "415", "422", "428", "429",
    "431", "5xx")))
# Told of the scheme and not as a header, so that the tool also leaves it out and spoils it.
AUTH = """[auth.openapi.api_key]
api_key = "{}"
"""


def keys():
    """A key that may do everything, from the golden ones: its text and the file of hashes."""
    with open(os.path.join(SOURCE, "tests/golden/access/api_keys.json")) as file:
        golden = json.load(file)
    record = golden["keys"][0]
    text, record["roles"], record["note"] = record["note"], ["admin"], "fuzzing"
    return text, json.dumps(golden)


def served(key, file, is_open):
    """A project with a run and a model; `is_open`: nobody is asked who he is."""
    many = {"requests_per_minute": 1000000, "failures_per_minute": 1000000}
    settings = {"listen": {"workers": 2}}
    if not is_open:
        settings["access"] = {"api_keys": {"file": "keys.json", "checks_per_minute": 100000},
                              "limits": many}
    service = Service(settings, (*(["--development"] if is_open else []), "--model", MODEL),
                      {"LOG_LEVEL": "info"})
    service.folder = project_of_today(service.folder)  # only then events can be counted
    service.write("keys.json", file)
    return service


# An unloaded model is an error of the server for all that ask it, so they are asked by themselves.
ALL_BUT_UNLOAD = ["--exclude-operation-id", "oipUnload"]
LOADS = [word for operation in ("oipLoad", "oipUnload", "oipIndex")
         for word in ("--include-operation-id", operation)]


def fuzz(service, seconds, is_open, settings, options):
    service.write("schemathesis.toml", settings)
    result = subprocess.run(
        [TOOL, "run", f"http://127.0.0.1:{service.port}/openapi.json",
         "--max-time", str(seconds), "--checks", "all",
         # Who asks nobody lets everybody in.
         *(["--exclude-checks", "ignored_auth"] if is_open else []),
         "--continue-on-failure", "--no-color"] + options, cwd=service.folder)
    check(result.returncode == 0, "schemathesis found something, see above")


def main():
    seconds, options = int(sys.argv[1] if len(sys.argv) > 1 else "300"), sys.argv[2:]
    if not os.path.exists(TOOL):
        skip("tools/bootstrap --fuzz-tools makes what is needed")
    key, file = keys()
    # With and without values that lead somewhere, and where nobody is asked.
    for is_open, values, operations in ((False, VALUES, ALL_BUT_UNLOAD),
                                        (False, "", ALL_BUT_UNLOAD),
                                        (True, VALUES, ALL_BUT_UNLOAD), (False, VALUES, LOADS)):
        with served(key, file, is_open) as service:
            fuzz(service, seconds // (10 if operations is LOADS else 3), is_open,
                 values + ANSWERS + REFUSALS + ("" if is_open else AUTH.format(key)),
                 operations + options)
            errors = [line for line in service.lines() if line["level"] == "error"]
            check(not errors, "errors of the server:", errors[:5])
            check(key not in service.text, "the key is in the log")
    finish()


main()
