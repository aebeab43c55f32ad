"""So many connections on loopback, both ends held by other processes. Prints the pids of the client,
the server and the one whose connection meets silence; when stdin ends, the client aborts them, the
server closes its ends as they fail, and all are gone."""

import os
import resource
import select
import socket
import struct
import subprocess
import sys

LOCAL = "127.0.0.1"
ABORT = struct.pack("ii", 1, 0)
RULE = "table inet many { chain o { type filter hook output priority 0; tcp dport %d drop; }; }"


def fork(work, *args):
    pid = os.fork()
    if pid == 0:
        work(*args)
        os._exit(0)
    return pid


def serve(sock, count, ready):
    poll = select.epoll()
    peers = {}
    for _ in range(count):
        peer, _ = sock.accept()
        peers[peer.fileno()] = peer
        poll.register(peer.fileno(), select.EPOLLIN)
    sock.close()
    os.write(ready, b"x")
    while peers:
        for fileno, _ in poll.poll():
            with peers.pop(fileno) as peer:
                try:
                    peer.recv(1)
                except OSError:
                    pass


def meet_silence(sock, begin):
    os.read(begin, 1)
    port = sock.getpeername()[1]
    subprocess.run(["nft", RULE % port], check=True)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000)
    sock.sendall(b"x")
    try:
        sock.recv(1)
    except OSError:
        pass


def main():
    count = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, count + 100))
    begin, tell = os.pipe()
    quiet = socket.create_server((LOCAL, 0))
    lonely = socket.create_connection(quiet.getsockname())
    silent = fork(meet_silence, lonely, begin)
    lonely.close()
    peer, _ = quiet.accept()
    listener = socket.create_server((LOCAL, 0), backlog=count)
    ready, tell_ready = os.pipe()
    server = fork(serve, listener, count - 1, tell_ready)
    clients = [socket.create_connection(listener.getsockname()) for _ in range(count - 1)]
    listener.close()
    os.read(ready, 1)
    print(os.getpid(), server, silent, flush=True)
    sys.stdin.read()
    for sock in clients:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        sock.close()
    os.write(tell, b"x")
    os.waitpid(server, 0)
    os.waitpid(silent, 0)
    peer.close()


main()
