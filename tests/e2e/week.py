"""The clock of e2e/week, and what is asked of the week when it is over.

week.py clock FILE START: a clock by commands on stdin, one a line, each answered by one:
	until T [LOG WHAT]	goes on to T seconds after START, or until one more job of the
			log has begun, or (WHAT is `failed') failed
	now		seconds after START
	off S		S seconds pass (supd is not there)
	boot		the clocks that count from the boot of the machine begin anew
	write PATH, append PATH, close PATH	a transcript, at the time of this clock
week.py check ...: see check()
"""

import json
import mmap
import os
import struct
import sys
import time

AHEAD, STOP, UP, LOADED, JUMPS = range(5)
NS = 1000000000
DEADLINE = 120


class Clock:
    def __init__(self, path, start):
        with open(path, "r+b") as f:
            self.m = mmap.mmap(f.fileno(), 40)
        self.start = start * NS
        self.files = {}

    def get(self, i):
        return struct.unpack_from("=q", self.m, i * 8)[0]

    def put(self, i, v):
        struct.pack_into("=q", self.m, i * 8, v)

    def now(self):
        return time.time_ns() + self.get(AHEAD) - self.start

    def until(self, t, log=None, what=""):
        count = log and count_jobs(log, what)
        self.put(STOP, self.start + t * NS)
        end = time.monotonic() + DEADLINE
        while self.now() < t * NS:
            if log and count_jobs(log, what) > count:
                self.put(STOP, 1)
                return "log"
            if time.monotonic() > end:
                return "late"
            time.sleep(0.001)
        return "ok"

    def line(self, path, text):
        f = self.files.get(path) or open(path, "a")
        self.files[path] = f
        f.write(text)
        f.flush()
        at = self.now() + self.start
        os.utime(path, ns=(at, at))

    def do(self, word, *arg):
        if word == "until":
            return self.until(int(arg[0]), *arg[1:])
        if word == "now":
            return str(self.now() // NS)
        if word == "off":
            self.put(AHEAD, self.get(AHEAD) + int(arg[0]) * NS)
        elif word == "boot":
            self.put(UP, 10 * NS - time.monotonic_ns() - self.get(AHEAD))
        elif word in ("write", "append"):
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime((self.now() + self.start) / NS))
            self.line(arg[0], json.dumps({
                "sessionId": os.path.basename(arg[0]), "timestamp": stamp,
                "message": {"model": "m", "usage": {"input_tokens": 5, "output_tokens": 7},
                            "content": [{"type": "tool_use", "name": "Edit", "input": {"file_path": arg[0]}}]},
            }) + "\n")
        elif word == "close":
            self.files.pop(arg[0]).close()
        else:
            return "what?"
        return "ok"


def count_jobs(path, what):
    with open(path) as f:
        lines = [l.split() for l in f if " health " not in l]
    if what == "failed":
        return sum(l[0] == "end" and l[-1] != "0" for l in lines)
    return sum(l[0] == "begin" for l in lines)


def clock(path, start):
    c = Clock(path, int(start))
    for line in sys.stdin:
        print(c.do(*line.split()), flush=True)


# ---- the week that was

FAILED = 0


def ok(what, good, why=""):
    global FAILED
    print("%s - %s" % ("ok" if good else "not ok", what))
    if not good:
        FAILED = 1
        for line in str(why).splitlines()[:12]:
            print("# " + line)


POOLED = ("extract", "fact-mine", "consolidate", "knowledge-loop", "digest")
CHAIN = ("consolidate", "knowledge-loop", "digest")


def check(log, root, plans, dates):
    """log: the lines of what was run and done; plans: KEY CODES...; dates: those on which
    supd was there for long enough."""
    lines = [l.split() for l in open(log)]
    begun, ended, closed = {}, {}, {}
    running, doubled, worst, cut = set(), set(), 0, {}
    recent = []                     # (key) begun since the last crash of everything
    free = {}                       # key: runs that such a crash may have cost
    for n, l in enumerate(lines):
        if l[0] == "begin":
            key = (l[1], l[2])
            begun.setdefault(key, []).append(n)
            if key in running:
                doubled.add(key)
            running.add(key)
            worst = max(worst, sum(k[0] in POOLED for k in running))
            recent = [key] + [k for k in recent if k != key][:2]
        elif l[0] == "end":
            key = (l[1], l[2])
            running.discard(key)
            ended.setdefault(key, []).append((n, int(l[3])))
        elif l[0] == "close":
            closed[l[1]] = n
        elif l[0] == "crash":
            # Of what ends while nobody is there nobody knows how it ended.
            for key in set(recent) | running:
                free[key] = free.get(key, 0) + 1
            recent = []
            if l[1] == "machine":
                running.clear()
    planned = {}
    for line in open(plans):
        what, key, *codes = line.split()
        planned[(what, key)] = [int(c) for c in codes]

    def runs(what, key):
        return [rc for _, rc in ended.get((what, key), [])]

    transcripts = sorted(closed)
    ok("there was a week of work", len(transcripts) >= 2 * len(dates), transcripts)
    ok("nothing ran twice at once", not doubled, doubled)
    ok("the pool was never above its limit", worst == 1, "%d at once" % worst)
    for what in ("extract", "fact-mine"):
        once = {k: runs(what, k) for k in transcripts
                if not 1 <= runs(what, k).count(0) <= 1 + free.get((what, k), 0)}
        if what == "fact-mine":     # what a crash took along is mined by the next consolidate
            once = {k: r for k, r in once.items() if r.count(0) != 0 or not free.get(("extract", k)) and
                    not free.get((what, k))}
        ok("every transcript had one good run of %s" % what, not once, once)
    ok("and they are there", all(os.path.exists("%s/state/%s/%s.json" % (root, d, k))
                                 for k in transcripts for d in ("extract", "facts")))
    early = [k for k in transcripts if begun.get(("extract", k), [0])[0] < closed[k]]
    ok("none while somebody had it open", not early, early)
    wrong = {}
    for key in begun:
        n, want = len(begun[key]), len(planned.get(key, [])) + 1
        if key[0] != "health" and not want <= n + free.get(key, 0) or \
           key[0] in POOLED and n > want + free.get(key, 0):
            wrong[key] = "%d runs, planned %d, %d may be lost" % (n, want, free.get(key, 0))
    ok("what failed was run again, and so often only", not wrong, wrong)
    for what in CHAIN + ("decay",):
        once = {d: runs(what, d) for d in dates
                if not 1 <= runs(what, d).count(0) <= 1 + free.get((what, d), 0)}
        ok("%s was done once on each day" % what, not once, once)
        once = {k[1]: runs(*k) for k in begun
                if k[0] == what and runs(*k).count(0) > 1 + free.get(k, 0)}
        ok("and on none twice", not once, once)
    order = []
    for d in dates:
        first = [next((n for n, rc in ended.get((w, d), []) if rc == 0), None) for w in CHAIN]
        if None in first or first != sorted(first):
            order.append((d, first))
        for before, after in zip(CHAIN, CHAIN[1:]):
            done = next((n for n, rc in ended.get((before, d), []) if rc == 0), 1 << 60)
            if begun.get((after, d), [0])[0] < done:
                order.append((d, before, after))
    ok("each stage after the final result of the one before", not order, order)
    sums = json.load(open("%s/state/daily/%s/consolidate.json" % (root, dates[-1])))
    ok("the last day knows of the days before",
       len(dates) == 1 or sums["transcripts"] > len(transcripts) // 2, sums)
    return FAILED


if __name__ == "__main__":
    sys.exit({"clock": clock, "check": lambda l, r, p, *d: check(l, r, p, d)}[sys.argv[1]](*sys.argv[2:]))
