"""What inetd does for a server that only speaks on its standard input: inetd.py COMMAND ARGUMENT..

It listens on free ports of 127.0.0.1 and, where there is IPv6, ::1, says them in lines of standard output ("port6 4712", and at
last "port 4711"), and starts the command for each connection. What the command writes to standard error goes where ours goes.
"""

import os
import select
import signal
import socket
import sys

# Connections that may wait to be accepted.
BACKLOG = 1024


# Sockets that only hold a port.
held = []


def listen(family, address):
    """A listener whose port has a free one below it.

    From there a server calls its clients, RFC 959 section 3.2. Where another program has it, those of BSD wait for seconds. So it
    is held: by SO_REUSEADDR the server may bind it all the same, and the system gives it to nobody else.
    """
    while True:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.bind((address, 0))
        below = socket.socket(family, socket.SOCK_STREAM)
        below.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            below.bind((address, listener.getsockname()[1] - 1))
        except OSError:
            # Kept, so that the next one is another.
            held.append(listener)
            below.close()
            continue
        held.append(below)
        listener.listen(BACKLOG)
        return listener


def main():
    listeners = [listen(socket.AF_INET, "127.0.0.1")]
    try:
        listeners.append(listen(socket.AF_INET6, "::1"))
        print("port6", listeners[1].getsockname()[1])
    except OSError as error:
        print("no IPv6:", error, file=sys.stderr)
    print("port", listeners[0].getsockname()[1], flush=True)
    # Nobody asks how a session ended.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        for listener in select.select(listeners, [], [])[0]:
            session, _ = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.dup2(session.fileno(), 0)
                os.dup2(session.fileno(), 1)
                os.execv(sys.argv[1], sys.argv[1:])
            session.close()


main()
