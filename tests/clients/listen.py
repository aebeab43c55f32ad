"""Listens on a port, IPv4 and IPv6, and accepts all there is. Prints one line once it listens."""

import socket
import sys

HTTP = b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def main():
    sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("::", int(sys.argv[1])))
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
