"""Listens on a port and accepts all there is: on every address, IPv4 and IPv6, or with --on ADDRESS
on that one only (:: is then IPv6 alone). Prints one line once it listens."""

import socket
import sys

HTTP = b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def main():
    only = sys.argv[sys.argv.index("--on") + 1] if "--on" in sys.argv else None
    address = only or "::"
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only is not None)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, int(sys.argv[1])))
    sock.listen(4096)
    print("listening", flush=True)
    answer = "--http" in sys.argv
    hold = "--hold" in sys.argv
    held = []
    while True:
        peer, _ = sock.accept()
        if answer:
            peer.recv(4096)
            peer.sendall(HTTP)
        if hold:
            held.append(peer)
        else:
            peer.close()


main()
