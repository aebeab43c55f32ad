"""What every listener sees each day: connections, half-open scans, and segments that come too late.
The client's kernel answers the SYN-ACKs of the scan with RSTs."""

import socket

import syn


def main():
    args = syn.arguments()
    family = socket.AF_INET6 if ":" in args.address else socket.AF_INET
    for _ in range(args.count):
        with socket.socket(family) as sock:
            sock.connect((args.address, args.port))
    for flags in ("syn", "ack", "rst", "fin,ack", "syn,ack"):
        syn.send(args, flags)


main()
