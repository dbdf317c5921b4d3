"""A headless Chromium driven by its DevTools protocol, with the standard library alone.

    with Browser() as browser:
        page = browser.page()
        page.open("http://127.0.0.1:3003/")
        page.wait("document.querySelector('h1')")

CHROMIUM names the program, else chromium, chromium-browser or google-chrome of the path is taken;
without one the test is skipped with exit status 77. What the page logs, throws and requests is
kept in `page.errors` and `page.requests`.
"""
import base64
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

PATIENCE = 60
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def program():
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        print("skipped: there is no Chromium (CHROMIUM names one, or one of %s in the path)"
              % ", ".join(NAMES))
        sys.exit(77)
    return found


class Socket:
    """A WebSocket (RFC 6455) of text messages, as a client."""

    def __init__(self, port, path):
        self.stream = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        key = base64.b64encode(os.urandom(16)).decode()
        self.stream.sendall((f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                             "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
                             ).encode())
        self.rest = b""
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.stream.recv(4096)
        head, _, self.rest = head.partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise RuntimeError("no WebSocket: %r" % head)

    def _take(self, size):
        while len(self.rest) < size:
            data = self.stream.recv(1 << 16)
            if not data:
                raise RuntimeError("the browser has gone")
            self.rest += data
        out, self.rest = self.rest[:size], self.rest[size:]
        return out

    def send(self, text):
        data = text.encode()
        size = len(data)
        head = bytes([0x81])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 1 << 16:
            head += bytes([0x80 | 126]) + struct.pack(">H", size)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", size)
        mask = os.urandom(4)
        body = bytes(b ^ mask[i & 3] for i, b in enumerate(data))
        self.stream.sendall(head + mask + body)

    def receive(self):
        message = b""
        while True:
            first, second = self._take(2)
            size = second & 0x7f
            if size == 126:
                size = struct.unpack(">H", self._take(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self._take(8))[0]
            body = self._take(size)
            if first & 0x0f == 8:
                raise RuntimeError("the browser closed the connection")
            if first & 0x0f in (0, 1):
                message += body
                if first & 0x80:
                    return message.decode()

    def close(self):
        self.stream.close()


class Page:
    def __init__(self, browser, session):
        self.browser = browser
        self.session = session
        self.errors = []
        self.requests = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def call(self, method, **parameters):
        return self.browser.call(method, parameters, self.session)

    def event(self, method, what):
        if method == "Runtime.exceptionThrown":
            details = what["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and what["type"] in ("error", "warning"):
            self.errors.append(" ".join(str(a.get("value")) for a in what["args"]))
        elif method == "Log.entryAdded" and what["entry"]["level"] == "error":
            self.errors.append("%s %s" % (what["entry"]["text"], what["entry"].get("url", "")))
        elif method == "Network.requestWillBeSent":
            self.requests.append((what["request"]["method"], what["request"]["url"],
                                  what["request"]["headers"]))

    def size(self, width, height, scale=1, mobile=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=scale, mobile=mobile)

    def colours(self, scheme):
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, url):
        self.call("Page.navigate", url=url)

    def run(self, expression):
        """The value of a JavaScript expression; promises are awaited."""
        reply = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                          awaitPromise=True)
        if "exceptionDetails" in reply:
            details = reply["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]) +
                               "\nin " + expression)
        return reply["result"].get("value")

    def wait(self, expression, seconds=PATIENCE):
        """Until it is true."""
        end = time.monotonic() + seconds
        while True:
            try:
                if self.run(f"Boolean({expression})"):
                    return
            except RuntimeError as error:
                if "Cannot find" not in str(error) and "context" not in str(error) and \
                        "null" not in str(error) and "undefined" not in str(error):
                    raise
            if time.monotonic() > end:
                text = self.run("document.body ? document.body.innerText.slice(0, 2000) : ''")
                raise AssertionError(f"waited in vain for {expression}\n{text}\n{self.errors}")
            time.sleep(0.05)

    KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38,
            "ArrowRight": 39, "ArrowLeft": 37, " ": 32, "Home": 36}

    def key(self, name, shift=False):
        text = {"Enter": "\r", " ": " "}.get(name)
        common = {"key": name, "code": "Space" if name == " " else name,
                  "windowsVirtualKeyCode": self.KEYS[name], "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown",
                  **common, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def shot(self, path, whole=True):
        parameters = {"format": "png"}
        if whole:
            box = self.call("Page.getLayoutMetrics")["cssContentSize"]
            parameters.update(captureBeyondViewport=True,
                              clip={"x": 0, "y": 0, "width": box["width"],
                                    "height": box["height"], "scale": 1})
        data = base64.b64decode(self.call("Page.captureScreenshot", **parameters)["data"])
        with open(path, "wb") as file:
            file.write(data)


class Browser:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            [program(), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-default-apps", "--mute-audio", "--remote-debugging-port=0",
             "--user-data-dir=" + self.folder.name, "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pages = {}
        self.number = 0
        try:
            port, path = self._port()
            self.socket = Socket(port, path)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def _port(self):
        file = os.path.join(self.folder.name, "DevToolsActivePort")
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with open(file) as text:
                    lines = text.read().split("\n")
                if len(lines) >= 2 and lines[1]:
                    return int(lines[0]), lines[1]
            except FileNotFoundError:
                pass
            time.sleep(0.05)
        raise RuntimeError("the browser does not start")

    def call(self, method, parameters=None, session=None):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = session
        self.socket.send(json.dumps(message))
        while True:
            reply = json.loads(self.socket.receive())
            if reply.get("id") == self.number:
                if "error" in reply:
                    raise RuntimeError(f"{method}: {reply['error']}")
                return reply["result"]
            page = self.pages.get(reply.get("sessionId"))
            if page:
                page.event(reply.get("method"), reply.get("params"))

    def page(self):
        """A page of its own: no storage, no cache of another."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", {"url": "about:blank",
                                                   "browserContextId": context})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target,
                                                      "flatten": True})["sessionId"]
        page = Page.__new__(Page)
        self.pages[session] = page
        page.__init__(self, session)
        page.size(1280, 900)
        return page

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close")
        except (RuntimeError, OSError):
            pass
        self.socket.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()
