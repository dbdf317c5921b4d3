"""Every variant of the vectorised functions passes the tests of its values.

The unit tests compare bits with plain definitions, but the loader gives them the widest variant
that the CPU has. Here copies of the test programs take the others (_dispatch.py). A trap in the
code of the variant shows that the copy executes it.
"""
import os
import subprocess
import sys
import tempfile

import _dispatch

BUILD = os.environ["ALMANAC_BUILD"]
LIBRARIES = os.path.join(os.environ["ALMANAC_SOURCE"], "third_party/lib")
LOADER = "/lib64/ld-linux-x86-64.so.2"
PROGRAMS = ("window_operators_test", "feature_rows_test", "feature_state_test", "bars_state_test",
            "bars_golden_test", "bars_values_test", "vector_bits_test",
            "attribution_bits_test", "ces_slopes_test", "ets_slopes_test",
            "arima_likelihood_test")
VARIANTS = {"default": None, "arch_x86_64_v3": "x86-64-v3", "arch_x86_64_v4": "x86-64-v4"}


def cpu_has(level):
    shown = subprocess.run([LOADER, "--help"], capture_output=True, text=True, check=True).stdout
    return level is None or any(line.split()[:1] == [level] and "supported" in line
                                for line in shown.splitlines())


def run(binary):
    return subprocess.run([binary], capture_output=True, text=True, check=False,
                          env=dict(os.environ, LD_LIBRARY_PATH=LIBRARIES))


def problems_of(program, variant, scratch):
    binary = os.path.join(BUILD, "bin", program)
    copy = os.path.join(scratch, f"{program}.{variant}")
    done = run(_dispatch.forced(binary, copy, variant))
    if done.returncode:
        return [f"{program}, {variant}: status {done.returncode}\n{done.stdout}{done.stderr}"]
    trapped = run(_dispatch.forced(binary, copy + ".trapped", variant, variant))
    # The test runner catches the signal and names it.
    if "Illegal instruction" not in trapped.stdout + trapped.stderr:
        return [f"{program}: the copy does not execute {variant}\n{trapped.stdout}"]
    return []


def main():
    if not _dispatch.addresses(os.path.join(BUILD, "bin", PROGRAMS[0])):
        print("skipped: this build has no CPU dispatch of its own")
        return 77
    problems = []
    with tempfile.TemporaryDirectory(prefix="variants-", dir=BUILD) as scratch:
        for variant, level in VARIANTS.items():
            if not cpu_has(level):
                print(f"note: this CPU cannot execute {variant}")
                continue
            for program in PROGRAMS:
                problems += problems_of(program, variant, scratch)
    print("\n".join(problems))
    return 1 if problems else 0


sys.exit(main())
