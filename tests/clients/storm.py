"""Waits for a connection to a port that passes by, and sends its opener ICMP errors about it, as many as
it is told to; or, with --stranger, about a connection that there is not. Prints the CPU seconds that they
took, which are those of their receiver, too: both are one host."""

import argparse
import json
import socket
import struct
import time

ETH_P_ALL = 3
HOST, PORT, TOO_BIG = "host", "port", "too-big"
# Type, code and the rest of the header (RFC 792; RFC 4443).
KINDS = {
    4: {HOST: (3, 1, 0), PORT: (3, 3, 0), TOO_BIG: (3, 4, 1280)},
    6: {HOST: (1, 3, 0), PORT: (1, 4, 0), TOO_BIG: (2, 0, 1280)},
}


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packets():
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL)) as sniffer:
        print("waiting", flush=True)
        while True:
            data = sniffer.recv(65536)
            if data[0] >> 4 == 4 and data[9] == socket.IPPROTO_TCP:
                yield 4, data, (data[0] & 15) * 4
            if data[0] >> 4 == 6 and data[6] == socket.IPPROTO_TCP:
                yield 6, data, 40


def wait_for(port, established):
    """Version and the beginning of the packet that the errors are about."""
    for version, data, length in packets():
        (to,) = struct.unpack_from("!H", data, length + 2)
        flags = data[length + 13]
        if to == port and (not flags & 2 if established else flags & 2):
            return version, data[:length + 20]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--kind", choices=[HOST, PORT, TOO_BIG], default=HOST)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--established", action="store_true", help="once it has come up")
    parser.add_argument("--stranger", action="store_true", help="about another port of the opener's")
    args = parser.parse_args()
    version, about = wait_for(args.port, args.established)
    # Errors right after a packet was dropped would be taken for the answer of who dropped it.
    time.sleep(0.2)
    if args.stranger:
        at = len(about) - 20
        about = about[:at] + struct.pack("!H", 1) + about[at + 2:]
    kind, code, rest = KINDS[version][args.kind]
    error = struct.pack("!BBHI", kind, code, 0, rest) + about
    if version == 4:
        error = error[:2] + struct.pack("!H", checksum(error)) + error[4:]
        family, protocol, opener = socket.AF_INET, socket.IPPROTO_ICMP, about[12:16]
    else:
        family, protocol, opener = socket.AF_INET6, socket.IPPROTO_ICMPV6, about[8:24]
    to = (socket.inet_ntop(family, opener), 0)
    with socket.socket(family, socket.SOCK_RAW, protocol) as raw:
        raw.connect(to)
        began, wall = time.process_time(), time.monotonic()
        for _ in range(args.count):
            raw.send(error)
        took = time.process_time() - began
    print(json.dumps({"cpu_s": took, "wall_s": time.monotonic() - wall}), flush=True)
    time.sleep(60)


main()
