"""The words of the paper, for Typst: `paper.typ` includes the others, and reads `data.json`."""
