"""How each arm looks: one colour and one symbol, the same everywhere on the page."""

from dataclasses import dataclass

# Okabe and Ito, told apart with any colour vision; those that read on white and on black come
# first, and their black and yellow, which do not, stay out.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9")
SYMBOLS = {
    "circle": "●",
    "square": "■",
    "diamond": "◆",
    "triangle-up": "▲",
    "triangle-down": "▼",
    "star": "★",
    "cross": "✚",
    "x": "✖",
}
"""Plotly's markers, and the character that shows the same in the text."""
DASHES = ("solid", "dash", "dot", "dashdot")
MANY = 12
"""With more arms than this, what lists all of them is folded away."""


@dataclass(frozen=True)
class Look:
    """Colour, marker and line style of an arm; colour and marker differ for the first 48 arms."""

    colour: str
    symbol: str
    dash: str

    @property
    def glyph(self) -> str:
        """The marker as a character."""
        return SYMBOLS[self.symbol]


def looks(arms: list[str]) -> dict[str, Look]:
    """Look of each arm, by its place in the configuration."""
    symbols = list(SYMBOLS)
    return {
        name: Look(
            PALETTE[index % len(PALETTE)],
            # Colours come round after 6 arms, symbols after 8: one further each time around.
            symbols[(index + index // len(PALETTE)) % len(symbols)],
            DASHES[index // len(PALETTE) % len(DASHES)],
        )
        for index, name in enumerate(arms)
    }
