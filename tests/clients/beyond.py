"""What lies beyond this host, as far as its kernel can tell: at the router every packet leaves by a tun
device, and comes back by it, unless something is done to it there (argument 1). Large segments are
those of 500 bytes and more.

checksum                 all that answers a large segment is damaged
synack                   SYN-ACKs are damaged
unreachable, prohibited  large segments are answered with this ICMP error
syn-unreachable, syn-prohibited, syn-port   SYNs are
small-link               what is larger than 1300 bytes vanishes; what is not takes 50 ms
dead                     all vanishes, both ways, from the first large segment on
one-way                  all that goes the way of the first large segment vanishes, from it on
lossy                    the same, but nine of ten packets only
loses-one                the first large segment vanishes whenever it is sent, and nothing else does
"""

import fcntl
import os
import random
import socket
import struct
import subprocess
import sys
import time

from syn import checksum

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
SYN, LARGE, TABLE = 2, 500, "100"
# Type and code of RFC 792 and RFC 4443.
ERRORS = {
    "unreachable": ((3, 1), (1, 3)),
    "prohibited": ((3, 13), (1, 1)),
    "port": ((3, 3), (1, 4)),
}


def open_tun(name):
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


def route_through(name):
    """What comes in by the cables leaves by the device; what comes back by it goes its way."""
    script = f"""ip link set {name} up
        for of in -4 -6; do
            ip $of route add default dev {name} table {TABLE}
            for cable in toward-c toward-s; do
                ip $of rule add pref 10 iif $cable lookup {TABLE}
            done
        done
        for address in $r $rs; do $ip rule add pref 5 to $address lookup local; done"""
    subprocess.run(["sh", "-euc", script], check=True)


class Packet:
    def __init__(self, data):
        self.data = bytearray(data)
        self.v6 = data[0] >> 4 == 6
        self.head = 40 if self.v6 else (data[0] & 15) * 4
        self.is_tcp = (data[6] if self.v6 else data[9]) == socket.IPPROTO_TCP
        addresses = (8, 24, 40) if self.v6 else (12, 16, 20)
        self.source, self.target = data[addresses[0]:addresses[1]], data[addresses[1]:addresses[2]]
        self.flags = self.size = self.sequence = 0
        if self.is_tcp:
            self.flags = data[self.head + 13] & 0x3F
            self.sequence = struct.unpack_from("!I", data, self.head + 4)[0]
            self.size = len(data) - self.head - (data[self.head + 12] >> 4) * 4

    def damage(self):
        self.data[self.head + 16] ^= 0x55

    def icmp(self, kind):
        """The error about it, as from the target's last router."""
        (type4, code4), (type6, code6) = ERRORS[kind]
        if self.v6:
            body = struct.pack("!BBHI", type6, code6, 0, 0) + bytes(self.data[:1000])
            pseudo = self.target + self.source + struct.pack("!II", len(body), socket.IPPROTO_ICMPV6)
            total = checksum(pseudo + body + bytes(len(body) % 2))
            body = body[:2] + struct.pack("!H", total) + body[4:]
            head = struct.pack("!IHBB", 6 << 28, len(body), socket.IPPROTO_ICMPV6, 60)
            return head + self.target + self.source + body
        body = struct.pack("!BBHI", type4, code4, 0, 0) + bytes(self.data[:self.head + 8])
        body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 60, socket.IPPROTO_ICMP, 0)
        head += self.target + self.source
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def vanishes(action, packet, seen, first):
    if action == "small-link":
        if len(packet.data) > 1300:
            return True
        time.sleep(0.05)
    if action == "dead":
        return bool(seen)
    if action == "one-way":
        return bytes(packet.source) in seen
    if action == "lossy":
        return bool(seen) and random.random() < 0.9
    return action == "loses-one" and packet.size > 0 and packet.sequence == first.get("sequence")


def passed(action, packet, seen, first):
    """What comes back by the device instead of a packet."""
    if not packet.is_tcp:
        return packet.data
    if packet.size >= LARGE:
        seen.add(bytes(packet.source))
        first.setdefault("sequence", packet.sequence)
    if vanishes(action, packet, seen, first):
        return None
    if action == "checksum" and bytes(packet.target) in seen:
        packet.damage()
    if action == "synack" and packet.flags & SYN and packet.flags != SYN:
        packet.damage()
    if action in ERRORS and packet.size >= LARGE:
        return packet.icmp(action)
    if action.startswith("syn-") and packet.flags == SYN:
        return packet.icmp(action.removeprefix("syn-"))
    return packet.data


def main():
    action, name, seen, first = sys.argv[1], "beyond", set(), {}
    device = open_tun(name)
    route_through(name)
    print("open", flush=True)
    while True:
        data = os.read(device, 65536)
        back = passed(action, Packet(data), seen, first)
        if back is not None:
            os.write(device, back)


main()
