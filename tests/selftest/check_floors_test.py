"""Feeds tools/check_floors a bad tree and expects each complaint; then a good one."""
import os
import subprocess
import sys
import tempfile
import unittest

CHECK = os.path.join(os.path.dirname(__file__), "../../tools/check_floors")
FLOORS = """floor 2 store model
floor 1 num
floor 0 base
home sqlite3.h store/sql.c
"""
GUARDED = "#ifndef X_H\n#define X_H\n#endif\n"
GOOD = {
    "src/FLOORS": FLOORS,
    "src/base/error.h": GUARDED,
    "src/base/base_internal.h": "#pragma once\n",
    "src/base/error.c": '#include "base/base_internal.h"\n#include <stdio.h>\n',
    "src/num/matrix.h": '/* why */\n#ifndef M_H\n#define M_H\n#include "base/error.h"\n#endif\n',
    "src/store/sql.h": GUARDED,
    "src/store/sql.c": '#include "store/sql.h"\n#include <sqlite3.h>\n// #include <zlib.h>\n',
    "src/store/sql_test.c": '#include <cmocka.h>\n#include "base/build_info.h"\n',
    "src/model/text.c": 'const char *pattern = "*.c/*";\n#include "num/matrix.h"\n',
}
# One broken file each: (path, content, expected "path:line: part of the message").
BAD = [
    ("src/num/up.c", '\n#include "store/sql.h"\n', "src/num/up.c:2: num/ (floor 1) includes"),
    ("src/model/side.c", '#include "store/sql.h"\n', "src/model/side.c:1: model/ includes store"),
    ("src/num/third.c", "#include <sqlite3.h>\n", "src/num/third.c:1: sqlite3.h is included by"),
    ("src/num/quote.c", '#include "sqlite3.h"\n', "src/num/quote.c:1: sqlite3.h is included by"),
    ("src/num/new.c", "#include <zlib.h>\n", "src/num/new.c:1: zlib.h has no home"),
    ("src/num/mock.c", "#include <cmocka.h>\n", "src/num/mock.c:1: cmocka.h is for tests"),
    ("src/num/inner.c", '#include "base/base_internal.h"\n', "src/num/inner.c:1: base/base_int"),
    ("src/num/short.c", '#include "matrix.h"\n', 'src/num/short.c:1: "matrix.h" does not exist'),
    ("src/num/error.h", GUARDED, "file name error.h is taken"),
    ("src/num/bare.h", "int x;\n", "src/num/bare.h:1: header has no include guard"),
    ("src/utils/x.c", "", "src/utils:1: folder stands on no floor"),
    ("src/loose.c", "", "src/loose.c:1: sources lie in a folder"),
    ("src/FLOORS", FLOORS + "flor 3 x\n", "src/FLOORS:5: expected"),
    ("src/FLOORS", FLOORS + "floor 3 num\n", "src/FLOORS:5: folder num stands on two floors"),
    ("src/FLOORS", FLOORS + "home sqlite3.h num/b.c\n", "src/FLOORS:5: sqlite3.h has two homes"),
]


def run(files):
    with tempfile.TemporaryDirectory() as root:
        for path, content in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(content)
        return subprocess.run([sys.executable, CHECK, "--root", root], capture_output=True,
                              text=True, check=False)


class CheckFloors(unittest.TestCase):
    def test_good_tree_passes(self):
        result = run(GOOD)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))

    def test_each_fault_is_found_alone(self):
        for path, content, expected in BAD:
            with self.subTest(expected=expected):
                result = run({**GOOD, path: content})
                self.assertEqual(result.returncode, 1)
                self.assertIn(expected, result.stdout)
                self.assertEqual(len(result.stdout.splitlines()), 1, result.stdout)


if __name__ == "__main__":
    unittest.main()
