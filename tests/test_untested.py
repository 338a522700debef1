"""A run of tests ends with a line that counts what was not tested, also with several workers."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from support.untested import untested

TESTS = """
import pytest

def test_passes():
    pass

@pytest.mark.skipif(True, reason="no Chromium")
@pytest.mark.parametrize("case", [1, 2])
def test_of_a_browser(case):
    pass

def test_of_a_cluster():
    pytest.skip("SLURM is not installed")
"""


def run(folder: Path, root: Path, *options: str) -> list[str]:
    """Lines that pytest prints."""
    (folder / "conftest.py").write_text("from support.untested import pytest_unconfigure\n")
    (folder / "test_some.py").write_text(TESTS)
    (folder / "pytest.ini").write_text(f"[pytest]\npythonpath = {root / 'tests'}\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, str(folder)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_skipped_tests_are_counted_by_reason(tmp_path: Path, root: Path) -> None:
    last = run(tmp_path, root, "-n", "2")[-1]
    assert last == "Not tested: 3 tests: 2 (no Chromium), 1 (SLURM is not installed)"


def test_tests_that_were_not_asked_for_are_counted(tmp_path: Path, root: Path) -> None:
    assert run(tmp_path, root, "-k", "passes")[-1] == "Not tested: 3 tests: 3 (deselected)"


def test_nothing_left_out_is_said() -> None:
    assert untested(SimpleNamespace(stats={"passed": [1]})) == "Not tested: nothing"


def test_the_suite_ends_with_that_line(root: Path) -> None:
    assert "import pytest_unconfigure" in (root / "tests/conftest.py").read_text()
