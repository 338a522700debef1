"""The paper as PDF: its words, its data and its figures, set by Typst."""

import json
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import typst

from hexplane.paper import text
from hexplane.plumbing.errors import UserError

MAIN = "paper.typ"
SAID, LEFT_OUT = "<said>", "<left-out>"
"""Labels of what the text says of itself."""


class Document:
    """The paper of some data.

    Args:
        data: what the text reads (`data.json`).
        figures: SVG by name, which the text shows.
    """

    def __init__(self, data: Mapping[str, Any], figures: Mapping[str, str]) -> None:
        files = {"data.json": json.dumps(data).encode()}
        files |= {name: figure.encode() for name, figure in figures.items()}
        self._folder = tempfile.TemporaryDirectory(prefix="hexplane-paper-")
        for file in resources.files(text).iterdir():
            if file.name.endswith((".typ", ".bib")):
                files[file.name] = file.read_bytes()
        for name, content in files.items():
            Path(self._folder.name, name).write_bytes(content)
        # Fonts of the wheel alone, so that every machine breaks lines alike.
        self._compiler = typst.Compiler(
            Path(self._folder.name, MAIN), root=self._folder.name, ignore_system_fonts=True
        )

    def pdf(self) -> bytes:
        """The pages as one PDF; equal data give equal bytes.

        Raises:
            UserError: the text cannot be set with these data.
        """
        return bytes(self._typst("compile", format="pdf"))

    def pages(self, ppi: float) -> list[bytes]:
        """The pages as PNG, at so many pixels an inch.

        Raises:
            UserError: the text cannot be set with these data.
        """
        found = self._typst("compile", format="png", ppi=ppi)
        return [found] if isinstance(found, bytes) else list(found)

    def marks(self, label: str) -> list[Any]:
        """What the text says at `SAID` or `LEFT_OUT`: each sentence's subject, and what it lacks.

        Raises:
            UserError: the text cannot be set with these data.
        """
        found: list[Any] = json.loads(self._typst("query", label, field="value"))
        return found

    def _typst(self, what: str, *arguments: Any, **options: Any) -> Any:
        try:
            return getattr(self._compiler, what)(*arguments, **options)
        except typst.TypstError as error:
            told = " ".join(error.message.split())
            raise UserError(f"the paper cannot be set with these results: {told}") from None
