#!/bin/sh
# PROGRAM=PACKAGE …: installs Debian's packages of the programs that are missing, and starts no service of theirs.
# Where it cannot, it says what to install: tests without their program skip, and fail under CI=true.
set -eu

for folder in /usr/sbin /usr/lib/postgresql/*/bin; do
    PATH="$PATH:$folder"
done
missing=
for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing="$missing ${pair#*=}"
done
[ -n "$missing" ] || exit 0

as=
[ "$(id -u)" = 0 ] || as="sudo -n"
if ! command -v apt-get >/dev/null || ! $as true 2>/dev/null; then
    echo "for all of it: apt-get install --no-install-recommends$missing"
    exit 0
fi

policy=/usr/sbin/policy-rc.d
if ! [ -e "$policy" ]; then
    trap '$as rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | $as tee "$policy" >/dev/null
    $as chmod +x "$policy"
fi
echo "installing$missing, once"
apt="$as env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0"
# shellcheck disable=SC2086 # lists of words
if ! { $apt update && $apt install -y --no-install-recommends $missing; } >/dev/null; then
    echo "apt-get cannot install$missing"
fi
