#!/bin/sh
# What rclone asks about a login (its --auth-proxy): {"user": .., "pass": ..} comes in, the configuration of a backend goes out.
# The users stand beside this script, a file each in users/: the password, then the root. A file `guest` lets `anonymous` in.
set -eu
cd "$(dirname "$0")"
asked=$(cat)
value() { printf '%s\n' "$asked" | sed -n "s/.*\"$1\": *\"\\([^\"]*\\)\".*/\\1/p"; }
user=$(value user)
if [ "$user" = anonymous ] && [ -s guest ]; then
    root=$(cat guest)
else
    case $user in '' | *[!A-Za-z0-9_-]*) exit 1 ;; esac
    [ -f "users/$user" ] || exit 1
    { read -r password; read -r root; } <"users/$user"
    [ "$(value pass)" = "$password" ] || exit 1
fi
printf '{"type": "local", "_root": "%s"}\n' "$root"
