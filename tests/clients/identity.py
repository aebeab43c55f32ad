"""Stories about whose a connection is. Each prints what must be told of its failures, one JSON object
a line: "port" is the listener's or the destination's, the rest is the record's process, and who else
held the socket of a connection that it opened."""

import array
import ctypes
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_NAME = 15
CLONE_NEWNET = 0x40000000
LOCAL = "127.0.0.1"
FAR = os.environ.get("far")
CLOSED_PORT = 9


def name(text):
    LIBC.prctl(PR_SET_NAME, text.encode())


def truth(port, holders=(), /, **process):
    print(json.dumps({"port": port, "process": process, "holders": holders}), flush=True)


def listen(port=0, **options):
    sock = socket.create_server((LOCAL, port), **options)
    return sock, sock.getsockname()[1]


def abort(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def wait_for_reset(sock):
    try:
        while sock.recv(100):
            pass
    except OSError:
        pass


def child(work, comm=None):
    """Runs in a process of its own, which begins when told so; gives its pid and how to tell it."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(write)
        if comm:
            name(comm)
        os.read(read, 1)
        work()
        os._exit(0)
    os.close(read)
    return pid, lambda: os.write(write, b"x")


def connect_and_abort(port, before=lambda: None):
    sock = socket.create_connection((LOCAL, port))
    sock.sendall(b"x")
    before()
    time.sleep(0.2)
    abort(sock)


def own_group():
    """As the kernel half takes it: of version 2, else of a controller of version 1."""
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        groups = [line.rstrip("\n").split(":", 2)[1:] for line in file]
    paths = dict(groups)
    path = paths.get("", "/")
    return path if path != "/" else paths.get("memory", "/")


def prefork():
    """Of several workers that accept, one has the connection, and closes it at once."""
    sock, port = listen()
    read, write = os.pipe()

    def work():
        peer, _ = sock.accept()
        os.write(write, struct.pack("i", os.getpid()))
        wait_for_reset(peer)
        peer.close()

    workers = [child(work, f"worker-{number}") for number in range(4)]
    for _, begin in workers:
        begin()
    connect_and_abort(port)
    (pid,) = struct.unpack("i", os.read(read, 4))
    number = [worker for worker, _ in workers].index(pid)
    for worker, _ in workers:
        os.kill(worker, signal.SIGKILL)
    truth(port, pid=pid, comm=f"worker-{number}", role="acceptor")


def passed(stay):
    """One process accepts, and hands the connection to another by SCM_RIGHTS."""
    sock, port = listen()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)

    def take():
        sock.close()
        _, ancillary, _, _ = theirs.recvmsg(1, socket.CMSG_SPACE(4))
        peer = socket.socket(fileno=array.array("i", ancillary[0][2])[0])
        wait_for_reset(peer)
        time.sleep(stay)

    pid, begin = child(take, "receiver")
    begin()

    def hand_over():
        peer, _ = sock.accept()
        socket.send_fds(ours, [b"x"], [peer.fileno()])
        peer.close()

    connect_and_abort(port, hand_over)
    os.waitpid(pid, 0)
    truth(port, pid=pid, comm="receiver", role="acceptor")


def kept_one_after_the_other():
    """Nobody closes them for a while: each has to be looked for, and each is younger than the last look."""
    workers = []
    for _ in range(3):
        sock, port = listen()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        told, tell = os.pipe()

        def keep():
            sock.close()
            ours.close()
            _, ancillary, _, _ = theirs.recvmsg(1, socket.CMSG_SPACE(4))
            peer = socket.socket(fileno=array.array("i", ancillary[0][2])[0])
            os.write(tell, b"x")
            wait_for_reset(peer)
            time.sleep(2)

        pid, begin = child(keep, "keeper")
        begin()
        client = socket.create_connection((LOCAL, port))
        peer, _ = sock.accept()
        socket.send_fds(ours, [b"x"], [peer.fileno()])
        peer.close()
        os.read(told, 1)
        abort(client)
        workers.append((pid, sock))
        truth(port, pid=pid, comm="keeper", role="acceptor")
        # The first look has been by then.
        time.sleep(0.05)
    for pid, _ in workers:
        os.waitpid(pid, 0)


def opened_and_passed(ends):
    """One process opens, and hands the connection to another by SCM_RIGHTS, which has it when it ends."""
    sock, port = listen()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    stay, gone = os.pipe()

    def open_it():
        os.close(gone)
        connection = socket.create_connection((LOCAL, port))
        socket.send_fds(ours, [b"x"], [connection.fileno()])
        connection.close()
        ours.send(b"y")
        os.read(stay, 1)

    def take():
        os.close(gone)
        _, ancillary, _, _ = theirs.recvmsg(1, socket.CMSG_SPACE(4))
        connection = socket.socket(fileno=array.array("i", ancillary[0][2])[0])
        theirs.recv(1)
        ends(connection)

    opener, opens = child(open_it, "opener")
    receiver, takes = child(take, "receiver")
    takes()
    opens()
    peer, _ = sock.accept()
    # It is waited for by then.
    time.sleep(0.2)
    abort(peer)
    os.waitpid(receiver, 0)
    os.close(gone)
    os.waitpid(opener, 0)
    held = [{"pid": receiver, "comm": "receiver", **own_program()}]
    truth(port, held, pid=opener, comm="opener", **own_program())


def closes_unread(connection):
    """With data under way that its peer will never read."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    connection.sendall(bytes(1 << 19))
    connection.close()


def opened_and_left():
    """Who opens it forks, and ends; the child keeps the connection after that has failed."""
    sock, port = listen()
    read, write = os.pipe()

    def open_it():
        connection = socket.create_connection((LOCAL, port))
        pid = os.fork()
        if pid == 0:
            name("heir")
            wait_for_reset(connection)
            time.sleep(2)
            os._exit(0)
        os.write(write, struct.pack("i", pid))

    opener, opens = child(open_it, "opener")
    opens()
    peer, _ = sock.accept()
    (heir,) = struct.unpack("i", os.read(read, 4))
    os.waitpid(opener, 0)
    abort(peer)
    time.sleep(1)
    held = [{"pid": heir, "comm": "heir", **own_program()}]
    truth(port, held, pid=opener, comm="opener", **own_program())


def own_program():
    """Executable and command line."""
    with open("/proc/self/cmdline", encoding="utf-8") as file:
        words = file.read().split("\0")[:-1]
    return {"exe": os.readlink("/proc/self/exe"), "cmdline": " ".join(words)}


def many_die():
    """One after the other: each runs what its parent does. No two may happen to have one port."""
    for port in range(2000, 2030):
        dies(lambda: os._exit(0), port)


def dies(how, port=0):
    """Ends at the failure, and so closes."""
    sock, port = listen(port)

    def work():
        peer, _ = sock.accept()
        wait_for_reset(peer)
        how()

    pid, begin = child(work, "mayfly")
    begin()
    connect_and_abort(port)
    os.waitpid(pid, 0)
    group = {} if own_group() == "/" else {"cgroup": own_group()}
    truth(port, pid=pid, comm="mayfly", role="acceptor", **own_program(), **group)


def refused_and_gone():
    """The same of who connects."""

    def work():
        socket.socket().connect_ex((LOCAL, CLOSED_PORT))
        os._exit(0)

    pid, begin = child(work, "short-lived")
    begin()
    os.waitpid(pid, 0)
    truth(CLOSED_PORT, pid=pid, tid=pid, comm="short-lived", exe=os.readlink("/proc/self/exe"))


def threads():
    """The process has one name, its threads have others."""
    name("pool")

    def work(number):
        name(f"thread-{number}")
        sock = socket.socket()
        sock.connect_ex((LOCAL, number))
        pid, tid = os.getpid(), threading.get_native_id()
        truth(number, pid=pid, tid=tid, comm="pool", thread_comm=f"thread-{number}")

    for number in range(1, 4):
        thread = threading.Thread(target=work, args=(number,))
        thread.start()
        thread.join()


def refused_once(port):
    socket.socket().connect_ex((LOCAL, int(port)))
    print("done", flush=True)
    sys.stdin.read()


def pid_namespace():
    """A process with another pid in its own eyes."""
    command = ["unshare", "--pid", "--fork", sys.executable, __file__, "refused-once", "11"]
    outer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    outer.stdout.readline()
    with open(f"/proc/{outer.pid}/task/{outer.pid}/children", encoding="ascii") as file:
        pid = int(file.read())
    time.sleep(0.5)
    outer.communicate(b"")
    truth(11, pid=pid, tid=pid, ns_pid=1, ppid=outer.pid)


def other_network(netns):
    """Enters the network namespace by itself."""
    with open(netns, "rb") as file:
        if LIBC.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    socket.socket().connect_ex((LOCAL, 13))
    truth(13, pid=os.getpid())


def begin_connect(port):
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex((FAR, port))
    return sock


def reused():
    """Another process has the pid by the time of the failure; a child goes on to hold the socket."""

    def work():
        sock = begin_connect(17)
        if os.fork() == 0:
            time.sleep(5)
            sock.close()
        os._exit(0)

    pid, begin = child(work, "original")
    begin()
    os.waitpid(pid, 0)
    for _ in range(1000):
        with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as file:
            file.write(str(pid - 1))
        other = os.fork()
        if other == 0:
            name("impostor")
            if os.getpid() == pid:
                os.execv("/bin/sleep", ["sleep", "5"])
            os._exit(0)
        if other == pid:
            break
        os.waitpid(other, 0)
    else:
        raise RuntimeError("the pid could not be had again")
    time.sleep(4)
    os.kill(pid, signal.SIGKILL)
    truth(17, pid=pid, comm="original", exe=os.readlink("/proc/self/exe"))


def executes():
    """The process is another program by the time of the failure: told is what it was before."""

    def work():
        sock = begin_connect(19)
        os.set_inheritable(sock.fileno(), True)
        os.execv("/bin/sleep", ["sleep", "4"])

    pid, begin = child(work, "before")
    begin()
    os.waitpid(pid, 0)
    truth(19, pid=pid, comm="before", exe=os.readlink("/proc/self/exe"))


def never_accepted():
    """Reset while it waits to be accepted: the listener's."""
    sock, port = listen()
    connect_and_abort(port)
    time.sleep(0.2)
    truth(port, pid=os.getpid(), role="listener")
    time.sleep(0.2)
    sock.close()


def listener_closes():
    """Its listener is closed, and takes it along."""

    def work():
        sock, port = listen()
        socket.create_connection((LOCAL, port))
        sock.close()
        truth(port, pid=os.getpid(), comm="landlord", role="listener")

    pid, begin = child(work, "landlord")
    begin()
    os.waitpid(pid, 0)


def two_listeners():
    """It might be of either: nobody is named."""
    sock, port = listen(reuse_port=True)

    def work():
        other = socket.socket()
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind((LOCAL, port))
        other.listen()
        os.write(write, b"x")
        time.sleep(1.5)

    read, write = os.pipe()
    pid, begin = child(work, "other")
    begin()
    os.read(read, 1)
    connect_and_abort(port)
    truth(port)
    os.waitpid(pid, 0)
    sock.close()


def closes_first():
    """Closes with data under way, and the peer resets it after that."""
    sock, port = listen()

    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)

    def work():
        peer, _ = sock.accept()
        peer.sendall(bytes(1 << 18))
        peer.close()

    pid, begin = child(work, "writer")
    begin()
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((LOCAL, port))
    os.waitpid(pid, 0)
    abort(client)
    truth(port, pid=pid, comm="writer", role="acceptor")


def half_a_request(port):
    """Aborts it when stdin ends."""
    while True:
        try:
            sock = socket.create_connection((LOCAL, int(port)))
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
    sock.sendall(b"GET / HTTP/1.1\r\n")
    time.sleep(0.3)
    print(".", end="", flush=True)
    sys.stdin.read()
    abort(sock)


STORIES = {
    "prefork": prefork,
    "passed": lambda: passed(0),
    "passed-and-kept": lambda: passed(1),
    "exits": lambda: dies(lambda: os._exit(1)),
    "is-killed": lambda: dies(lambda: os.kill(os.getpid(), signal.SIGKILL)),
    "many-die": many_die,
    "refused-and-gone": refused_and_gone,
    "threads": threads,
    "pid-namespace": pid_namespace,
    "pid-reused": reused,
    "executes": executes,
    "never-accepted": never_accepted,
    "listener-closes": listener_closes,
    "two-listeners": two_listeners,
    "closes-first": closes_first,
    "kept-one-after-the-other": kept_one_after_the_other,
    "opened-and-passed": lambda: opened_and_passed(wait_for_reset),
    "opened-and-aborted": lambda: opened_and_passed(abort),
    "opened-and-closed": lambda: opened_and_passed(closes_unread),
    "opened-and-left": opened_and_left,
}
WITH_ARGUMENT = {
    "refused-once": refused_once,
    "other-network": other_network,
    "half-a-request": half_a_request,
}

if __name__ == "__main__":
    if sys.argv[1] in WITH_ARGUMENT:
        WITH_ARGUMENT[sys.argv[1]](sys.argv[2])
    else:
        STORIES[sys.argv[1]]()
