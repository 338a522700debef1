"""Where and from which source a page was made."""

import os
import platform
import re
import subprocess
from pathlib import Path


def machine() -> dict[str, str]:
    """The machine that writes the page: processor, cores, memory, system."""
    found = {"Processor": _processor(), "Cores": str(os.cpu_count() or "unknown")}
    try:
        pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
        found["Memory"] = f"{pages * page / 1e9:.0f} GB"
    except (AttributeError, OSError, ValueError):
        found["Memory"] = "unknown"
    found["System"] = f"{platform.system()} {platform.machine()}"
    return found


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    names = re.findall(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return str(names[0]).strip() if names else platform.processor() or "unknown"


def commit(source: Path = Path(__file__).parents[1]) -> str:
    """Commit of the package's source, and whether it was changed since; or why there is none."""
    if _git(source, "ls-files", "--error-unmatch", "__init__.py") is None:
        return "not in a git checkout"
    head = _git(source, "rev-parse", "HEAD")
    if head is None:
        return "no commit yet"
    changed = _git(source, "status", "--porcelain", "--untracked-files=no", "--", ":/")
    return f"{head}, with changes that are not committed" if changed else head


def _git(folder: Path, *arguments: str) -> str | None:
    """What a git command prints; None when it fails, or there is no git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
