"""One module a stage: what `hexplane <stage>` does, and the rule of the same name starts.

A stage is a function `run`, whose signature and docstring are its command line as well. Nothing is
imported here: what is asked about all stages is read off their source.
"""

import ast
from functools import cache
from pathlib import Path
from pkgutil import iter_modules


def names() -> list[str]:
    """Names of all stages."""
    return sorted(module.name for module in iter_modules(__path__))


def summary(stage: str) -> str:
    """What a stage does: the first line that `run` says of itself."""
    functions = [item for item in _tree(stage).body if isinstance(item, ast.FunctionDef)]
    said = [ast.get_docstring(own) or "" for own in functions if own.name == "run"]
    return said[0].partition("\n")[0]


def served() -> list[str]:
    """Stages that say `SERVED = True`: short jobs on one thread, which share an interpreter."""
    return [stage for stage in names() if _says_served(stage)]


def _says_served(stage: str) -> bool:
    return any(
        isinstance(item, ast.Assign) and ast.unparse(item) == "SERVED = True"
        for item in _tree(stage).body
    )


@cache
def _tree(stage: str) -> ast.Module:
    return ast.parse((Path(__file__).parent / f"{stage}.py").read_text(encoding="utf-8"))
