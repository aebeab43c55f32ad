"""Connections of one process with itself (argument 1: the address), one for each way to end. It says that
all are up, waits for a line, and then ends them all: for each it tells the ports and the errno that it
got."""

import errno
import json
import socket
import struct
import subprocess
import sys
import threading
import time

LINGER_0 = struct.pack("ii", 1, 0)
FIRST_PORT = 9001


class Pair:
    def __init__(self, address, port):
        v6 = ":" in address
        with socket.create_server((address, port), family=socket.AF_INET6 if v6 else socket.AF_INET) as server:
            self.near = socket.create_connection((address, port))
            self.far, _ = server.accept()
        self.ports = (self.near.getsockname()[1], port)

    def talk(self):
        self.near.sendall(bytes(5000))
        self.far.recv(5000, socket.MSG_WAITALL)
        self.far.sendall(bytes(700))
        self.near.recv(9999)
        time.sleep(0.1)

    def limit(self, milliseconds):
        self.near.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)

    def cut(self):
        near, far = self.ports
        both = f"tcp sport {near} tcp dport {far} drop; tcp sport {far} tcp dport {near} drop"
        nft(f"table inet ends{far} {{ chain i {{ type filter hook input priority 0; {both}; }}; }}")

    def refuse(self):
        """Its own side does not let go what it sends."""
        near, far = self.ports
        own = f"tcp sport {near} tcp dport {far} drop"
        nft(f"table inet ends{far} {{ chain o {{ type filter hook output priority 0; {own}; }}; }}")

    def mend(self):
        nft(f"delete table inet ends{self.ports[1]}")


# Begun before there are connections: a child that is forked meanwhile would hold them open for a moment.
SHELL = subprocess.Popen(["sh", "-e"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
TURN = threading.Lock()


def nft(rules):
    with TURN:
        SHELL.stdin.write(f"nft '{rules}'; echo done\n")
        SHELL.stdin.flush()
        if SHELL.stdout.readline() != "done\n":
            raise RuntimeError(f"nft refuses {rules}")


def abort(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
    sock.close()


# Those that end well.

def closed_first(pair):
    pair.talk()
    pair.near.close()
    pair.far.recv(1)


def closed_last(pair):
    pair.talk()
    pair.far.close()
    pair.near.recv(1)


def half_closed(pair):
    pair.near.shutdown(socket.SHUT_WR)
    pair.far.sendall(bytes(90000))
    pair.far.close()
    while pair.near.recv(65536):
        pass


def closed_with_data(pair):
    pair.near.sendall(bytes(100_000))
    pair.near.close()
    while pair.far.recv(65536):
        pass


def reset_after_close(pair):
    pair.talk()
    pair.near.close()
    abort(pair.far)


def reset_when_half_closed(pair):
    pair.talk()
    pair.near.shutdown(socket.SHUT_WR)
    time.sleep(0.1)
    abort(pair.far)
    time.sleep(0.1)


def never_closed_there(pair):
    pair.near.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, 1)
    pair.near.close()
    time.sleep(2.5)


def last_word_lost(pair):
    pair.talk()
    pair.limit(700)
    pair.cut()
    pair.near.close()
    time.sleep(3)
    pair.mend()


def lost_for_a_while(pair):
    pair.talk()
    pair.cut()
    pair.near.sendall(bytes(3000))
    time.sleep(0.7)
    pair.mend()
    pair.far.recv(1)
    time.sleep(1.5)
    pair.far.recv(9999)


def refused_for_a_while(pair):
    pair.talk()
    pair.refuse()
    pair.near.sendall(b"x")
    time.sleep(0.7)
    pair.mend()
    pair.far.recv(1)
    pair.near.close()
    pair.far.recv(1)


# Those that do not.

def reset(pair):
    pair.talk()
    abort(pair.far)
    time.sleep(0.3)


def reset_taken(pair):
    reset(pair)
    pair.near.recv(1)


def closed_unread(pair):
    pair.talk()
    pair.far.sendall(bytes(10))
    time.sleep(0.3)
    pair.near.close()


def silence(pair):
    pair.limit(1000)
    pair.cut()
    pair.near.sendall(b"x")
    time.sleep(2.5)
    pair.mend()


def refused(pair):
    pair.limit(1000)
    pair.refuse()
    pair.near.sendall(b"x")
    time.sleep(2.5)
    pair.mend()


def silence_told(pair):
    silence(pair)
    pair.near.recv(1)


def silence_when_closed(pair):
    pair.limit(1000)
    pair.cut()
    pair.near.sendall(bytes(100))
    pair.near.close()
    time.sleep(3)
    pair.mend()


def idle(pair):
    pair.near.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 2)):
        pair.near.setsockopt(socket.IPPROTO_TCP, option, value)
    pair.cut()
    time.sleep(4.5)
    pair.mend()


def unread(pair):
    pair.limit(1500)
    while True:
        pair.near.sendall(bytes(65536))


ENDS = [closed_first, closed_last, half_closed, closed_with_data, reset_after_close, reset_when_half_closed,
        never_closed_there, last_word_lost, lost_for_a_while, refused_for_a_while, refused, reset, reset_taken,
        closed_unread, silence, silence_told, silence_when_closed, idle, unread]


def end(way, pair):
    got = ""
    try:
        way(pair)
    except OSError as error:
        got = errno.errorcode[error.errno]
    pair.near.close()
    pair.far.close()
    line = json.dumps({"end": way.__name__, "ports": pair.ports, "errno": got})
    with TURN:
        print(line, flush=True)


def main():
    pairs = [Pair(sys.argv[1], FIRST_PORT + number) for number in range(len(ENDS))]
    print("up", flush=True)
    sys.stdin.readline()
    threads = [threading.Thread(target=end, args=both) for both in zip(ENDS, pairs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


main()
