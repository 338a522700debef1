"""How each arm looks: one colour and one symbol, the same everywhere on the page."""

from dataclasses import dataclass

# Okabe and Ito, told apart with any colour vision; those that read on white and on black come
# first, and their black and yellow, which do not, stay out.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "star")
DASHES = ("solid", "dash", "dot", "dashdot")


@dataclass(frozen=True)
class Look:
    """Colour, marker and line style of an arm; together they differ for the first 24 arms."""

    colour: str
    symbol: str
    dash: str


def looks(experiments: list[str]) -> dict[str, Look]:
    """Look of each arm, by its place in the configuration."""
    return {
        name: Look(
            PALETTE[index % len(PALETTE)],
            SYMBOLS[index % len(SYMBOLS)],
            DASHES[index // len(PALETTE) % len(DASHES)],
        )
        for index, name in enumerate(experiments)
    }
