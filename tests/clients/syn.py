"""Sends segments made by hand: SYNs from one port after another, or others. Answers nothing, or with
--acknowledge each SYN-ACK."""

import argparse
import signal
import socket
import struct
import time

FLAGS = {"fin": 1, "syn": 2, "rst": 4, "ack": 16}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--flags", default="syn", help="fin, syn, rst, ack, joined by commas")
    parser.add_argument("--beside", action="store_true", help="a daemon: one line once all are sent")
    parser.add_argument("--wait", type=float, default=0, help="seconds before it ends")
    parser.add_argument("--acknowledge", action="store_true", help="SYN-ACKs, while it waits")
    parser.add_argument("--fast", action="store_true", help="as fast as it can, not 500 a second")
    return parser.parse_args()


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def own_address(family, address):
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((address, 9))
        return probe.getsockname()[0]


def segment(ends, ports, flags, numbers=None):
    """A header without options (RFC 9293, 3.1), over the pseudo-header of IPv4 or IPv6."""
    numbers = numbers or (ports[0] * 65537, 1)
    head = struct.pack("!HHIIBBHHH", *ports, *numbers, 5 << 4, flags, 64240, 0, 0)
    pseudo = ends + struct.pack("!II", len(head), socket.IPPROTO_TCP)
    return head[:16] + struct.pack("!H", checksum(pseudo + head)) + head[18:]


def send(args, flags):
    family = socket.AF_INET6 if ":" in args.address else socket.AF_INET
    addresses = (own_address(family, args.address), args.address)
    ends = b"".join(socket.inet_pton(family, address) for address in addresses)
    bits = sum(FLAGS[name] for name in flags.split(","))
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
        raw.bind((addresses[0], 0))
        for number in range(args.count):
            source = 1024 + number % 64000
            raw.sendto(segment(ends, (source, args.port), bits), (args.address, 0))
            if not args.fast and number % 10 == 9:
                time.sleep(0.02)
        if args.acknowledge:
            acknowledge(raw, ends, args)


def acknowledge(raw, ends, args):
    until = time.monotonic() + args.wait
    while (left := until - time.monotonic()) > 0:
        raw.settimeout(left)
        try:
            packet = raw.recv(65535)
        except socket.timeout:
            return
        # Of IPv4 the header of the packet is there, too.
        head = packet[(packet[0] & 15) * 4 :] if raw.family == socket.AF_INET else packet
        source, own, seq, ack, _, flags = struct.unpack("!HHIIBB", head[:14])
        if source == args.port and flags & 0x17 == FLAGS["syn"] | FLAGS["ack"]:
            numbers = (ack, (seq + 1) % 2**32)
            answer = segment(ends, (own, args.port), FLAGS["ack"], numbers)
            raw.sendto(answer, (args.address, 0))


def main():
    args = arguments()
    began = time.monotonic()
    send(args, args.flags)
    if args.beside:
        print("sent", flush=True)
        signal.pause()
    time.sleep(max(0, began + args.wait - time.monotonic()))


if __name__ == "__main__":
    main()
