#!/bin/sh
# Debian packages that the whole test suite needs; without them those tests are skipped.
set -eu

packages="chromium chromium-driver"

missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "ok installed" ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo"
echo "Installing$missing"
$sudo apt-get update -q
# shellcheck disable=SC2086  # one argument a package
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
