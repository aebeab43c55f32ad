"""Connects as an application would, in the way the options say, and tells what it got.

One JSON object a line, one for each attempt: {"outcome": "ECONNREFUSED", "local_port": 40000}.
The outcome is an errno's name, or connected, timeout (the application's own), interrupted.
"""

import argparse
import ctypes
import errno
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time

import md5
import sandbox

IPPROTO_MPTCP = 262


class Interrupted(Exception):
    pass


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--bind", type=int, default=0, help="local port to bind")
    parser.add_argument("--timeout", type=float, help="give up and close after so many seconds")
    parser.add_argument("--kill", type=float, help="SIGKILL to oneself after so many seconds")
    parser.add_argument("--alarm", type=float, help="a signal interrupts connect()")
    parser.add_argument("--times", type=int, default=1, help="so many attempts, one after another")
    parser.add_argument("--keep", action="store_true", help="keep each socket open")
    parser.add_argument("--same-fd", action="store_true", help="every attempt on one descriptor")
    parser.add_argument("--nonblock", action="store_true", help="connect, poll, SO_ERROR")
    parser.add_argument("--thread", help="connect in a thread of this name")
    parser.add_argument("--mptcp", action="store_true")
    parser.add_argument("--fastopen", action="store_true")
    parser.add_argument("--ttl", type=int, help="so many routers at most")
    parser.add_argument("--md5", action="store_true", help="sign with a key that nobody else has")
    parser.add_argument("--seccomp", help="a filter answers for connect() with this errno")
    parser.add_argument("--meanwhile", help="a command, half a second after the first SYN")
    parser.add_argument("--mapped", action="store_true", help="IPv6 socket, IPv4-mapped address")
    parser.add_argument("--stay", action="store_true", help="stay until killed")
    parser.add_argument("--close", action="store_true", help="quiet loop: only totals are printed")
    return parser.parse_args()


def new_socket(args):
    v6 = ":" in args.address or args.mapped
    protocol = IPPROTO_MPTCP if args.mptcp else 0
    sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_STREAM, protocol)
    if args.bind:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("::" if v6 else "0.0.0.0", args.bind))
    if args.ttl and v6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, args.ttl)
    elif args.ttl:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, args.ttl)
    if args.md5:
        md5.sign(sock, args.address, b"another key")
    if args.timeout:
        sock.settimeout(args.timeout)
    if args.nonblock:
        sock.setblocking(False)
    return sock


def connect(args, sock):
    address = "::ffff:" + args.address if args.mapped else args.address
    try:
        if args.fastopen:
            sock.sendto(b"hello", socket.MSG_FASTOPEN, (address, args.port))
        elif args.nonblock:
            return nonblocking(sock, (address, args.port))
        else:
            sock.connect((address, args.port))
    except socket.timeout as error:
        return errno.errorcode[error.errno] if error.errno else "timeout"
    except Interrupted:
        return "interrupted"
    except OSError as error:
        return errno.errorcode[error.errno]
    return "connected"


def nonblocking(sock, remote):
    code = sock.connect_ex(remote)
    if code == errno.ECONNABORTED:
        # Linux answers so, once, on a descriptor whose last attempt failed; nothing is tried.
        code = sock.connect_ex(remote)
    if code == errno.EINPROGRESS:
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        poll.poll()
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return errno.errorcode[code] if code else "connected"


def attempts(args):
    if args.thread:
        ctypes.CDLL(None).prctl(15, args.thread.encode(), 0, 0, 0)
    kept, totals = [], {}
    sock = new_socket(args)
    for number in range(args.times):
        if number and not args.same_fd:
            sock = new_socket(args)
        outcome = connect(args, sock)
        totals[outcome] = totals.get(outcome, 0) + 1
        if not args.close:
            print(json.dumps({"outcome": outcome, "local_port": args.bind}), flush=True)
        if args.keep:
            kept.append(sock)
        elif not args.same_fd:
            sock.close()
    if args.close:
        print(json.dumps(totals), flush=True)
    if args.stay:
        signal.pause()


def interrupt(_signal, _frame):
    raise Interrupted


def kill_later(seconds):
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGKILL)


def run_later(command):
    time.sleep(0.5)
    subprocess.run(["sh", "-euc", command], check=True, stdout=subprocess.DEVNULL)


def main():
    args = arguments()
    if args.seccomp:
        sandbox.refuse_connect(args.seccomp)
    if args.meanwhile:
        threading.Thread(target=run_later, args=(args.meanwhile,), daemon=True).start()
    if args.kill:
        threading.Thread(target=kill_later, args=(args.kill,), daemon=True).start()
    if args.alarm:
        signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, args.alarm)
    if args.thread:
        thread = threading.Thread(target=attempts, args=(args,))
        thread.start()
        thread.join()
    else:
        attempts(args)
    sys.exit(0)


main()
