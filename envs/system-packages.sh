#!/bin/sh
# Debian packages that some tests use: SLURM's daemons, and a browser. Tests skip what is absent.
set -eu

packages="slurmctld slurmd slurm-client slurmdbd munge mariadb-server chromium chromium-driver"

missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "ok installed" ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Not installed, and only root can with apt-get:$missing; their tests are skipped" >&2
    exit 0
fi

# Packages start no daemon of their own: tests start theirs.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
echo "Installing$missing"
# shellcheck disable=SC2086
{ apt-get update -q -q && apt-get install -q -q -y --no-install-recommends $missing; } >/dev/null ||
    echo "Could not install$missing; their tests are skipped" >&2
