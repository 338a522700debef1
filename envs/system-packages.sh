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
said=$(mktemp)
trap 'rm -f "$said"' EXIT
if [ ! -e "$policy" ]; then
    trap 'rm -f "$said" "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
fi

# Runs apt-get; where another process holds the package lock, once it is free.
wait=1800
apt() {
    while ! apt-get -q -q "$@" >"$said" 2>&1; do
        if ! grep -q -i -E "could not get lock|unable to (acquire|lock)" "$said"; then
            return 1
        fi
        if [ "$wait" -le 0 ]; then
            echo "Waited half an hour for the package lock" >>"$said"
            return 1
        fi
        [ -n "${told:-}" ] || echo "Waiting: $(grep -i lock "$said" | head -n 1)" >&2
        told=yes
        sleep 10
        wait=$((wait - 10))
    done
}

export DEBIAN_FRONTEND=noninteractive
echo "Installing$missing"
# shellcheck disable=SC2086
if ! { apt update && apt install -y --no-install-recommends $missing; }; then
    tail -n 5 "$said" >&2
    echo "Could not install$missing, for the reason above; their tests are skipped" >&2
fi
