"""A small file system of its own, where root may mount one."""

import subprocess
from pathlib import Path


class Disk:
    """A file system of its own in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.mounted = self._mount("-t", "tmpfs", "tmpfs", str(folder)) == ""

    def _mount(self, *arguments: str) -> str:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
        return done.stderr or ("" if done.returncode == 0 else "refused")

    def becomes(self, options: str) -> None:
        assert self._mount("-o", f"remount,{options}", str(self.folder)) == ""

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], check=True)
