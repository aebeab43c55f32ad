"""TCP-MD5 (RFC 2385): what both ends of it do."""

import socket
import struct

TCP_MD5SIG = 14


def sign(sock, address, key):
    """Signs what goes to an address, and demands a signature of what comes from it: struct
    tcp_md5sig (include/uapi/linux/tcp.h). An IPv6 socket takes IPv4 addresses as mapped ones."""
    if ":" in address:
        family, packed = socket.AF_INET6, socket.inet_pton(socket.AF_INET6, address)
        end = struct.pack("=HHI16sI", family, 0, 0, packed, 0)
    elif sock.family == socket.AF_INET6:
        mapped = bytes(10) + b"\xff\xff" + socket.inet_pton(socket.AF_INET, address)
        end = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, mapped, 0)
    else:
        end = struct.pack("=HH4s", socket.AF_INET, 0, socket.inet_aton(address))
    tail = struct.pack("=BBHi80s", 0, 0, len(key), 0, key)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, end.ljust(128, b"\0") + tail)
