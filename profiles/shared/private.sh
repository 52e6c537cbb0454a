#!/bin/sh
# private.sh ETC COMMAND..: runs a command that sees the directory ETC as /etc, and empty directories as /run and /var/log.
#
# For servers that only know the accounts of the system. It needs root, and the namespaces of Linux: nothing outside changes,
# and all processes of the command end with it, also those that leave its process group.
set -eu
command -v unshare >/dev/null || { echo "unshare is missing: it belongs to util-linux" >&2; exit 1; }
# The shell inside is process number 1: it waits for what the command leaves behind.
exec unshare --mount --propagation private --pid --fork --kill-child=KILL -- /bin/sh -euc '
    mount --bind "$0" /etc
    mount -t tmpfs -o mode=755 none /run
    mount -t tmpfs -o mode=755 none /var/log
    code=0
    "$@" & wait $! || code=$?
    exit $code
' "$@"
