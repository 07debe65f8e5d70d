"""A headless Chromium for tests, spoken to over the DevTools protocol by two pipes: no network, no other package.

    with Browser() as b:
        page = b.open("/tmp/report.html", width=1400, height=900, dark=False)
        page.eval("document.title")          the value of a JavaScript expression; a promise is waited for
        page.wait("expression")              until it is true
        page.key("Enter"); page.text("abc")  what a keyboard does
        page.click("#selector")
        page.problems                        what the console and the page complained about
        page.requests                        addresses that were asked for, but the page's own
        page.screenshot("/tmp/x.png")
"""
import base64
import json
import os
import shutil
import subprocess
import tempfile
import time

PROGRAM = "/usr/bin/chromium"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage", "--hide-scrollbars",
         "--remote-debugging-pipe"]


class Browser:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="outlive-browser.")
        to_browser, self.send_fd = os.pipe()
        self.receive_fd, from_browser = os.pipe()

        def descriptors():
            # Above 4 first, so that neither dup2 hits an end that is still needed.
            there, back = os.dup(to_browser), os.dup(from_browser)
            high = [os.fdopen(os.dup(fd), "rb", closefd=False).fileno() for fd in (there, back)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)
            os.set_inheritable(3, True)
            os.set_inheritable(4, True)

        self.process = subprocess.Popen([PROGRAM, *FLAGS, "--user-data-dir=" + self.folder, "about:blank"], preexec_fn=descriptors,
                                        close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer = b""
        self.number = 0
        self.pages = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call("Browser.close")
            self.process.wait(10)
        except Exception:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def message(self):
        while b"\0" not in self.buffer:
            more = os.read(self.receive_fd, 1 << 20)
            if not more:
                raise EOFError("the browser has ended")
            self.buffer += more
        one, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(one)

    def call(self, method, session=None, **parameters):
        self.number += 1
        request = {"id": self.number, "method": method, "params": parameters}
        if session:
            request["sessionId"] = session
        data = json.dumps(request).encode() + b"\0"
        while data:
            data = data[os.write(self.send_fd, data):]
        while True:
            answer = self.message()
            if answer.get("id") == request["id"]:
                if "error" in answer:
                    raise RuntimeError(method + ": " + json.dumps(answer["error"]))
                return answer["result"]
            page = self.pages.get(answer.get("sessionId"))
            if page:
                page.event(answer)

    def open(self, path, width=1400, height=900, dark=False, fragment=""):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        self.pages[session] = page
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(domain + ".enable")
        page.resize(width, height)
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        page.url = "file://" + os.path.abspath(path) + fragment
        page.call("Page.navigate", url=page.url)
        page.wait("document.documentElement.dataset.ready === 'yes'")
        return page


class Page:
    def __init__(self, browser, session):
        self.browser, self.session = browser, session
        self.problems, self.requests, self.url = [], [], None

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def event(self, message):
        method, p = message["method"], message["params"]
        if method == "Runtime.exceptionThrown":
            self.problems.append(p["exceptionDetails"].get("exception", {}).get("description") or p["exceptionDetails"]["text"])
        elif method == "Log.entryAdded" and p["entry"]["level"] in ("error", "warning") and "willReadFrequently" not in p["entry"]["text"]:
            self.problems.append(p["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and p["type"] in ("error", "warning") and "willReadFrequently" not in json.dumps(p["args"]):
            self.problems.append(json.dumps(p["args"]))
        elif method == "Network.requestWillBeSent":
            address = p["request"]["url"]
            if address.split("#")[0] != (self.url or "").split("#")[0] and not address.startswith("data:"):
                self.requests.append(address)

    def resize(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def eval(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(expression + ": " + json.dumps(answer["exceptionDetails"].get("exception", {}).get("description")))
        return answer["result"].get("value")

    def wait(self, expression, seconds=180):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self.eval("!!(" + expression + ")"):
                    return
            except RuntimeError:
                pass
            time.sleep(0.05)
        raise TimeoutError("waited in vain for " + expression + "; " + "; ".join(self.problems))

    def key(self, key, times=1):
        codes = {"Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Tab": 9, "End": 35, "Home": 36, " ": 32}
        more = {"windowsVirtualKeyCode": codes.get(key, ord(key[0].upper()))}
        if len(key) == 1:
            more["text"] = key
        elif key == "Enter":
            more["text"] = "\r"
        for _ in range(times):
            self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **more)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=more["windowsVirtualKeyCode"])

    def text(self, text):
        self.call("Input.insertText", text=text)

    def click_at(self, x, y):
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def click(self, selector):
        x, y = self.eval("(() => { const e = document.querySelector(%s); e.scrollIntoView({block: 'nearest'}); const r = e.getBoundingClientRect();"
                         " return [r.x + r.width / 2, r.y + r.height / 2]; })()" % json.dumps(selector))
        self.click_at(x, y)

    def screenshot(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
