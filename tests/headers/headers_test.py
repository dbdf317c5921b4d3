"""Compiles every header of src/ alone, twice in one unit, as C17 with strict flags, and the
public header include/almanac.h as C17 and as C++17.

Reads CC, CXX and ALMANAC_BUILD (for generated headers) from the environment."""
import concurrent.futures
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CC = os.environ.get("CC", "cc")
CXX = os.environ.get("CXX", "c++")
BUILD = os.environ.get("ALMANAC_BUILD", os.path.join(ROOT, "build/release"))
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wundef", "-Werror",
          "-fsyntax-only", "-Isrc", "-Iinclude", "-I" + os.path.join(BUILD, "generated")]
AS_C = [CC, "-x", "c", "-std=c17", "-D_GNU_SOURCE", "-Wstrict-prototypes"]
AS_CXX = [CXX, "-x", "c++", "-std=c++17"]


def compile_alone(job):
    header, command = job
    # Including it twice shows a missing guard; the typedef keeps the unit from being empty.
    unit = f'#include "{header}"\n#include "{header}"\ntypedef int almi_not_empty;\n'
    result = subprocess.run(command + STRICT + ["-"], input=unit, capture_output=True, text=True,
                            cwd=ROOT, check=False)
    return header, result.returncode, result.stderr


def jobs():
    for folder, _, names in sorted(os.walk(os.path.join(ROOT, "src"))):
        for name in sorted(names):
            if name.endswith(".h"):
                yield os.path.relpath(os.path.join(folder, name), os.path.join(ROOT, "src")), AS_C
    if os.path.isfile(os.path.join(ROOT, "include/almanac.h")):
        yield "almanac.h", AS_C + ["-Wc++-compat"]
        yield "almanac.h", AS_CXX


def main():
    # A bad header must be refused, or a broken compiler call would pass everything.
    if compile_alone(("no/such/header.h", AS_C))[1] == 0:
        sys.exit("headers: the compiler accepts a header that does not exist")
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(compile_alone, jobs()))
    for header, status, errors in results:
        if status != 0:
            failed += 1
            print(f"{header} does not compile alone:\n{errors}")
    print(f"headers: {len(results)} compiled, {failed} failed")
    sys.exit(1 if failed else 0)


main()
