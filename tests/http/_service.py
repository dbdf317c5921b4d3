"""A running `almanac serve` for the tests of this folder: made in a temporary folder on a free
port, asked over raw sockets and http.client, and stopped with SIGTERM. Standard library only.

    with Service({"limits": {"body_mib": 1}}) as service:
        answer = service.get("/livez")

Leaving the block stops it: the exit status must be 0 and no sanitizer may have spoken.
"""
import atexit
import contextlib
import datetime
import gzip
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

ALMANAC = os.path.abspath(os.environ.get("ALMANAC", "build/release/bin/almanac"))
SOURCE = os.environ.get("ALMANAC_SOURCE",
                        os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
# A model file that is served as `m`, and a row of it.
MODEL = "m=" + os.path.join(SOURCE, "tests/golden/forest/lgb_multiclass.txt")
# A sanitizer and a busy machine together: seconds of ours are not seconds of theirs.
PATIENCE = 60
ALARMS = ("Sanitizer", "runtime error:", "almanac: assertion", "Assertion")

failures = []


def columns():
    """Names of the columns of MODEL."""
    with open(MODEL.partition("=")[2]) as file:
        return next(line.split("=", 1)[1].split() for line in file
                    if line.startswith("feature_names="))


def inference():
    """A body for /v2/models/m/infer that is answered."""
    count = len(columns())
    return {"inputs": [{"name": "input", "shape": [1, count], "datatype": "FP64",
                        "data": [0.5] * count}]}


def _made(folder, words):
    """The project that commands of the command-line cases make in the folder."""
    script = f'CLI_CASE=x . "{SOURCE}/tests/cli/_case.sh"; project; {words}'
    made = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True,
                          env={**os.environ, "ALMANAC": ALMANAC})
    if made.returncode:
        raise RuntimeError(made.stdout + made.stderr)
    return os.path.join(folder, "p")


def project(folder):
    """A project with one committed run of 28 days from 2024-02-01, made in the folder."""
    return _made(folder, "committed")


def today():
    return datetime.datetime.now(datetime.timezone.utc).date()


def days_moved_to(day, added=""):
    """Words of a script: the cases' days end at `day`; `added` to almanac.yaml."""
    return f'''
python3 - << 'END'
import datetime
rows = open("data/sales.csv").read().splitlines()
move = datetime.date.fromisoformat("{day}") - datetime.date(2024, 2, 1)
with open("data/sales.csv", "w") as out:
    out.write(rows[0] + "\\n")
    for row in rows[1:]:
        day, rest = row.split(",", 1)
        day = datetime.date.fromisoformat(day) + move
        if day < datetime.date.fromisoformat("{day}"):
            out.write(f"{{day}},{{rest}}\\n")
open("almanac.yaml", "a").write("""{added}""")
END
snapshot() {{ almanac snapshot --start {day - datetime.timedelta(300)} --end {day} "$@"; }}
'''


def project_of_today(folder):
    """The project of the cases with its days moved, so that its run is today's."""
    return _made(folder, days_moved_to(today()) + "committed")


# Words of a script, behind `committed`: demand-2, promoted, and a run of it.
SECOND_RELEASE = """
sed -i 's/gbm, blend/gbm/' almanac.yaml; git add -A
git -c user.name=t -c user.email=t@example.org commit -qm second
almanac train demand --snapshot "$snap" --quiet > /dev/null || exit 99
almanac models compare demand-2 --quiet || exit 99
almanac models approve demand-2 --why fine --quiet || exit 99
almanac models promote demand-2 --alias production --why second --quiet || exit 99
almanac run --snapshot "$snap" --quiet"""


def two_releases(folder):
    """A project whose alias `production` means demand-2, with demand-1 promoted before; both have
    a committed run of the same date. A rollback and a promotion need nothing but the ledger."""
    return _made(folder, "committed" + SECOND_RELEASE)


def check(condition, *what):
    """A claim of a test; all are looked at, `finish` tells which did not hold."""
    if not condition:
        text = " ".join(part if isinstance(part, str) else repr(part) for part in what)
        failures.append(text[:2000])
        print("FAIL:", text[:2000], flush=True)
    return bool(condition)


def finish():
    print(f"{len(failures)} claims do not hold" if failures else "all claims hold")
    sys.exit(1 if failures else 0)


def skip(reason):
    print("skipped:", reason)
    sys.exit(77)


def yaml(value, indent=0):
    """Enough of YAML for settings: maps of maps, numbers, texts, truth values, lists of texts."""
    lines = []
    for key, item in value.items():
        if isinstance(item, dict):
            lines.append(" " * indent + f"{key}:\n" + yaml(item, indent + 2))
        else:
            lines.append(" " * indent + f"{key}: {json.dumps(item)}\n")
    return "".join(lines)


class Answer:
    """One reply as it came over the wire."""

    def __init__(self, raw, is_head=False):
        self.raw = raw
        head, _, rest = raw.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        found = re.fullmatch(rb"HTTP/1\.1 (\d{3}) .*", lines[0])
        self.status = int(found[1]) if found else 0
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            self.headers[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
        if self.headers.get("transfer-encoding") == "chunked":
            self.body, self.rest = unchunk(rest)
            self.is_whole = True  # its end was there
        else:
            size = 0 if is_head else int(self.headers.get("content-length", len(rest)))
            self.is_whole = len(rest) >= size
            self.body, self.rest = rest[:size], rest[size:]
        if self.headers.get("content-encoding") == "gzip":
            self.body = gzip.decompress(self.body)

    @property
    def type(self):
        return self.headers.get("content-type", "").partition(";")[0]

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return repr(self.raw[:600])


def unchunk(text):
    body = b""
    while True:
        size, _, text = text.partition(b"\r\n")
        size = int(size.partition(b";")[0], 16)
        if size == 0:
            return body, text.partition(b"\r\n")[2]
        body, text = body + text[:size], text[size + 2:]


class Connection:
    """A raw socket. `wait` bounds how long nothing may come."""

    def __init__(self, service, wait=PATIENCE, plain=False):
        self.socket = socket.create_connection((service.host, service.port), timeout=wait)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if service.tls and not plain:
            self.socket = service.tls.wrap_socket(self.socket, server_hostname="localhost")
        self.taken = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        """False: the other side has gone, which is for the caller to judge."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def more(self):
        try:
            piece = self.socket.recv(1 << 16)
        except (ConnectionError, ssl.SSLError):
            piece = b""
        self.taken += piece
        return piece

    def rest(self):
        """All that comes until the other side closes. TimeoutError: it does not."""
        while self.more():
            pass
        taken, self.taken = self.taken, b""
        return taken

    def answer(self, is_head=False):
        """The next whole reply; None: the other side closed before."""
        while True:
            head, end, rest = self.taken.partition(b"\r\n\r\n")
            size = re.search(rb"\r\nContent-Length: *(\d+)", head + b"\r\n", re.I)
            needed = int(size[1]) if size and not is_head else 0
            is_chunked = b"transfer-encoding: chunked" in head.lower()
            if end and (rest.endswith(b"0\r\n\r\n") if is_chunked else len(rest) >= needed):
                answer = Answer(self.taken, is_head)
                self.taken = answer.rest
                return answer
            if not self.more():
                return None

    def is_closed(self, within=PATIENCE):
        """Has the other side closed in that time? What still comes is dropped."""
        limit = time.monotonic() + within
        while time.monotonic() < limit:
            self.socket.settimeout(max(limit - time.monotonic(), 0.01))
            try:
                if not self.more():
                    return True
            except TimeoutError:
                return False
        return False


class Service:
    seen = []  # (method, target, Answer) of every request of `ask`, for what documents promise

    def __init__(self, settings=None, options=("--development",), env=None, folder=None,
                 host="127.0.0.1", tls=None, scheme="http", prefix=()):
        self.settings, self.options = settings or {"listen": {"port": 0}}, list(options)
        self.env, self.host, self.tls, self.scheme = env or {}, host, tls, scheme
        self.own = None if folder else tempfile.TemporaryDirectory(prefix="almanac-http-")
        self.folder = folder or self.own.name
        self.prefix = list(prefix)
        self.process, self.text, self.status = None, "", None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        if self.process and self.process.poll() is None:
            if kind:
                self.process.kill()
                self.process.wait()
            else:
                self.stop()
        if kind and self.text:
            print(self.text[-3000:])
        if self.own:
            self.own.cleanup()

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path + ".new", "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        os.replace(path + ".new", path)
        return path

    def launch(self, port="0"):
        self.write("serve.yaml", yaml(self.settings))
        env = {name: value for name, value in os.environ.items()
               if name not in ("PORT", "LOG_LEVEL")}
        env.update(TERM="dumb", **self.env)
        arguments = self.prefix + [ALMANAC, "serve", "--settings", "serve.yaml"]
        arguments += ["--port", port] if port is not None else []
        self.process = subprocess.Popen(arguments + self.options, cwd=self.folder, env=env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.listening = threading.Event()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        atexit.register(self.process.kill)

    def read(self):
        for line in self.process.stdout:
            self.text += line.decode("utf-8", "replace")
            found = re.search(r"listening at (https?)://(\[.*\]|[^:]*):(\d+)", self.text)
            if found and not self.listening.is_set():
                self.scheme, self.port = found[1], int(found[3])
                self.listening.set()
        self.listening.set()

    def start(self, port="0"):
        self.launch(port)
        if not self.listening.wait(PATIENCE) or not hasattr(self, "port"):
            raise RuntimeError(f"the service does not start: {self.text}")
        return self

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self):
        self.status = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return self.status

    def stop(self):
        self.signal()
        check(self.wait() == 0, "exit status", self.status, self.text[-2000:])
        for alarm in ALARMS:
            check(alarm not in self.text, alarm, self.text[-5000:])

    def connect(self, wait=PATIENCE, plain=False):
        return Connection(self, wait, plain)

    def raw(self, data, wait=PATIENCE):
        """What comes back for these bytes until the other side closes."""
        with self.connect(wait) as connection:
            connection.send(data)
            return connection.rest()

    def ask(self, method, target, headers=(), body=b"", wait=PATIENCE):
        headers = list(dict(headers).items())
        if body:
            headers.append(("Content-Length", str(len(body))))
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers]
        with self.connect(wait) as connection:
            connection.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
            answer = Answer(connection.rest(), method == "HEAD")
        self.seen.append((method, target, answer))
        return answer

    def get(self, target, headers=()):
        return self.ask("GET", target, headers)

    def post(self, target, value, headers=()):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.ask("POST", target, {"Content-Type": "application/json", **dict(headers)}, body)

    def client(self):
        """The standard library's client, for what an ordinary program sees."""
        if self.tls:
            return http.client.HTTPSConnection("localhost", self.port, timeout=PATIENCE,
                                               context=self.tls)
        return http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)

    def metrics(self, headers=()):
        return read_metrics(self.get("/metrics", headers).body.decode())

    def lines(self):
        """The log so far, as objects."""
        return [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]

    def wait_for(self, condition, within=PATIENCE):
        return eventually(condition, within)


def eventually(condition, within=PATIENCE):
    limit = time.monotonic() + within
    while time.monotonic() < limit:
        with contextlib.suppress(OSError):
            if condition():
                return True
        time.sleep(0.05)
    return False


def read_metrics(text):
    """{'name{labels}': value} of a Prometheus text; anything that is not one is a ValueError."""
    values = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        found = re.fullmatch(r'([a-zA-Z_:][\w:]*(?:\{(?:\w+="(?:[^"\\\n]|\\.)*",?)*\})?) '
                             r'(-?[0-9.eE+-]+|[+-]Inf|NaN)(?: # .*)?', line)
        if not found:
            raise ValueError("no line of metrics: " + line)
        if found[1] in values:
            raise ValueError("twice: " + found[1])
        values[found[1]] = float(found[2].replace("Inf", "inf"))
    return values


def total(values, name, **labels):
    """The sum of the series of a family whose labels are among those given."""
    return sum(value for series, value in values.items()
               if series.partition("{")[0] == name
               and all(f'{key}="{text}"' in series for key, text in labels.items()))
