#!/usr/bin/env python3
"""The measurements of bench/serve_clients.py and bench/serve_rollback.py in a few seconds: they
run, nothing is refused, and what they print has its names. No time decides anything."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http"))
import _tokens
from _service import ALMANAC, SOURCE, check, finish, skip

BIN = os.path.dirname(ALMANAC)


def results(script, **env):
    with tempfile.TemporaryDirectory(prefix="almanac-bench-") as folder:
        done = subprocess.run([sys.executable, os.path.join(SOURCE, "bench", script), BIN, folder],
                              capture_output=True, text=True, env={**os.environ, **env})
    check(done.returncode == 0, script, done.stdout, done.stderr)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    check(all(set(line) == {"name", "value", "unit"} for line in lines), lines)
    return {line["name"]: line["value"] for line in lines}


if not _tokens.is_there():
    skip("no openssl command")
if not os.path.exists(os.path.join(BIN, "serve_load_bench")):
    skip("serve_load_bench is not built")
told = results("serve_clients.py", BENCH_CLIENTS_SECONDS="6", BENCH_CLIENTS_PATIENT="yes")
check(told.get("clients_errors") == 0 and told["clients_requests"] > 0, told)
check(0 < told["demand_10000_p95_ms"] <= told["demand_10000_p99_ms"], told)
told = results("serve_rollback.py", BENCH_ROLLBACKS="3")
check({"rollback_ms", "rollback_p90_ms", "rollback_from_ack_ms", "promotion_ms"} <= set(told), told)
finish()
