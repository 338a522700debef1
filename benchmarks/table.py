"""One figure a row."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A measured value and the bound it should keep; `at_least` tells which side is good."""

    name: str
    value: float | None
    target: float | None
    at_least: bool = False
    note: str = ""

    @property
    def shown(self) -> str:
        """The value as text."""
        return "not measured" if self.value is None else f"{self.value:.3g}"

    @property
    def verdict(self) -> str:
        """met, MISSED, or nothing to say."""
        if self.value is None or self.target is None:
            return "-"
        kept = self.value >= self.target if self.at_least else self.value <= self.target
        return "met" if kept else "MISSED"


def print_table(figures: list[Figure]) -> None:
    """All figures as a Markdown table."""
    print("| figure | value | target | verdict | note |")
    print("|---|---|---|---|---|")
    for figure in figures:
        sign = ">=" if figure.at_least else "<="
        target = "" if figure.target is None else f"{sign} {figure.target:g}"
        print(f"| {figure.name} | {figure.shown} | {target} | {figure.verdict} | {figure.note} |")
