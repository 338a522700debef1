#!/bin/sh
# Creates .venv with the pinned packages and this project.
set -eu

fail() {
    echo "error: $1" >&2
    exit 1
}

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$PYTHON is older than Python 3.11; name another with: make PYTHON=python3.12"

if ! "$PYTHON" -c 'import ensurepip' 2>/dev/null; then
    # Debian and Ubuntu ship venv apart from Python.
    version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    command -v apt-get >/dev/null || fail "$PYTHON has no ensurepip; install Python's venv module"
    sudo=""
    [ "$(id -u)" = 0 ] || sudo="sudo"
    echo "Installing python$version-venv"
    { $sudo apt-get update -q && $sudo apt-get install -q -y "python$version-venv"; } ||
        fail "could not install python$version-venv; ask whoever may, then run make again"
fi

echo "Installing pinned packages into .venv"
"$PYTHON" -m venv --clear .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r envs/requirements.lock
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --no-deps --no-build-isolation --editable .
# Snakemake ends with a traceback where the home folder takes no cache: there its cache lies elsewhere.
cp envs/read-only-home.pth "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
