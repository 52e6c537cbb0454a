"""An FTP server by pyftpdlib with the accounts and settings of a JSON file: server.py CONFIG.

It is pyftpdlib as its users start it: FTPServer, FTPHandler and DummyAuthorizer with their defaults, but for what CONFIG says
and for limits that would only make a test slow. It listens on free ports of 127.0.0.1 and, where there is IPv6, ::1, and says
them in lines of standard output: "port6 4712", and at last "port 4711". For pyftpdlib from 1.5 on, and whichever Python that one runs on.
"""

import json
import logging
import os
import sys
import warnings

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

# Connections that may wait to be accepted.
BACKLOG = 1024


class Authorizer(DummyAuthorizer):
    """DummyAuthorizer for accounts whose home directories are made later, when somebody wants to log in."""

    def add_account(self, account):
        # An older pyftpdlib lacks the command of a letter that it does not know.
        perm = "".join(letter for letter in account["letters"] if letter in self.read_perms + self.write_perms)
        # add_user wants a directory that is there; it only keeps the path.
        here = os.path.dirname(os.path.abspath(__file__))
        if account["anonymous"]:
            name = "anonymous"
            self.add_anonymous(here, perm=perm)
        else:
            name = account["name"]
            self.add_user(name, account["password"], here, perm=perm)
        self.user_table[name]["home"] = os.path.realpath(account["root"])


def handler(config):
    """The handler class for these settings."""

    class Handler(FTPHandler):
        authorizer = Authorizer()
        # The delay of a reply to a wrong password: it is no matter of conformance.
        auth_failed_timeout = 0

    for account in config["accounts"]:
        Handler.authorizer.add_account(account)
    if config["banner"] is not None:
        Handler.banner = config["banner"]
    if config["idle_timeout_s"] is not None:
        Handler.timeout = config["idle_timeout_s"]
    if config["passive_ports"] is not None:
        first, last = config["passive_ports"]
        Handler.passive_ports = range(first, last + 1)
    return Handler


def main():
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    # Anonymous users may be given what a scenario wants them to have.
    warnings.filterwarnings("ignore", message="write permissions assigned to anonymous user")
    with open(sys.argv[1]) as file:
        serves = handler(json.load(file))
    # Both share one loop; the limits of connections are the harness's part.
    FTPServer.max_cons = 0
    FTPServer.max_cons_per_ip = 0
    server = FTPServer(("127.0.0.1", 0), serves, backlog=BACKLOG)
    try:
        second = FTPServer(("::1", 0), serves, backlog=BACKLOG)
        sys.stdout.write("port6 %d\n" % second.socket.getsockname()[1])
    except EnvironmentError as error:
        logging.info("no IPv6: %s", error)
    sys.stdout.write("port %d\n" % server.socket.getsockname()[1])
    sys.stdout.flush()
    server.serve_forever()


main()
