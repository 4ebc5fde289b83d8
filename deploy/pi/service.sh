#!/bin/sh
# Starts the page at every boot: sudo ./service.sh /path/of/the/card [--camera /dev/video0] [--no-thumbnails] ...
#   ./service.sh --print /path/of/the/card ...    writes the unit to standard output and changes nothing
set -eu
print=no
if [ "${1:-}" = --print ]; then
  print=yes
  shift
fi
card=${1:-}
[ -d "$card" ] || { echo "error: '$card' is no folder, expected the card's: ./service.sh /path/of/the/card" >&2; exit 2; }
shift
here=$(cd "$(dirname "$0")" && pwd)
card=$(cd "$card" && pwd)
for word in "$here" "$card" "$@"; do
  case $word in
    *[!A-Za-z0-9/._:+=@-]*) echo "error: '$word': expected letters, digits and /._:+=@- alone" >&2; exit 2 ;;
  esac
done
unit() {
  sed -e "s|@HERE@|$here|g" -e "s|@CARD@|$card|g" -e "s|@USER@|${SUDO_USER:-$(id -un)}|g" -e "s|@OPTIONS@|$*|g" \
    "$here/bitmar.service"
}
if [ $print = yes ]; then
  unit "$@"
  exit
fi
unit "$@" > /etc/systemd/system/bitmar.service
systemctl daemon-reload
systemctl enable --now bitmar.service
systemctl restart bitmar.service
for _ in 1 2 3 4 5 6 7 8 9 10; do
  [ -s /var/lib/bitmar/pin ] && break
  sleep 1
done
echo "The page is at http://$(hostname).local:8017/, the PIN is $(cat /var/lib/bitmar/pin)"
