"""A home folder that takes no caches: Snakemake puts its own elsewhere, and anny's has a remedy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hexplane.geometry.heads import body_model
from hexplane.plumbing.errors import UserError
from support.disk import Disk

START = "import site, sys; site.addsitedir(sys.argv.pop(1)); from snakemake.cli import main; main()"


def test_snakemake_starts(root: Path, disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text("rule all:\n    output: 'made'\n    shell: 'touch made'\n")
    disk.becomes("ro")
    done = subprocess.run(
        [sys.executable, "-c", START, str(root / "envs"), "--cores", "1"],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(disk.folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "made").exists()
    assert (tmp_path / ".snakemake/cache").is_dir()
    assert "read-only-home.pth" in (root / "envs/set-up.sh").read_text()


def test_a_home_that_can_be_written_is_used(root: Path, tmp_path: Path) -> None:
    say = "import site, sys, os; site.addsitedir(sys.argv[1]); print(os.getenv('XDG_CACHE_HOME'))"
    done = subprocess.run(
        [sys.executable, "-c", say, str(root / "envs")],
        env={"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "None\n"


def test_where_anny_can_keep_nothing_it_is_said(disk: Disk) -> None:
    from anny.paths import get_anny_cache_path, set_anny_cache_path

    disk.becomes("ro")
    before = get_anny_cache_path()
    set_anny_cache_path(disk.folder / "cache")
    try:
        with pytest.raises(UserError, match=r"cache: cannot be written \(Read-only.*ANNY_CACHE"):
            body_model.__wrapped__()
    finally:
        set_anny_cache_path(before)
