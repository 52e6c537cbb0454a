"""An FTP server by Twisted with the accounts and settings of a JSON file: server.py CONFIG.

It is Twisted as its users start it: FTPFactory with a portal, a realm and its shells, with their defaults, but for what CONFIG
says. It listens on free ports of 127.0.0.1 and, where there is IPv6, ::1, and says them in lines of standard output:
"port6 4712", and at last "port 4711".
"""

import json
import sys

from twisted.cred.checkers import AllowAnonymousAccess, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import Portal
from twisted.internet import reactor
from twisted.internet.error import CannotListenError
from twisted.protocols.ftp import BaseFTPRealm, FTPFactory
from twisted.python import log
from twisted.python.filepath import FilePath


class Realm(BaseFTPRealm):
    """Gives each user a home directory that need not have the user's name."""

    def __init__(self, homes, anonymous):
        super().__init__(anonymous)
        self.homes = homes

    def getHomeDirectory(self, avatarId):
        return FilePath(self.homes[avatarId])


def factory(config):
    users = [account for account in config["accounts"] if not account["anonymous"]]
    guests = [account for account in config["accounts"] if account["anonymous"]]
    database = InMemoryUsernamePasswordDatabaseDontUse()
    for account in users:
        database.addUser(account["name"], account["password"])
    realm = Realm({account["name"]: account["root"] for account in users}, guests[0]["root"] if guests else "/nowhere")
    serves = FTPFactory(Portal(realm, [database] + ([AllowAnonymousAccess()] if guests else [])))
    serves.allowAnonymous = bool(guests)
    if config["banner"] is not None:
        serves.welcomeMessage = config["banner"]
    if config["idle_timeout_s"] is not None:
        serves.timeOut = config["idle_timeout_s"]
    if config["passive_ports"] is not None:
        first, last = config["passive_ports"]
        serves.passivePortRange = range(first, last + 1)
    return serves


def main():
    log.startLogging(sys.stderr, setStdout=False)
    with open(sys.argv[1]) as file:
        config = json.load(file)
    try:
        print("port6", reactor.listenTCP(0, factory(config), interface="::1").getHost().port)
    except CannotListenError as error:
        log.msg("no IPv6: %s" % error)
    print("port", reactor.listenTCP(0, factory(config), interface="127.0.0.1").getHost().port, flush=True)
    reactor.run()


main()
