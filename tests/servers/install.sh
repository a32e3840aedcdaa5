#!/bin/sh
# Real servers for the tests: Debian packages (nginx, vsftpd, proftpd, pure-ftpd), unpacked side by side into one folder, since
# as packages they exclude one another. Needs no root and changes nothing outside that folder; does nothing where all is there.
#   ASYNCFETCH_SERVERS=folder (default: .venv/servers) tests/servers/install.sh
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
place=${ASYNCFETCH_SERVERS:-$here/.venv/servers}
servers="nginx vsftpd proftpd-core proftpd-mod-crypto pure-ftpd"
[ -x "$place/usr/sbin/nginx" ] && [ -x "$place/usr/sbin/vsftpd" ] && [ -x "$place/usr/sbin/proftpd" ] && [ -x "$place/usr/sbin/pure-ftpd" ] && exit 0
command -v apt-get >/dev/null && command -v dpkg >/dev/null || { echo "no apt-get here: these servers are not installed" >&2; exit 1; }
# a fresh machine may have no package lists yet
[ "$(id -u)" != 0 ] || apt-get update -qq || echo "apt-get update failed: going on with the lists there are" >&2

# with the libraries they are linked to, and those these are linked to, where they are missing
wanted=$servers
libraries=$servers
for _ in 1 2 3; do
  libraries=$(apt-cache depends --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances $libraries |
    sed -n 's/^ *Depends: \(lib[^ ]*\)$/\1/p' | sort -u | while read -r name; do
      dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q '^install ok installed' || echo "$name"
    done)
  [ -n "$libraries" ] || break
  wanted="$wanted $libraries"
done
mkdir -p "$place/debs"
(cd "$place/debs" && apt-get download -qq $wanted 2>/dev/null || apt-get download $wanted)
for package in "$place"/debs/*.deb; do dpkg -x "$package" "$place"; done
rm -r "$place/debs"
echo "installed in $place: $wanted"
