"""Connections to a listener of this process (argument 1: its address), from one child after the other:
those of the first are closed well; those of the second are reset by it while nothing is under way. It says
who did which, as JSON."""

import json
import os
import socket
import struct
import sys

CONNECTIONS = 300
LINGER_0 = struct.pack("ii", 1, 0)


def child(address, does_abort):
    """A child that opens all, and ends them once it is told to. Gives its pid and a pipe to it."""
    ours, its = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        opened = [socket.create_connection(address) for _ in range(CONNECTIONS)]
        its.recv(1)
        for one in opened:
            if does_abort:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
            one.close()
        os._exit(0)
    its.close()
    return pid, ours


def play(server, does_abort):
    pid, pipe = child(server.getsockname()[:2], does_abort)
    accepted = [server.accept()[0] for _ in range(CONNECTIONS)]
    pipe.send(b"\n")
    for one in accepted:
        try:
            one.recv(1)
        except ConnectionResetError:
            pass
        one.close()
    os.waitpid(pid, 0)
    return pid


def main():
    family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
    with socket.create_server((sys.argv[1], 0), family=family, backlog=CONNECTIONS) as server:
        print("up", flush=True)
        sys.stdin.readline()
        closes, aborts = play(server, False), play(server, True)
        print(json.dumps({"server": os.getpid(), "closes": closes, "aborts": aborts,
                          "connections": CONNECTIONS, "port": server.getsockname()[1]}))


main()
