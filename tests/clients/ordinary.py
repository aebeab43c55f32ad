"""Connections as programs make them each day. With --serve, the other end: it reads until the client has
closed its half, sends back what it got, and closes."""

import argparse
import asyncio
import select
import socket
import struct

REQUEST = b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n"
POOL, SESSIONS = 20, 20


async def echo(reader, writer):
    try:
        writer.write(await reader.read())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    except ConnectionError:
        pass


async def serve(port):
    server = await asyncio.start_server(echo, None, port, backlog=4096)
    print("listening", flush=True)
    await server.serve_forever()


def connect(args, port=None):
    return socket.create_connection((args.address, port or args.port))


def read_all(sock):
    got = b""
    while part := sock.recv(65536):
        got += part
    return got


def check_health(args):
    connect(args).close()


def close_by_halves(args):
    with connect(args) as sock:
        finish(sock)


def finish(sock):
    sock.sendall(bytes(100))
    sock.shutdown(socket.SHUT_WR)
    assert len(read_all(sock)) == 100


def connect_nonblocking(args):
    family = socket.AF_INET6 if ":" in args.address else socket.AF_INET
    with socket.socket(family) as sock:
        sock.setblocking(False)
        sock.connect_ex((args.address, args.port))
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        poll.poll()
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        sock.setblocking(True)
        finish(sock)


def fill_pool(args):
    pool = [connect(args, args.http) for _ in range(POOL)]
    for sock in pool:
        sock.sendall(REQUEST)
        # Small enough to come in one piece.
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")
    return pool


def abort(args):
    """A true failure: both ends lose it."""
    for _ in range(args.abort):
        sock = connect(args)
        sock.sendall(b"x")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()


def ordinary(args):
    sessions = [connect(args) for _ in range(SESSIONS)]
    pool = fill_pool(args)
    ways = (check_health, close_by_halves, check_health, close_by_halves, connect_nonblocking)
    for number in range(args.count):
        ways[number % len(ways)](args)
    # The server closes them when they were idle for long enough; nobody looks until then.
    for sock in pool:
        assert read_all(sock) == b""
        sock.close()
    for sock in sessions:
        finish(sock)
        sock.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address", nargs="?")
    parser.add_argument("port", type=int)
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--count", type=int, default=0, help="so many connections, and a few")
    parser.add_argument("--http", type=int, help="port of a web server, for a pool of clients")
    parser.add_argument("--abort", type=int, default=0, help="only so many that are aborted")
    args = parser.parse_args()
    if args.serve:
        asyncio.run(serve(args.port))
    elif args.abort:
        abort(args)
    else:
        ordinary(args)


main()
