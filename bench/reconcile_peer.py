"""Our reconciliation beside hierarchicalforecast, up to the size where that stops.

    reconcile_peer.py PROGRAM          one JSON object {"name","value","unit"} per line
    reconcile_peer.py --peer METHOD {tree|crossed} {free|bounded} LEAVES {dense|sparse}

PROGRAM is reconcile_bench. Both make the same forecasts of 28 steps and 50 past errors per node
(reconcile_bench.c, make_problem): leaves in tens in hundreds, or crossed. Processor time of one
thread, from weights to coherent values, without the tables around: hierarchicalforecast is called
with its matrices. Each measurement is a process of its own, with LIMIT_SECONDS and LIMIT_BYTES; the
first size at which the peer exceeds one of them is where it stops, and it is not asked for more.
Ours goes on to a million leaves. Results must be the same: `_distance` compares the total and the
last leaf (it rounds small coefficients, adds 2e-8 to variances, and its bounded programs end at a
tolerance).

bench/run can call `measure(program)`, or this as a program; BENCH_FULL=1 gives ten times the time.
"""
import json
import os
import resource
import subprocess
import sys
import time

LIMIT_SECONDS = 200 if os.environ.get("BENCH_FULL") == "1" else 20
LIMIT_BYTES = 8 << 30
SECONDS_MIN = 0.2
STEPS, PERIODS = 28, 50
SIZES = (100, 1000, 10000, 100000, 1000000)
# (method, hierarchy, bound, peer's matrices)
CASES = (("wls_structural", "tree", "free", "dense"),
         ("wls_structural", "tree", "free", "sparse"),
         ("wls_structural", "crossed", "free", "sparse"),
         ("wls_variance", "tree", "free", "dense"),
         ("mint_shrink", "tree", "free", "dense"),
         ("mint_shrink", "crossed", "free", "dense"),
         ("mint_shrink", "crossed", "bounded", "dense"),
         ("wls_structural", "tree", "bounded", "dense"),
         ("wls_structural", "tree", "bounded", "sparse"),
         ("wls_structural", "crossed", "bounded", "sparse"))
# Its sparse wls_var takes variances about the mean and is another method than its dense one.
NAMES = {"ols": "ols", "wls_structural": "wls_struct", "wls_variance": "wls_var",
         "mint_shrink": "mint_shrink"}


# ---- the peer, in a process of its own -----------------------------------------------------------

def problem(leaves, is_tree):
    """S (sparse), forecasts, errors: the numbers of reconcile_bench."""
    import numpy as np
    from scipy import sparse
    i = np.arange(leaves)
    counts = (1, (leaves + 99) // 100 if is_tree else 10, (leaves + 9) // 10)
    rows = np.concatenate([np.zeros(leaves, int), 1 + (i // 100 if is_tree else i % 10),
                           1 + counts[1] + i // 10, sum(counts) + i])
    s = sparse.csr_matrix((np.ones(4 * leaves), (rows, np.tile(i, 4))))
    nodes = sum(counts)
    size = np.asarray(s.sum(axis=1)).ravel()
    a = np.arange(nodes + leaves)[:, None]

    def number(j):
        return ((a * 7919 + j * 104729 + a * j % 1009 * 31) % 1024) / 1024

    part = number(np.arange(STEPS)[None, :])
    hat = np.where(a < nodes, size[:, None] * (part / 32 + 0.0625), np.maximum(part - 0.5, 0))
    t = np.arange(PERIODS)[None, :]
    common = ((200 + t) * 104729 % 1024) / 1024
    errors = (number(100 + t) - 0.5 + common) * (1 + a % 5)
    return s, hat, errors


def peer(method, kind, bound, leaves, matrices):
    import warnings
    import numpy as np
    from hierarchicalforecast.methods import MinTrace, MinTraceSparse
    warnings.filterwarnings("ignore")
    s, hat, errors = problem(leaves, kind == "tree")
    actual = np.zeros_like(errors)
    maker = MinTraceSparse if matrices == "sparse" else MinTrace
    matrix = s if matrices == "sparse" else s.toarray()
    seconds, rounds = 0, 0
    while seconds < SECONDS_MIN:  # the first call does what is done once; small ones come again
        start = time.process_time()
        values = maker(NAMES[method], nonnegative=bound == "bounded").fit_predict(
            S=matrix, y_hat=hat, y_insample=actual, y_hat_insample=-errors)["mean"]
        seconds += time.process_time() - start
        rounds += 1
    seconds /= rounds
    for name, value, unit in (("seconds", seconds, "s"),
                              ("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                               "MiB"),
                              ("total", float(values[0, 0]), "units"),
                              ("last", float(values[-1, -1]), "units")):
        print(json.dumps({"name": name, "value": value, "unit": unit}))


# ---- side by side --------------------------------------------------------------------------------

def limited():
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_SECONDS, LIMIT_SECONDS))


def ask(command):
    """{name: value}, or why there is none."""
    threads = {key: "1" for key in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    done = subprocess.run(command, env={**os.environ, **threads}, preexec_fn=limited,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode == 0:
        return {line["name"]: line["value"] for line in map(json.loads, done.stdout.splitlines())}
    last = done.stderr.strip().splitlines()[-1:] or ["signal %d" % -done.returncode]
    return "time" if done.returncode < 0 else last[0]


def compare(program, case):
    figures = {}
    method, kind, bound, matrices = case
    goes_on = True
    for leaves in SIZES:
        own = ask([program, "method", method, kind, bound, str(leaves)])
        if isinstance(own, str):
            print("reconcile_peer: ours stops at %d leaves: %s" % (leaves, own), file=sys.stderr)
            break
        name = "reconcile_%s_%s_%s_%d" % (method, kind, bound, leaves)
        figures[name] = (own["seconds"], "s")
        theirs = ask([sys.executable, __file__, "--peer", method, kind, bound, str(leaves),
                      matrices]) if goes_on else None
        if isinstance(theirs, str):
            figures["hierarchicalforecast_%s_stops_at_%s_%s_%s" % (matrices, method, kind, bound)] \
                = (leaves, "leaves")
            print("reconcile_peer: %s, %s: hierarchicalforecast stops at %d leaves: %s" %
                  (name, matrices, leaves, theirs), file=sys.stderr)
            goes_on = False
        elif theirs:
            figures["hierarchicalforecast_%s_%s" % (matrices, name)] = (theirs["seconds"], "s")
            figures["hierarchicalforecast_%s_%s_speedup" % (matrices, name)] = (
                theirs["seconds"] / own["seconds"], "x")
            distance = max(abs(theirs[k] - own[k]) / max(abs(own[k]), 1)
                           for k in ("total", "last"))
            figures["hierarchicalforecast_%s_%s_distance" % (matrices, name)] = (distance,
                                                                                 "relative")
    yield from figures.items()


def measure(program):
    """(name, (value, unit)) as they come: means in memory, then each case."""
    done = subprocess.run([program, "means"], stdout=subprocess.PIPE, text=True, check=True)
    for line in map(json.loads, done.stdout.splitlines()):
        yield line["name"], (line["value"], line["unit"])
    for case in CASES:
        yield from compare(program, case)


if __name__ == "__main__":
    if sys.argv[1] == "--peer":
        peer(*sys.argv[2:5], int(sys.argv[5]), sys.argv[6])
    else:
        for figure, (figure_value, figure_unit) in measure(sys.argv[1]):
            print(json.dumps({"name": figure, "value": figure_value, "unit": figure_unit}),
                  flush=True)
