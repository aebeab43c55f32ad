"""A connection that comes up, and then breaks. With --serve PORT the other end of it, which the first
byte tells what to do. The client prints the errno that it got, as connect.py does. With --mirror the
two change their parts: the end that was accepted is the one that breaks. With --mptcp at both ends
it is one of Multipath TCP."""

import argparse
import errno
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

LINGER_0 = struct.pack("ii", 1, 0)
# More than a connection may send before it is acknowledged (ten segments, RFC 6928).
PAGE = 100_000
# So long that a segment is sent again four times, at least.
LONG = 4000
ABORT, UNREAD, CLOSE, READ, HOLD, SILENCE, MIRROR = b"a", b"u", b"c", b"r", b"h", b"s", b"m"


def drop(hook):
    rule = f"table inet stream {{ chain {hook} {{ type filter hook {hook} priority 0; drop; }}; }}"
    subprocess.run(["nft", rule], check=True)


def reject(how):
    """A RST that is rejected in turn would never arrive."""
    rule = f"meta l4proto tcp tcp flags & rst == 0 reject with {how}"
    rule = f"table inet stream {{ chain output {{ type filter hook output priority 0; {rule}; }}; }}"
    subprocess.run(["nft", rule], check=True)


class Told(Exception):
    pass


def answer(peer):
    command = peer.recv(1)
    if command == MIRROR:
        return change_parts(peer)
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


def serve(port, protocol):
    sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind(("::", port))
    sock.listen()
    print("listening", flush=True)
    held = []
    while True:
        held.append(sock.accept()[0])
        threading.Thread(target=answer, args=(held[-1],), daemon=True).start()


def change_parts(sock):
    """The client's part, by the server; the client is told when it is over."""
    name, client = bytes(iter(lambda: sock.recv(1)[0], ord("\n"))).decode().split()
    try:
        ENDS[name](sock)
        sock.close()
    except OSError:
        pass
    finally:
        os.kill(int(client), signal.SIGUSR1)


def mirror(sock, name):
    """The server's part, by the client, until the server says that it is over."""
    def told(_signal, _frame):
        raise Told

    signal.signal(signal.SIGUSR1, told)
    try:
        sock.sendall(MIRROR + f"{name} {os.getpid()}\n".encode())
        if name == "sends-and-is-asked":
            time.sleep(0.4)
            sock.sendall(b"?")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
        answer(sock)
        # No pause(): a signal that comes just before it would not end it.
        while True:
            time.sleep(0.1)
    except Told:
        pass


def limit(sock, milliseconds):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


def begin(sock, command, rest=b""):
    sock.sendall(command + rest)
    time.sleep(0.5)


def break_link(sock):
    """The cable is pulled at its other end: the router's."""
    end = "toward-s" if "--serve" in sys.argv else "toward-c"
    command = f"ip -n $router link set {end} down"
    go_silent(sock, lambda: subprocess.run(command, shell=True, check=True))


def drop_by_tc(sock):
    tc = """tc qdisc add dev eth0 clsact
        tc filter add dev eth0 egress protocol all bpf da bytecode '1,6 0 0 2'"""
    go_silent(sock, lambda: subprocess.run(tc, shell=True, check=True))


def at_router(command):
    """Seen from the end that breaks it, on the way to the other."""
    side = "toward-c" if "--serve" in sys.argv else "toward-s"
    command = f"ip netns exec $router {command.replace('SIDE', side)}"
    return lambda sock: go_silent(sock, lambda: subprocess.run(command, shell=True, check=True))


ROUTER_DROPS = """nft 'table inet stream { chain forward {
    type filter hook forward priority 0; drop; }; }'"""
# A RST that is rejected in turn would never arrive.
ROUTER_REJECTS = """nft 'table inet stream { chain forward { type filter hook forward priority 0;
    tcp flags & rst == 0 reject with tcp reset; }; }'"""
ROUTER_TC = """sh -c "tc qdisc add dev SIDE clsact
    tc filter add dev SIDE egress protocol all bpf da bytecode '1,6 0 0 2'" """


def meet_small_link(sock):
    """Small segments pass the router, full-size ones do not; the row eats what says so."""
    begin(sock, READ)
    limit(sock, 2500)
    side = "toward-c" if "--serve" in sys.argv else "toward-s"
    subprocess.run(f"ip -n $router link set {side} mtu 1300", shell=True, check=True)
    sock.sendall(bytes(4000))
    sock.recv(1)


def take_down(sock):
    go_silent(sock, lambda: subprocess.run("ip link set eth0 down", shell=True, check=True))


def lose_device(sock):
    """As where a container is taken off its network: no device, no address, no route."""
    go_silent(sock, lambda: subprocess.run("ip link del eth0", shell=True, check=True))


def lose_peer(sock):
    """The same at the other end."""
    end = "toward-c" if "--serve" in sys.argv else "toward-s"
    go_silent(sock, lambda: subprocess.run(f"ip -n $router link del {end}", shell=True, check=True))


def be_given_up(sock):
    """It is closed with data that nobody acknowledges, beside others like it, at a moment when the
    kernel bears no such connections. The lab knows that limit, which is the whole host's, and puts it
    back; here it is lowered for one close() only."""
    server = ("::1", sock.getsockname()[1]) if "--serve" in sys.argv else sock.getpeername()[:2]
    others = [socket.create_connection(server) for _ in range(8)]
    begin(sock, READ)
    drop("output")
    for one in (sock, *others):
        one.sendall(b"x")
    for other in others:
        other.close()
    # The kernel counts them ten times a second.
    time.sleep(0.3)
    before = limit_orphans(0)
    try:
        sock.close()
    finally:
        limit_orphans(before)
    let_others_end()


def let_others_end():
    """They would last for minutes, and die at whatever moment another row lowers the limit."""
    nft = "nft delete table inet stream"
    subprocess.run(nft, shell=True, check=True)
    left = ["ss", "-Htn", "state", "fin-wait-1", "state", "closing", "state", "last-ack"]
    for _ in range(100):
        if not subprocess.run(left, check=True, capture_output=True).stdout:
            break
        time.sleep(0.1)


def limit_orphans(number):
    """The limit of the lab's own network namespace: what it was before."""
    path = "/proc/sys/net/ipv4/tcp_max_orphans"
    script = f"cat {path}; echo {int(number)} > {path}"
    enter = ["nsenter", "-t", os.environ["lab_pid"], "-n", "sh", "-c", script]
    return subprocess.run(enter, check=True, capture_output=True).stdout


def send_large(sock):
    begin(sock, READ)
    limit(sock, 2500)
    sock.sendall(bytes(1000))
    sock.recv(1)


def send_much(sock, data, pause=0.5):
    """After one byte that passes."""
    limit(sock, LONG)
    sock.sendall(READ)
    if pause:
        time.sleep(pause)
    sock.sendall(data)
    sock.recv(1)


def send_at_once(sock):
    """Nothing small before it."""
    limit(sock, LONG)
    sock.sendall(READ + bytes(PAGE))
    sock.recv(1)


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
    # The peer may take longer to fall silent.
    while not is_under_way(sock):
        sock.sendall(b"x")
    sock.recv(1)


def is_under_way(sock):
    """Whether something is not acknowledged that a peer would have acknowledged long since."""
    time.sleep(0.1)
    unacked = 24  # tcpi_unacked
    return struct.unpack_from("I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), unacked)[0]


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


def lose_subflow(sock):
    """The first subflow of several is destroyed; another carries the connection on."""
    begin(sock, READ)
    address, port = sock.getsockname()[:2]
    all_subflows = ["ss", "-tnH", "state", "established"]
    deadline = time.monotonic() + 5
    while subprocess.run(all_subflows, check=True, capture_output=True).stdout.count(b"\n") < 2:
        if time.monotonic() > deadline:
            raise SystemExit("no other subflow")
        time.sleep(0.05)
    subprocess.run(["ss", "-tK", f"src [{address}]:{port}"], check=True, capture_output=True)
    sock.sendall(b"x")
    time.sleep(0.2)
    sock.sendall(b"x")


def be_killed_when_closed(sock):
    """Data is under way, so the socket outlives its descriptor; another process destroys it."""
    begin(sock, READ)
    drop("output")
    port = sock.getsockname()[1]
    sock.sendall(b"x")
    sock.close()
    subprocess.run(["ss", "-K", "state", "fin-wait-1", f"sport = {port}"], check=True, capture_output=True)


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
    "rejects-output": lambda sock: go_silent(sock, lambda: reject("tcp reset")),
    "rejects-output-by-icmp": lambda sock: go_silent(sock, lambda: reject("icmpx type port-unreachable")),
    "silence": lambda sock: meet_silence(sock, 0),
    "user-timeout": lambda sock: meet_silence(sock, 1500),
    "keepalive": stay_idle,
    "zero-window": fill,
    "killed": be_killed,
    "loses-subflow": lose_subflow,
    "killed-when-closed": be_killed_when_closed,
    "breaks-link": break_link,
    "drops-by-tc": drop_by_tc,
    "drops-at-router": at_router(ROUTER_DROPS),
    "rejects-at-router": at_router(ROUTER_REJECTS),
    "drops-by-router-tc": at_router(ROUTER_TC),
    "meets-small-link": meet_small_link,
    "sends-large": send_large,
    "sends-a-few": lambda sock: send_much(sock, bytes(4000)),
    "sends-heading": lambda sock: send_much(sock, bytes(PAGE), 0),
    "sends-after-pause": lambda sock: send_much(sock, bytes(PAGE)),
    "sends-at-once": send_at_once,
    "sends-and-is-asked": send_at_once,
    "takes-down": take_down,
    "loses-device": lose_device,
    "peer-loses-device": lose_peer,
    "is-given-up": be_given_up,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address", nargs="?")
    parser.add_argument("port", type=int)
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--end", choices=ENDS)
    parser.add_argument("--mirror", action="store_true")
    parser.add_argument("--mptcp", action="store_true")
    args = parser.parse_args()
    protocol = socket.IPPROTO_MPTCP if args.mptcp else socket.IPPROTO_TCP
    if args.serve:
        serve(args.port, protocol)
    family = socket.AF_INET6 if ":" in args.address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, protocol)
    sock.connect((args.address, args.port))
    try:
        mirror(sock, args.end) if args.mirror else ENDS[args.end](sock)
        sock.close()
    except OSError as error:
        print(json.dumps({"outcome": errno.errorcode[error.errno]}), flush=True)


main()
