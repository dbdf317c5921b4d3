"""Feeds tools/tidy bad files and expects each complaint; then good ones and a ratchet."""
import os
import subprocess
import sys
import tempfile
import unittest

TIDY = os.path.join(os.path.dirname(__file__), "../../tools/tidy")


def run(files):
    with tempfile.TemporaryDirectory() as root:
        for path, content in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(content)
        return subprocess.run([sys.executable, TIDY, "--root", root], capture_output=True,
                              text=True, check=False)


def body(lines, name="long_one"):
    """A function of `lines` lines, first to last."""
    return f"static int {name}(void) {{\n" + "    x();\n" * (lines - 2) + "}\n"


DEEP = ("void deep(int a) {\n    if (a) {\n        for (;;) {\n            while (a) {\n"
        "                do {\n                    switch (a) {\n                    }\n"
        "                } while (a);\n            }\n        }\n    }\n}\n")
GOOD = {
    "src/num/good.c": (
        "/* malloc( and 'quotes' in a comment are fine */\n"
        + body(70) + "#ifdef A\nstatic int f(int a) {\n#else\nstatic int f(long a) {\n#endif\n"
        "    struct point p = {.x = {1, {2}}};\n    call((struct point){1, {2, {3, {4}}}});\n"
        "    const char *text = \"malloc(1) // } {\";\n    char c = '{';\n"
        "    arena->free(p);\n    my_free(p);\n    return a;\n}\n"
        "int six(int a, int b, int (*f)(int, int), int d, int e, int g) {\n    return a;\n}\n"
        + DEEP.replace("                    switch (a) {\n                    }\n", "")),
    "src/base/arena.c": "void *take(void) {\n    return malloc(1);\n}\n",
    "src/num/good_test.c": "void read(void) {\n    free(fopen(\"x\", \"r\"));\n    exp(1.0);\n}\n",
    "src/app/main.c": "void stop(void) {\n    exit(1);\n}\n",
    "docs/page.md": "A line that is longer than a hundred characters is fine in prose: " + "x" * 90
                    + "\n",
    "Makefile": "all:\n\ttrue\n",
}
# (path, content, expected start of the one finding)
BAD = [
    ("src/num/a.c", "\n" + body(71), "src/num/a.c:2: long_one has 71 lines (limit 70)"),
    ("src/num/a.c", "int x;\n" * 801, "src/num/a.c:1: file has 801 lines"),
    ("src/num/a.c", "int seven(int a, int b, int c, int d, int e, int f,\n          int g) {\n}\n",
     "src/num/a.c:1: seven takes 7 parameters"),
    ("src/num/a.c", DEEP, "src/num/a.c:1: deep nests 5 blocks (limit 4)"),
    ("src/num/a.c", "void f(void) {\n    free(p);\n}\n", "src/num/a.c:2: free() is banned here"),
    ("src/num/a.c", "double y = 2 * exp (x);\n", "src/num/a.c:1: exp() is banned here"),
    ("src/num/a_test.c", "void f(void) {\n    sprintf(a, b);\n}\n",
     "src/num/a_test.c:2: sprintf() is banned here"),
    ("src/num/exit.c", "void f(void) {\n    exit(1);\n}\n", "src/num/exit.c:2: exit() is banned"),
    ("src/num/a.h", "/* TODO: more */\n", "src/num/a.h:1: open work marker"),
    ("src/num/a.h", "int x; \n", "src/num/a.h:1: trailing blanks"),
    ("src/num/a.h", "\tint x;\n", "src/num/a.h:1: tab"),
    ("src/num/a.h", "// " + "\u00e9" * 98 + "\n", "src/num/a.h:1: line has 101 characters"),
    ("src/num/a.h", "int x;", "src/num/a.h:1: no line break at the end"),
    ("tools/get.sh", "get pypi.org\n", "tools/get.sh:1: registry host name"),
    ("README.md", "see /" "root/almanac/x\n", "README.md:1: path of one machine"),
]


class Tidy(unittest.TestCase):
    def expect(self, files, expected):
        result = run(files)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(len(result.stdout.splitlines()), 1, result.stdout)
        self.assertTrue(result.stdout.startswith(expected), result.stdout)

    def test_good_tree_passes(self):
        result = run(GOOD)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))

    def test_each_fault_is_found_alone(self):
        for path, content, expected in BAD:
            with self.subTest(expected=expected):
                self.expect({**GOOD, path: content}, expected)

    def test_ratchet_allows_what_it_lists(self):
        result = run({"src/num/a.c": body(75) + "double y = exp(x);\n", "tools/tidy.ratchet":
                      "src/num/a.c length:long_one 75 only dispatch\n"
                      "src/num/a.c banned:exp 1 for printing\n"})
        self.assertEqual((result.returncode, result.stdout), (0, ""))

    def test_ratchet_does_not_let_grow(self):
        self.expect({"src/num/a.c": body(76), "tools/tidy.ratchet":
                     "src/num/a.c length:long_one 75 only dispatch\n"},
                    "src/num/a.c:1: long_one has 76 lines (limit 75)")

    def test_ratchet_entry_too_high_stale_or_without_reason(self):
        for lines, entry, expected in [
                (74, "src/num/a.c length:long_one 75 only dispatch", "now 74, lower the entry"),
                (70, "src/num/a.c length:long_one 75 only dispatch", "entry is stale"),
                (70, "src/num/a.c length:long_one 75", "a reason is required")]:
            with self.subTest(expected=expected):
                result = run({"src/num/a.c": body(lines), "tools/tidy.ratchet": entry + "\n"})
                self.assertEqual(result.returncode, 1)
                self.assertIn("tools/tidy.ratchet:1:", result.stdout)
                self.assertIn(expected, result.stdout)


if __name__ == "__main__":
    unittest.main()
