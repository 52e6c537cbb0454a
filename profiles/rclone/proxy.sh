#!/bin/sh
# What rclone asks about a login (its --auth-proxy): {"user": .., "pass": ..} comes in, the configuration of a backend goes out.
# The users stand beside this script, a file each in users/: the password, then the root. A file `guest` lets `anonymous` in.
# It starts no other program: each login waits for it.
set -eu
cd "${0%/*}"
value() {
    rest=${asked#*"\"$1\":"}
    [ "$rest" = "$asked" ] && return
    rest=${rest#*\"}
    printf '%s\n' "${rest%%\"*}"
}
asked=
while IFS= read -r line || [ -n "$line" ]; do asked="$asked$line"; done
user=$(value user)
if [ "$user" = anonymous ] && [ -s guest ]; then
    read -r root <guest || [ -n "$root" ]
else
    case $user in '' | *[!A-Za-z0-9_-]*) exit 1 ;; esac
    [ -f "users/$user" ] || exit 1
    { read -r password; read -r root; } <"users/$user"
    [ "$(value pass)" = "$password" ] || exit 1
fi
printf '{"type": "local", "_root": "%s"}\n' "$root"
