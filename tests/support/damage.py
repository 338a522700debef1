"""What disks and people do to files."""

import io
import zipfile
from pathlib import Path


def flip_a_bit_of_a_weight(checkpoint: Path) -> None:
    """In the middle of a checkpoint's longest array, which torch reads without a word."""
    whole = checkpoint.read_bytes()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        largest = max(archive.infolist(), key=lambda item: item.file_size)
        place = whole.index(archive.read(largest)) + largest.file_size // 2
    checkpoint.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
