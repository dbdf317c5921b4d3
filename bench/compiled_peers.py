"""Prepares what compiled_bench measures: forests, rows, and the same forests compiled by peers.

    compiled_peers.py FOLDER [DATA]

Per forest a folder NAME-TREESxLEAVES with model.txt (LightGBM), rows.f64 and shuffled.f64 (4096
rows of 40 doubles each, in series order and from anywhere), and of each peer what it compiles to:

    lleaves.so  the object of lleaves' own LLVM, its default blocks, linked as it is; of a forest
                above 100,000 leaves without inlining, since with it the compiler takes more than
                23 GB of memory for 1000 trees of 255 leaves, and without 5 minutes
    tl2cgen.so  the C of tl2cgen in 8 units, gcc -O3 -march=native
    model.onnx  onnxmltools: TreeEnsembleRegressor; the runtime adds trees in float

A file that is there is not made again, so a second run takes no time; a peer that fails, or one of
whose processes takes more than BENCH_COMPILE_SECONDS (3000) of processor time, is said and left
out.
"""
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import time

import lightgbm
import numpy as np

import forest_rows

ROWS = 4096
TRAIN_ROWS = 60000
SERIES_STEPS = 28
INLINED_LEAVES = 100000
# name, rows, trees, leaves
FORESTS = (("m5", forest_rows.m5, 100, 64), ("demand", forest_rows.demand, 500, 31),
           ("demand", forest_rows.demand, 1000, 255))
REVISION = "1"  # of what is made here; another one makes all again


def sample(x, y, count, seed):
    chosen = np.random.default_rng(seed).choice(len(x), min(count, len(x)), replace=False)
    return x[chosen], y[chosen]


def in_series_order(x, count, seed):
    """Runs of consecutive rows, as the steps of single series come."""
    starts = np.random.default_rng(seed).integers(0, len(x) - SERIES_STEPS,
                                                  count // SERIES_STEPS + 1)
    return np.concatenate([x[s:s + SERIES_STEPS] for s in starts])[:count]


def train(folder, x, y, trees, leaves):
    parameters = {"objective": "regression", "num_leaves": leaves, "learning_rate": 0.05,
                  "num_threads": 1, "deterministic": True, "force_col_wise": True, "seed": 1,
                  "verbosity": -1}
    booster = lightgbm.train(parameters, lightgbm.Dataset(*sample(x, y, TRAIN_ROWS, 1)),
                             num_boost_round=trees)
    booster.save_model(os.path.join(folder, "model.txt"))
    in_series_order(x, ROWS, 2).astype(np.float64).tofile(os.path.join(folder, "rows.f64"))
    sample(x, y, ROWS, 3)[0].astype(np.float64).tofile(os.path.join(folder, "shuffled.f64"))


def leaves_of(path):
    with open(path, encoding="utf-8") as text:
        return sum(int(line[11:]) for line in text if line.startswith("num_leaves="))


def compile_lleaves(folder, out):
    import lleaves
    made = out + ".o"
    if os.path.exists(made):
        os.remove(made)
    path = os.path.join(folder, "model.txt")
    lleaves.Model(path).compile(cache=made, raw_score=True,
                                finline=leaves_of(path) <= INLINED_LEAVES)
    subprocess.run(["gcc", "-shared", "-o", out, made], check=True)
    os.remove(made)


def compile_tl2cgen(folder, out):
    import tl2cgen
    import treelite
    code = out + ".c"
    shutil.rmtree(code, ignore_errors=True)
    model = treelite.frontend.load_lightgbm_model(os.path.join(folder, "model.txt"))
    tl2cgen.generate_c_code(model, dirpath=code, params={"parallel_comp": 8})
    units = [name[:-2] for name in sorted(os.listdir(code)) if name.endswith(".c")]
    processes = []
    for i, unit in enumerate(units):
        processes.append(subprocess.Popen(["gcc", "-O3", "-march=native", "-fPIC", "-c",
                                           unit + ".c", "-o", unit + ".o"], cwd=code))
        if i % 2 or i + 1 == len(units):  # two at a time
            for process in processes:
                if process.wait():
                    raise RuntimeError("gcc failed")
            processes = []
    subprocess.run(["gcc", "-shared", "-o", out] + [os.path.join(code, u + ".o") for u in units],
                   check=True)
    shutil.rmtree(code)


def convert_onnx(folder, out):
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType
    booster = lightgbm.Booster(model_file=os.path.join(folder, "model.txt"))
    model = onnxmltools.convert_lightgbm(
        booster, initial_types=[("x", FloatTensorType([None, forest_rows.COLUMNS]))],
        zipmap=False)
    onnxmltools.utils.save_model(model, out)


PEERS = (("model.onnx", convert_onnx), ("tl2cgen.so", compile_tl2cgen),
         ("lleaves.so", compile_lleaves))


def limited(function, arguments):
    seconds = int(os.environ.get("BENCH_COMPILE_SECONDS", "3000"))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    function(*arguments)


def make(what, path, function, *arguments):
    """Runs a step whose result is not there yet, in a process; a failure leaves no file."""
    if os.path.exists(path):
        return
    start = time.monotonic()
    process = multiprocessing.get_context("fork").Process(target=limited,
                                                          args=(function, arguments))
    process.start()
    process.join()
    if process.exitcode:
        if os.path.exists(path):
            os.remove(path)
        print(f"compiled_peers: {what}: not made (exit {process.exitcode})", file=sys.stderr)
    else:
        print(f"compiled_peers: {what}: {time.monotonic() - start:.0f} s", file=sys.stderr)


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[1].startswith("-"):
        sys.exit("usage: compiled_peers.py FOLDER [DATA]")
    folder, data = sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else None
    stamp = os.path.join(folder, "stamp")
    want = f"{REVISION} {data or 'generated'} {lightgbm.__version__}\n"
    if not os.path.exists(stamp) or open(stamp, encoding="utf-8").read() != want:
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        with open(stamp, "w", encoding="utf-8") as file:
            file.write(want)
    tables = {}
    made = []
    for name, rows, trees, leaves in FORESTS:
        own = os.path.join(folder, f"{name if data else 'generated'}-{trees}x{leaves}")
        os.makedirs(own, exist_ok=True)
        if not os.path.exists(os.path.join(own, "shuffled.f64")):
            rows = rows if data else forest_rows.generated
            if rows not in tables:
                tables[rows] = rows(data)
            make(f"training {own}", os.path.join(own, "shuffled.f64"), train, own, *tables[rows],
                 trees, leaves)
        made.append(own)
    tables.clear()
    for file, function in PEERS:
        for own in made:
            make(f"{os.path.basename(own)}/{file}", os.path.join(own, file), function, own,
                 os.path.join(own, file))


if __name__ == "__main__":
    main()
