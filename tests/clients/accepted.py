"""Servers that accept in different ways, and their clients. Each connection is answered with the pid of
who serves it; after that, either end closes first. Prints one JSON object for each that ended well:
"port" is the client's, "client" and "server" are pids, "first" is the end that closed first as the server
sees it, "sent" and "received" are the server's bytes."""

import array
import json
import os
import signal
import socket
import sys
import time

LOCAL = "127.0.0.1"


def fork(work, *args):
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        work(*args)
        os._exit(0)
    return pid


def serve(peer):
    """Who is asked for "local" closes first."""
    wish = peer.recv(100)
    peer.sendall(str(os.getpid()).encode())
    if wish != b"local":
        peer.recv(1)


def forking(sock):
    """A child for each connection, which ends without closing it."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        peer, _ = sock.accept()
        read, write = os.pipe()

        def work():
            os.close(write)
            # Its parent has closed it by then.
            os.read(read, 1)
            serve(peer)

        fork(work)
        peer.close()
        os.close(read)
        os.close(write)


def prefork(sock):
    def work():
        while True:
            with sock.accept()[0] as peer:
                serve(peer)

    workers = [fork(work) for _ in range(3)]
    signal.signal(signal.SIGTERM, lambda *_: [os.kill(pid, signal.SIGKILL) for pid in workers])
    signal.pause()


def passing(sock):
    """One process accepts, another serves."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)

    def work():
        sock.close()
        ours.close()
        while True:
            data, ancillary, _, _ = theirs.recvmsg(1, socket.CMSG_SPACE(4))
            if not data:
                return
            with socket.socket(fileno=array.array("i", ancillary[0][2])[0]) as peer:
                # Who accepted it has closed it by then.
                theirs.recv(1)
                serve(peer)

    fork(work)
    theirs.close()
    while True:
        with sock.accept()[0] as peer:
            socket.send_fds(ours, [b"x"], [peer.fileno()])
        ours.send(b"y")


def ask(port, first):
    with socket.create_connection((LOCAL, port)) as sock:
        sock.sendall(first.encode())
        answer = sock.recv(100)
        if first == "local":
            # The server's FIN has come by then.
            assert sock.recv(1) == b""
        told = {
            "port": sock.getsockname()[1],
            "client": os.getpid(),
            "server": int(answer),
            "first": first,
            "sent": len(answer),
            "received": len(first),
        }
    print(json.dumps(told), flush=True)


def main():
    how, times = sys.argv[1], int(sys.argv[2])
    sock = socket.create_server((LOCAL, int(sys.argv[3])), backlog=128)
    port = sock.getsockname()[1]
    server = fork({"forking": forking, "prefork": prefork, "passing": passing}[how], sock)
    sock.close()
    for nth in range(times):
        ask(port, ("local", "remote")[nth % 2])
    # Their last segments are under way.
    time.sleep(0.2)
    os.kill(server, signal.SIGTERM)
    os.waitpid(server, 0)


main()
