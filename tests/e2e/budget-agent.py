#!/usr/bin/python3
# An agent for the tests of budgets: it does what it is told, line by line, through a FIFO:
# `notify TEXT' to its supervisor, `print TEXT' to its output, `exit STATUS'.
# (Not a test: sourced by none, started by units of e2e/budget.)
import os, socket, sys

path = sys.argv[1]
if not os.path.exists(path):
    os.mkfifo(path)
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
if len(sys.argv) > 2:
    print(sys.argv[2], flush=True)
while True:
    with open(path) as f:
        for line in f:
            what, _, text = line.rstrip("\n").partition(" ")
            if what == "notify":
                s.sendto(text.replace(";", "\n").encode(), os.environ["NOTIFY_SOCKET"])
            elif what == "print":
                print(text, flush=True)
            elif what == "exit":
                sys.exit(int(text))
