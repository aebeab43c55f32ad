"""A connection that comes up, and then breaks. With --serve PORT the other end of it, which the first
byte tells what to do. The client prints the errno that it got, as connect.py does."""

import argparse
import errno
import json
import socket
import struct
import subprocess
import threading
import time

LINGER_0 = struct.pack("ii", 1, 0)
ABORT, UNREAD, CLOSE, READ, HOLD, SILENCE = b"a", b"u", b"c", b"r", b"h", b"s"


def drop(hook):
    rule = f"table inet stream {{ chain {hook} {{ type filter hook {hook} priority 0; drop; }}; }}"
    subprocess.run(["nft", rule], check=True)


def answer(peer, held):
    held.append(peer)
    command = peer.recv(1)
    if command == ABORT:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
    if command in (ABORT, UNREAD, CLOSE):
        time.sleep(0.2)
        peer.close()
    if command == SILENCE:
        drop("input")
    if command in (READ, SILENCE):
        try:
            while peer.recv(65536):
                pass
        except OSError:
            pass


def serve(port):
    sock = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    print("listening", flush=True)
    held = []
    while True:
        peer, _ = sock.accept()
        threading.Thread(target=answer, args=(peer, held), daemon=True).start()


def limit(sock, milliseconds):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


def begin(sock, command, rest=b""):
    sock.sendall(command + rest)
    time.sleep(0.5)


def fill(sock):
    begin(sock, HOLD)
    limit(sock, 2500)
    while True:
        sock.sendall(bytes(65536))


def write_on(sock):
    begin(sock, CLOSE)
    sock.sendall(b"1")
    time.sleep(0.2)
    sock.sendall(b"2")


def go_silent(sock, after):
    begin(sock, READ)
    limit(sock, 1500)
    after()
    sock.sendall(b"x")
    sock.recv(1)


def meet_silence(sock, milliseconds):
    if milliseconds:
        limit(sock, milliseconds)
    begin(sock, SILENCE)
    sock.sendall(b"x")
    sock.recv(1)


def stay_idle(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 2)):
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
    begin(sock, SILENCE)
    sock.recv(1)


def be_killed(sock):
    begin(sock, READ)
    port = sock.getsockname()[1]
    subprocess.run(["ss", "-K", f"sport = {port}"], check=True, capture_output=True)
    sock.recv(1)


def abort(sock):
    begin(sock, READ)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)


def wait_for(command, rest=b""):
    return lambda sock: (sock.sendall(command + rest), sock.recv(1))


ENDS = {
    "peer-aborts": wait_for(ABORT),
    "peer-leaves-data": wait_for(UNREAD, bytes(100)),
    "peer-has-closed": write_on,
    "aborts": abort,
    "drops-output": lambda sock: go_silent(sock, lambda: drop("output")),
    "drops-input": lambda sock: go_silent(sock, lambda: drop("input")),
    "silence": lambda sock: meet_silence(sock, 0),
    "user-timeout": lambda sock: meet_silence(sock, 1500),
    "keepalive": stay_idle,
    "zero-window": fill,
    "killed": be_killed,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address", nargs="?")
    parser.add_argument("port", type=int)
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--end", choices=ENDS)
    args = parser.parse_args()
    if args.serve:
        serve(args.port)
    sock = socket.create_connection((args.address, args.port))
    try:
        ENDS[args.end](sock)
        sock.close()
    except OSError as error:
        print(json.dumps({"outcome": errno.errorcode[error.errno]}), flush=True)


main()
