"""A connection over loopback that loses something for a while, and ends well: resends.py HOW ADDRESS PORT.
Data is lost of the end that opened it, and with --mirror of the one that accepted it."""

import argparse
import ipaddress
import socket
import struct
import subprocess
import threading
import time

arguments = argparse.ArgumentParser()
arguments.add_argument("how", choices=["syn", "synack", "probe", "timeout", "fast"])
arguments.add_argument("address")
arguments.add_argument("port", type=int)
arguments.add_argument("--mirror", action="store_true")
given = arguments.parse_args()
v6 = ipaddress.ip_address(given.address).version == 6
family = socket.AF_INET6 if v6 else socket.AF_INET
# One packet of 500 bytes of data is less than that, two are more.
ONE = "quota until 800 bytes"


def nft(line):
    subprocess.run(["nft", line], check=True)


def lose(what, until, during):
    """Drops what a rule matches as it arrives, until something holds, while something is done."""
    hook = "type filter hook input priority 0"
    nft(f"table inet loss {{ chain i {{ {hook}; tcp {what} drop; }}; }}")
    doing = threading.Thread(target=during)
    doing.start()
    while not until():
        time.sleep(0.01)
    nft("delete table inet loss")
    doing.join()


def info(field):
    """A 32-bit field of the sender's struct tcp_info (include/uapi/linux/tcp.h)."""
    all_of_it = sender.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return struct.unpack_from("24I", all_of_it, 8)[field]


def unacked():
    return info(4)


def resent():
    return info(23)


def lost(packets):
    """Whether the rule has dropped so many."""
    listed = subprocess.run(["nft", "list", "table", "inet", "loss"], check=True, capture_output=True)
    words = listed.stdout.decode().split()
    return int(words[words.index("packets") + 1]) >= packets


def connect():
    client.connect((given.address, given.port))


def send(segments):
    # Without Nagle's algorithm each is one.
    for _ in range(segments):
        sender.sendall(b"x" * 500)


listener = socket.create_server((given.address, given.port), family=family)
client = socket.socket(family)
if given.how == "syn":
    lose(f"dport {given.port} tcp flags & (syn|ack) == syn counter", lambda: lost(1), connect)
elif given.how == "synack":
    # The acknowledgment is lost that would make the listener's end come up.
    lose(f"dport {given.port} tcp flags & (syn|ack) == ack counter", lambda: lost(1), connect)
else:
    connect()
server, _ = listener.accept()
sender, receiver = (server, client) if given.mirror else (client, server)
sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
data = f"{'sport' if given.mirror else 'dport'} {given.port} meta length > 500"
if given.how == "probe":
    lose(f"{data} {ONE}", lambda: resent() >= 1, lambda: send(1))
elif given.how == "timeout":
    # A probe comes first.
    lose(data, lambda: resent() >= 2, lambda: send(1))
elif given.how == "fast":
    lose(f"{data} {ONE}", lambda: resent() >= 1, lambda: send(8))
# All has arrived before it ends.
while unacked():
    time.sleep(0.01)
sender.shutdown(socket.SHUT_WR)
while receiver.recv(4096):
    pass
receiver.close()
assert sender.recv(1) == b""
sender.close()
