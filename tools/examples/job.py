#!/usr/bin/env python3
"""Jobs from Python, with its standard library alone:

    job.py submit PROGRAM [ARGUMENT...]    says the name of its unit
    job.py follow UNIT                     prints what happens to it, and ends as it ends
    job.py cancel UNIT                     calls it off
"""
import json
import os
import socket
import sys


def call(method, **parameters):
    """The replies of supd, one after the other (supd.control(7))."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(os.path.join(os.environ.get("SUPD_ROOT", "."), "run", "supd.sock"))
        s.sendall(json.dumps({"method": method, "parameters": parameters, "more": True}).encode() + b"\0")
        rest = b""
        while data := s.recv(65536):
            *replies, rest = (rest + data).split(b"\0")
            for reply in map(json.loads, replies):
                if "error" in reply:
                    sys.exit(reply["parameters"].get("message", reply["error"]))
                yield reply["parameters"]
                if not reply.get("continues"):
                    return


def submit(*argv):
    job = next(call("io.supd.Job.Run", argv=argv, cwd=os.getcwd()))
    sys.exit(job["message"]) if job.get("success") is False else print(job["unit"])


def follow(unit):
    since = next(call("io.supd.Event.Position"))["oldest"]
    for reply in call("io.supd.Event.Subscribe", units=[unit], since=since):
        event = reply["event"]
        print(json.dumps(event), flush=True)
        if event["event"] == "exit":
            sys.exit(1 if event["exit_code"] is None else event["exit_code"])


def cancel(unit):
    next(call("io.supd.Unit.Stop", units=[unit]))


if len(sys.argv) < 3 or sys.argv[1] not in ("submit", "follow", "cancel"):
    sys.exit(__doc__)
{"submit": submit, "follow": follow, "cancel": cancel}[sys.argv[1]](*sys.argv[2:])
