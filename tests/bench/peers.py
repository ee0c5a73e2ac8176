"""The peers of the bench: the same sleepers under runit, s6, daemontools and supervisord.
One that is not installed is skipped, loudly.  (Their loggers: logger-bench.c.)

A peer is measured from the outside only, as supd is: its processes in /proc, its own
command as a person would type it.
"""
import os
import shutil
import signal
import subprocess
import tempfile
import time

# No other program on the machine sleeps for so long: that is how ours are known.
SECONDS = "98761"


def sleepers():
    """Pids of all sleepers of the peers."""
    out = set()
    for d in os.listdir("/proc"):
        if not d.isdigit():
            continue
        try:
            with open("/proc/%s/cmdline" % d, "rb") as f:
                if f.read() == b"sleep\0%s\0" % SECONDS.encode():
                    out.add(int(d))
        except OSError:
            pass
    return out


def tree_of(root):
    """root and all below it, without the sleepers."""
    kids = {}
    for d in os.listdir("/proc"):
        if d.isdigit():
            try:
                with open("/proc/%s/stat" % d) as f:
                    ppid = int(f.read().rsplit(")", 1)[1].split()[1])
                kids.setdefault(ppid, []).append(int(d))
            except (OSError, IndexError):
                pass
    todo, out = [root], []
    while todo:
        p = todo.pop()
        out.append(p)
        todo += kids.get(p, [])
    return set(out) - sleepers()


class Peer:
    """A supervisor with n services in a folder of its own."""
    name = ""
    needs = ()

    def __init__(self, n):
        self.n = n
        self.dir = tempfile.mkdtemp(prefix="supd-bench-peer.")
        self.scan = self.dir + "/service"
        self.proc = None

    def path(self, i):
        return "%s/s%04d" % (self.scan, i)

    def prepare(self):
        os.mkdir(self.scan)
        for i in range(self.n):
            os.mkdir(self.path(i))
            run = self.path(i) + "/run"
            with open(run, "w") as f:
                f.write("#!/bin/sh\nexec sleep %s\n" % SECONDS)
            os.chmod(run, 0o755)

    def quietly(self, argv, **more):
        return subprocess.run(argv, cwd=self.scan, stdin=subprocess.DEVNULL, check=False,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)

    def launch(self):
        self.proc = subprocess.Popen(self.command(), cwd=self.scan, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                     start_new_session=True)

    def all(self):
        return ["s%04d" % i for i in range(self.n)]

    def end(self):
        """Whatever state it is in: its whole session and its sleepers."""
        if self.proc is not None:
            pids = tree_of(self.proc.pid)
            for sig in (signal.SIGTERM, signal.SIGKILL):
                for p in pids:
                    try:
                        os.kill(p, sig)
                    except OSError:
                        pass
                time.sleep(0.3)
            self.proc.wait()
            for p in sleepers():
                os.kill(p, signal.SIGKILL)
        shutil.rmtree(self.dir, ignore_errors=True)


class Runit(Peer):
    name = "runit"
    needs = ("runsvdir", "runsv", "sv")

    def command(self):
        return ["runsvdir", "-P", self.scan]

    def stop_all(self):
        # By path: below another folder sv looks in /etc/service.
        self.quietly(["sv", "down"] + ["./" + s for s in self.all()])

    def status(self, names):
        return ["sv", "status"] + ["./" + s for s in names]


class S6(Peer):
    name = "s6"
    needs = ("s6-svscan", "s6-supervise", "s6-svc", "s6-svstat")

    def command(self):
        return ["s6-svscan", "-c", str(self.n + 100), self.scan]

    def stop_all(self):
        for s in self.all():
            self.quietly(["s6-svc", "-d", s])

    def status(self, names):
        # It answers for one at a time.
        if len(names) == 1:
            return ["s6-svstat", names[0]]
        return ["sh", "-c", 'for s; do s6-svstat "$s"; done', "sh"] + names


class Daemontools(Peer):
    name = "daemontools"
    needs = ("svscan", "supervise", "svc", "svstat")

    def command(self):
        return ["svscan", self.scan]

    def stop_all(self):
        self.quietly(["svc", "-d"] + self.all())

    def status(self, names):
        return ["svstat"] + names


class Supervisord(Peer):
    name = "supervisord"
    needs = ("supervisord", "supervisorctl")

    def prepare(self):
        os.mkdir(self.scan)
        with open(self.dir + "/conf", "w") as f:
            f.write("[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\n"
                    "pidfile=%s/pid\nminfds=%d\nchildlogdir=%s\n" %
                    (self.dir, 8 * self.n + 200, self.dir))
            f.write("[unix_http_server]\nfile=%s/sock\n" % self.dir)
            f.write("[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory="
                    "supervisor.rpcinterface:make_main_rpcinterface\n")
            f.write("[supervisorctl]\nserverurl=unix://%s/sock\n" % self.dir)
            for s in self.all():
                f.write("[program:%s]\ncommand=sleep %s\nstartsecs=0\n" % (s, SECONDS))

    def command(self):
        return ["supervisord", "-c", self.dir + "/conf"]

    def stop_all(self):
        self.quietly(["supervisorctl", "-c", self.dir + "/conf", "stop", "all"])

    def status(self, names):
        words = names if len(names) == 1 else []
        return ["supervisorctl", "-c", self.dir + "/conf", "status"] + words


PEERS = (Runit, S6, Daemontools, Supervisord)


def missing(needs):
    return [x for x in needs if shutil.which(x) is None]
