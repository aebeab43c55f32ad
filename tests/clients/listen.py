"""Listens on a port and accepts all there is: on every address, IPv4 and IPv6, or with --on ADDRESS
on that one only (:: is then IPv6 alone). Prints one line once it listens."""

import argparse
import signal
import socket

import md5

HTTP = b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--on", help="this address only; :: is then IPv6 alone")
    parser.add_argument("--http", action="store_true", help="answer, then close")
    parser.add_argument("--hold", action="store_true", help="keep each connection open")
    parser.add_argument("--backlog", type=int, default=4096)
    parser.add_argument("--stuck", action="store_true", help="never accept")
    parser.add_argument("--shared", action="store_true", help="SO_REUSEPORT: others may listen there")
    parser.add_argument("--md5", help="demand a TCP-MD5 signature of this address")
    return parser.parse_args()


def main():
    args = arguments()
    address = args.on or "::"
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, args.on is not None)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if args.shared:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((address, args.port))
    if args.md5:
        md5.sign(sock, args.md5, b"secret")
    sock.listen(args.backlog)
    print("listening", flush=True)
    if args.stuck:
        signal.pause()
    held = []
    while True:
        peer, _ = sock.accept()
        if args.http:
            peer.recv(4096)
            peer.sendall(HTTP)
        if args.hold:
            held.append(peer)
        else:
            peer.close()


main()
