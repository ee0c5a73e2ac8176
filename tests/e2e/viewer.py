"""What the tests of sessions share: a person at a terminal of their own who runs supctl, a
viewer that speaks frames itself, and just enough of a terminal to see what a person sees.

Every wait has a deadline (PATIENCE).  t() prints a line of TAP.
"""
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time

D = sys.argv[1]
SUPCTL = os.path.join(os.environ.get("SUPD_BIN") or os.environ["SUPD_BUILD"], "supctl")
PATIENCE = float(os.environ.get("PATIENCE", 40))


def t(what, good, got=None):
    print("ok" if good else "not ok", "-", what, flush=True)
    if not good and got is not None:
        print("#", repr(got)[:1500], flush=True)
    return good


def until(what, patience=None):
    """True as soon as what() is; False when it is not in time."""
    end = time.monotonic() + (patience or PATIENCE)
    while True:
        if what():
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.02)  # the pause of a polling wait


def sup(*args, timeout=90):
    return subprocess.run([SUPCTL, "-C", D, *args], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=timeout, text=True).stdout


def status(*unit):
    """Asked again while nobody answers: roles die in these tests."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            v = json.loads(sup("status", *unit, "--json", "--timeout=20s"))
            return v[0] if isinstance(v, list) else v
        except (ValueError, IndexError):
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def roles():
    return {r["name"]: r["pid"] for r in status().get("roles", [])}


def kill_role(name):
    """kill -9, and wait for the next one."""
    old = roles().get(name)
    if not old:
        return False
    try:
        os.kill(old, signal.SIGKILL)
    except ProcessLookupError:
        pass
    return until(lambda: roles().get(name) not in (None, 0, old))


class Screen:
    """A terminal that knows what screen_draw and plain programs write."""

    TOKEN = re.compile(r"\x1b\[([?>]?)([\d;:]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
                       r"|\x1b[()*+].|\x1b[ -/]?[0-~]|[\s\S]")

    def __init__(self, rows, cols):
        self.rows, self.cols = rows, cols
        self.clear()
        self.row = self.col = 0
        self.rest = ""

    def clear(self):
        self.cells = [[" "] * self.cols for _ in range(self.rows)]

    def size(self, rows, cols):
        self.rows, self.cols = rows, cols
        self.cells = [(r + [" "] * cols)[:cols] for r in self.cells][:rows]
        while len(self.cells) < rows:
            self.cells.append([" "] * cols)
        self.row, self.col = min(self.row, rows - 1), min(self.col, cols - 1)

    def line_feed(self):
        if self.row + 1 < self.rows:
            self.row += 1
        else:
            self.cells.pop(0)
            self.cells.append([" "] * self.cols)

    def csi(self, mark, args, end):
        n = [int(a) if a.isdigit() else 0 for a in args.split(";")]
        one = max(n[0], 1)
        if mark:
            if end in "hl" and n[0] == 1049:
                self.clear()
        elif end == "H":
            self.row = min(one, self.rows) - 1
            self.col = min(max(n[1] if len(n) > 1 else 1, 1), self.cols) - 1
        elif end == "r":
            self.row = self.col = 0
        elif end == "A":
            self.row = max(0, self.row - one)
        elif end == "B":
            self.row = min(self.rows - 1, self.row + one)
        elif end == "C":
            self.col = min(self.cols - 1, self.col + one)
        elif end == "D":
            self.col = max(0, self.col - one)
        elif end == "G":
            self.col = min(one, self.cols) - 1
        elif end == "X":
            b = min(self.col + one, self.cols)
            self.cells[self.row][self.col:b] = [" "] * (b - self.col)
        elif end == "J" and n[0] == 2:
            self.clear()
        elif end == "J" and n[0] == 0:
            self.cells[self.row][self.col:] = [" "] * (self.cols - min(self.col, self.cols))
            for r in range(self.row + 1, self.rows):
                self.cells[r] = [" "] * self.cols
        elif end == "K":
            a, b = ((self.col, self.cols), (0, self.col + 1), (0, self.cols))[min(n[0], 2)]
            self.cells[self.row][a:b] = [" "] * (b - a)

    def feed(self, text):
        text = self.rest + text
        # A sequence that is not whole waits for the next bytes.
        cut = text.rfind("\x1b")
        self.rest = ""
        if cut >= 0 and len(text) - cut < 64:
            m = self.TOKEN.match(text, cut)
            if m and m.end() - cut == 1 or m and m.group() in ("\x1b[", "\x1b]"):
                text, self.rest = text[:cut], text[cut:]
        for m in self.TOKEN.finditer(text):
            s = m.group()
            if m.group(3):
                self.csi(m.group(1), m.group(2), m.group(3))
            elif s == "\r":
                self.col = 0
            elif s == "\n":
                self.line_feed()
            elif s == "\b":
                self.col = max(0, self.col - 1)
            elif len(s) == 1 and s >= " " and s != "\x7f":
                if self.col >= self.cols:
                    self.col = 0
                    self.line_feed()
                self.cells[self.row][self.col] = s
                self.col += 1

    def lines(self):
        return ["".join(r).rstrip() for r in self.cells]

    def text(self):
        return "\n".join(self.lines()).rstrip("\n")


class Person:
    """supctl with a terminal of its own."""

    def __init__(self, *args, rows=24, cols=80):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.raw, self.screen = b"", Screen(rows, cols)
        self.reading, self.over = threading.Event(), False
        self.reading.set()
        self.lock = threading.Lock()

        def own():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self.p = subprocess.Popen([SUPCTL, "-C", D, *args], stdin=self.slave,
                                  stdout=self.slave, stderr=self.slave, preexec_fn=own)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while not self.over:
            self.reading.wait(0.1)
            if not self.reading.is_set() or not select.select([self.master], [], [], 0.1)[0]:
                continue
            try:
                got = os.read(self.master, 65536)
            except OSError:
                return
            with self.lock:
                self.raw += got
                self.screen.feed(got.decode("utf-8", "replace"))

    def shows(self, text, patience=None):
        def has():
            with self.lock:
                return text in self.screen.text()
        return until(has, patience)

    def said(self, text, patience=None):
        return until(lambda: text in self.raw, patience)

    def text(self):
        with self.lock:
            return self.screen.text()

    def type(self, data):
        os.write(self.master, data if isinstance(data, bytes) else data.encode())

    def size(self, rows, cols):
        with self.lock:
            self.screen.size(rows, cols)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def ended(self, patience=None):
        """Its exit status, or None: it does not end."""
        try:
            return self.p.wait(patience or PATIENCE)
        except subprocess.TimeoutExpired:
            return None

    def same_tty(self):
        return termios.tcgetattr(self.slave) == self.before

    def close(self):
        self.over = True
        self.reading.set()
        if self.p.poll() is None:
            self.p.kill()
            self.p.wait()
        self.thread.join()
        os.close(self.master)
        os.close(self.slave)


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(PATIENCE)
    # The path of a folder may be longer than a socket's address.
    run = os.open(D + "/run", os.O_PATH)
    try:
        s.connect("/proc/self/fd/%d/supd.sock" % run)
    finally:
        os.close(run)
    return s


def reply(s):
    """One Varlink reply, and what came behind it."""
    b = b""
    while b"\0" not in b:
        got = s.recv(65536)
        if not got:
            return None, b""
        b += got
    head, rest = b.split(b"\0", 1)
    return json.loads(head), rest


def frame(what, data=b""):
    return what + struct.pack(">I", len(data)) + data


class Frames:
    """A viewer that speaks for itself."""

    def __init__(self, unit="agent", upgrade=True, **params):
        self.s = connect()
        call = {"method": "io.supd.Session.Attach", "parameters": {"unit": unit, **params}}
        if upgrade:
            call["upgrade"] = True
        self.s.sendall(json.dumps(call).encode() + b"\0")
        self.reply, self.rest = reply(self.s)

    def send(self, what, data=b""):
        self.s.sendall(frame(what, data))

    def frame(self):
        """The next one, or None: it is over."""
        while len(self.rest) < 5 or len(self.rest) < 5 + struct.unpack(">I", self.rest[1:5])[0]:
            try:
                got = self.s.recv(1 << 20)
            except ConnectionResetError:
                got = b""
            if not got:
                return None
            self.rest += got
        n = 5 + struct.unpack(">I", self.rest[1:5])[0]
        f, self.rest = self.rest[:n], self.rest[n:]
        return f[:1], f[5:]

    def is_cut(self):
        """It ends, whatever still comes before."""
        try:
            while self.frame() is not None:
                pass
            return True
        except TimeoutError:
            return False

    def close(self):
        self.s.close()
