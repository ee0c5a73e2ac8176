#!/usr/bin/env python3
"""What a running systemd has loaded of the units named on the standard input.

Runs beside it, and asks by its private socket: one JSON object a line with the name and
all properties, typed as they are on the bus.  A unit that cannot be loaded has an error.
"""
import ctypes
import json
import sys

sd = ctypes.CDLL("libsystemd.so.0")
BASIC = {
    "y": ctypes.c_uint8, "b": ctypes.c_int, "n": ctypes.c_int16, "q": ctypes.c_uint16,
    "i": ctypes.c_int32, "u": ctypes.c_uint32, "x": ctypes.c_int64, "t": ctypes.c_uint64,
    "d": ctypes.c_double, "s": ctypes.c_char_p, "o": ctypes.c_char_p, "g": ctypes.c_char_p,
    "h": ctypes.c_int,
}


class Error(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("message", ctypes.c_char_p),
                ("need_free", ctypes.c_int)]


def check(r, what):
    if r < 0:
        raise OSError(-r, what)
    return r


def read(m):
    """One value at the cursor of the message; None at the end of what is open."""
    kind, contents = ctypes.c_char(), ctypes.c_char_p()
    if check(sd.sd_bus_message_peek_type(m, ctypes.byref(kind), ctypes.byref(contents)),
             "peek") == 0:
        return None
    k = kind.value.decode()
    if k in BASIC:
        v = BASIC[k]()
        check(sd.sd_bus_message_read_basic(m, ctypes.c_char(kind.value), ctypes.byref(v)), "read")
        if k == "b":
            return bool(v.value)
        return v.value.decode(errors="replace") if k in "sog" else v.value
    inside = contents.value
    check(sd.sd_bus_message_enter_container(m, ctypes.c_char(kind.value), inside), "enter")
    items = []
    while sd.sd_bus_message_at_end(m, 0) == 0:
        items.append(read(m))
    check(sd.sd_bus_message_exit_container(m), "exit")
    if k == "v":
        return items[0]
    return items


def call(bus, path, interface, method, *args):
    error, reply = Error(), ctypes.c_void_p()
    r = sd.sd_bus_call_method(bus, b"org.freedesktop.systemd1", path.encode(),
                              interface.encode(), method.encode(), ctypes.byref(error),
                              ctypes.byref(reply), b"s" * len(args),
                              *[a.encode() for a in args])
    if r < 0:
        raise RuntimeError((error.message or b"?").decode(errors="replace"))
    return reply


def main():
    bus = ctypes.c_void_p()
    check(sd.sd_bus_new(ctypes.byref(bus)), "new")
    check(sd.sd_bus_set_address(bus, b"unix:path=/run/systemd/private"), "address")
    check(sd.sd_bus_start(bus), "start")
    for line in sys.stdin:
        name = line.strip()
        out = {"name": name}
        try:
            reply = call(bus, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
                         "LoadUnit", name)
            path = read(reply)
            sd.sd_bus_message_unref(reply)
            reply = call(bus, path, "org.freedesktop.DBus.Properties", "GetAll", "")
            out["properties"] = dict(read(reply))
            sd.sd_bus_message_unref(reply)
        except RuntimeError as e:
            out["error"] = str(e)
        print(json.dumps(out))


main()
