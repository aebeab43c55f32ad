"""Fills a listener's queue, then acknowledges more SYN-ACKs than it has places for: the last ACKs of
these are held back by a firewall rule until all of them have come."""

import argparse
import socket
import subprocess
import time

TABLE = "inet late"


def nft(line):
    subprocess.run(["nft", line], check=True)


def connect(args):
    sock = socket.socket(socket.AF_INET6 if ":" in args.address else socket.AF_INET)
    sock.settimeout(5)
    sock.connect((args.address, args.port))
    return sock


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--first", type=int, default=2)
    parser.add_argument("--late", type=int, default=3)
    parser.add_argument("--wait", type=float, default=6)
    args = parser.parse_args()
    held = [connect(args) for _ in range(args.first)]
    nft(f"add table {TABLE}")
    nft(f"add chain {TABLE} out {{ type filter hook output priority 0; }}")
    nft(f"add rule {TABLE} out tcp dport {args.port} tcp flags == ack drop")
    held += [connect(args) for _ in range(args.late)]
    nft(f"delete table {TABLE}")
    # The listener answers again after a second, and is acknowledged again.
    time.sleep(args.wait)


main()
