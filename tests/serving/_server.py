"""A server of `almanac serve` for the tests of this folder."""
import os
import re
import subprocess

ALMANAC = os.environ["ALMANAC"]


class Server:
    """with Server("--model", path) as url: ..."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [ALMANAC, "serve", "--development", "--port", "0", "--workers", "2", *arguments],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
            env={**os.environ, "LOG_LEVEL": "error"})
        self.lines = []
        self.url = None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))
            found = re.search(r"listening at (http://\S+?),", line)
            if found:
                self.url = found.group(1)
                break
        if not self.url:
            raise AssertionError("it does not listen: " + "\n".join(self.lines))

    def __enter__(self):
        return self.url

    def __exit__(self, *_):
        self.process.terminate()
        self.process.stderr.read()
        if self.process.wait(timeout=60) != 0:
            raise AssertionError("exit status %d" % self.process.returncode)
