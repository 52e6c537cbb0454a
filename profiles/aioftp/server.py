"""An FTP server by aioftp with the accounts and settings of a JSON file: server.py CONFIG.

It is aioftp as its users start it: Server and User with their defaults, but for what CONFIG says. It listens on free ports of
127.0.0.1 and, where there is IPv6, ::1, and says them in lines of standard output: "port6 4712", and at last "port 4711".
"""

import asyncio
import json
import logging
import sys

import aioftp


def user(account):
    """An account; of the letters aioftp knows whether one may read, and whether one may write."""
    letters = set(account["letters"])
    permission = aioftp.Permission("/", readable=bool(letters & set("elr")), writable=bool(letters & set("adfmw")))
    name, password = (None, None) if account["anonymous"] else (account["name"], account["password"])
    return aioftp.User(name, password, base_path=account["root"], permissions=[permission])


def server(config, users):
    settings = {}
    if config["banner"] is not None:
        settings["welcome_message"] = config["banner"]
    if config["idle_timeout_s"] is not None:
        settings["idle_timeout"] = config["idle_timeout_s"]
    if config["passive_ports"] is not None:
        first, last = config["passive_ports"]
        settings["data_ports"] = range(first, last + 1)
    return aioftp.Server(users, **settings)


async def main():
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    with open(sys.argv[1]) as file:
        config = json.load(file)
    users = [user(account) for account in config["accounts"]]
    v6 = server(config, users)
    try:
        await v6.start("::1", 0)
        print("port6", v6.server_port)
    except OSError as error:
        logging.warning("no IPv6: %s", error)
    v4 = server(config, users)
    await v4.start("127.0.0.1", 0)
    print("port", v4.server_port, flush=True)
    await v4.serve_forever()


asyncio.run(main())
