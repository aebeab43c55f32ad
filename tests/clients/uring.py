"""connect() through io_uring: no connect system call is made. Arguments: address, port."""

import ctypes
import errno
import json
import mmap
import socket
import struct
import sys

SETUP, ENTER, GETEVENTS, OP_CONNECT = 425, 426, 1, 16
OFF_SQES = 0x10000000
LIBC = ctypes.CDLL(None, use_errno=True)


def sockaddr(address, port):
    if ":" in address:
        body = struct.pack("!HI", port, 0) + socket.inet_pton(socket.AF_INET6, address)
        return struct.pack("H", socket.AF_INET6) + body + struct.pack("I", 0)
    body = struct.pack("!H", port) + socket.inet_aton(address)
    return struct.pack("H", socket.AF_INET) + body + bytes(8)


def main():
    address, port = sys.argv[1], int(sys.argv[2])
    params = ctypes.create_string_buffer(120)
    ring = LIBC.syscall(SETUP, 1, params)
    if ring < 0:
        sys.exit("io_uring_setup: " + errno.errorcode[ctypes.get_errno()])
    sq = struct.unpack_from("10I", params.raw, 40)
    cq = struct.unpack_from("10I", params.raw, 80)
    rings = mmap.mmap(ring, 4096, mmap.MAP_SHARED, offset=0)
    sqes = mmap.mmap(ring, 4096, mmap.MAP_SHARED, offset=OFF_SQES)

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    name = sockaddr(address, port)
    held = ctypes.create_string_buffer(name, len(name))
    sqe = struct.pack("<BBHiQQ", OP_CONNECT, 0, 0, sock.fileno(), len(name), ctypes.addressof(held))
    sqes[: len(sqe)] = sqe

    sq_tail, sq_array, cq_head, cqes = sq[1], sq[6], cq[0], cq[5]
    struct.pack_into("I", rings, sq_array, 0)
    struct.pack_into("I", rings, sq_tail, 1)
    done = LIBC.syscall(ENTER, ring, 1, 1, GETEVENTS, None, 0)
    if done < 0:
        sys.exit("io_uring_enter: " + errno.errorcode[ctypes.get_errno()])
    head = struct.unpack_from("I", rings, cq_head)[0]
    result = struct.unpack_from("<Qi", rings, cqes + 16 * (head & 0))[1]
    outcome = errno.errorcode[-result] if result < 0 else "connected"
    print(json.dumps({"outcome": outcome, "local_port": 0}), flush=True)


main()
