#!/bin/sh
# Real servers for the tests: Debian packages (nginx, three FTP servers, proxies), unpacked side by side into one folder, since
# some exclude one another as packages. Needs no root and changes nothing outside that folder; does nothing where all is there.
#   ASYNCFETCH_SERVERS=folder (default: .venv/servers) tests/servers/install.sh
#   tests/servers/install.sh folder package...   other packages, elsewhere, whether they are there or not
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
place=${ASYNCFETCH_SERVERS:-$here/.venv/servers}
if [ $# -gt 1 ]; then
  place=$1
  shift
  servers=$*
else
  servers="nginx vsftpd proftpd-core proftpd-mod-crypto pure-ftpd squid squid-common tinyproxy-bin microsocks"
  missing=
  for program in sbin/nginx sbin/vsftpd sbin/proftpd sbin/pure-ftpd sbin/squid bin/tinyproxy bin/microsocks; do
    [ -x "$place/usr/$program" ] || missing="$missing $program"
  done
  [ -n "$missing" ] || exit 0
fi
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
