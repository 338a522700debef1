"""Digests of values and of code: what a stage's result depends on, and nothing else.

A code digest is taken from syntax trees, from which everything is removed that cannot change a
result: docstrings, annotations of functions, descriptions and help, the words of errors and of
progress, the package's version, and the fields of settings, whose values a stage's `spec` holds.
The modules of `hexplane.plumbing` do not count at all; their `FORMAT` does.
"""

import ast
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from hexplane import plumbing
from hexplane.plumbing.files import sha256

PACKAGE = Path(__file__).parents[1]
NEUTRAL = "hexplane.plumbing"
"""Modules that only report, check or write."""
PAGE = "hexplane.report"
"""To what shows results, words are results: labels count there."""
_SAID = ("say", "print", "echo", "warn")
"""Calls that tell somebody something, where nothing is made of their value."""
_UNSEEN = {"Field": ("description",), "Option": ("help",), "Argument": ("help",)}
"""Arguments that only a reader sees, by the call they belong to."""
_SHOWN = {"Metric": ("label", "better", "digits")}
"""The same, of calls whose result a page shows."""
_ABOUT = ("__version__", "__all__", "SERVED")
"""What a module says of itself."""
_BLOCKS = (
    *(ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef, ast.ExceptHandler),
    *(ast.If, ast.For, ast.While, ast.With, ast.Try),
)
_TYPING = ("__future__", "typing", "collections.abc", "numpy.typing")
"""Imports that annotations need."""


def canonical_json(value: Any) -> str:
    """The one spelling of a JSON value: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """Short SHA-256 of a JSON value in its canonical spelling."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


@cache
def code_digest(module: str, chosen: tuple[str, ...] = ()) -> str:
    """Digest of a module and all it imports from this package, directly or not.

    Imports inside functions count. Data files beside a package's `__init__` belong to it.

    Args:
        module: dotted name, for example "hexplane.stages.render".
        chosen: dotted names of the modules that its settings choose, which it loads by name.
    """
    closure = import_closure(module, *chosen)
    shown = any(name.split(".")[:2] == PAGE.split(".") for name in closure)
    parts: dict[str, str] = {}
    for name in closure:
        source = _source(name)
        parts[name] = _parsed(source, shown)[1]
        if source.name == "__init__.py":
            data = (f for f in source.parent.iterdir() if f.is_file() and f.suffix != ".py")
            parts |= {f"{name}/{file.name}": sha256(file) for file in data}
    return digest([plumbing.FORMAT, parts])


def forget() -> None:
    """Drop what is known of files, so that they are read again."""
    code_digest.cache_clear()
    _parsed.cache_clear()


def import_closure(*modules: str) -> set[str]:
    """Dotted names of the package's modules that importing these can load, themselves included.

    Those of `NEUTRAL` are left out, with what they alone import.
    """
    closure: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in closure or _neutral(name):
            continue
        closure.add(name)
        parts = name.split(".")
        waiting += [".".join(parts[:i]) for i in range(1, len(parts))]  # packages run as well
        waiting += _parsed(_source(name))[0]
    return closure


def _neutral(module: str | None) -> bool:
    return module == NEUTRAL or (module or "").startswith(f"{NEUTRAL}.")


def _source(module: str) -> Path:
    base = PACKAGE.parent.joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


@cache
def _parsed(path: Path, shown: bool = False) -> tuple[list[str], str]:
    """Dotted names of the package's modules that a file imports, and its fingerprint."""
    tree = _Computing(shown).visit(ast.parse(path.read_text(encoding="utf-8"), str(path)))
    imported: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from package import name` loads a module when `name` is one.
            imported += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    own = [
        name
        for name in dict.fromkeys(imported)
        if name.split(".")[0] == PACKAGE.name and _source(name).is_file()
    ]
    return own, hashlib.sha256(ast.dump(tree).encode()).hexdigest()


class _Computing(ast.NodeTransformer):
    """Leaves of a syntax tree what can change a result."""

    def __init__(self, shown: bool) -> None:
        self.unseen = _UNSEEN if shown else _UNSEEN | _SHOWN

    def visit(self, node: ast.AST) -> Any:
        """The node without what does not count; None where nothing of it does."""
        kept = super().visit(node)
        if isinstance(kept, _BLOCKS):
            kept.body = kept.body or [ast.Pass()]
        return kept

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        """Without docstrings, wherever they stand, and without what is only said."""
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        if isinstance(node.value, ast.Call) and _called(node.value) in _SAID:
            return None
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        """Which error, without its words."""
        if isinstance(node.exc, ast.Call):
            node.exc = node.exc.func
        return self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        """Without the words of its failure."""
        node.msg = None
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Without descriptions and help."""
        unseen = self.unseen.get(_called(node), ())
        node.keywords = [own for own in node.keywords if own.arg not in unseen]
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Without annotations."""
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """Without annotations."""
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        own = node.args
        for argument in (*own.posonlyargs, *own.args, *own.kwonlyargs, own.vararg, own.kwarg):
            if argument is not None:
                argument.annotation = None
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Without the fields of settings: a stage's `spec` holds their values."""
        fields = node.name.endswith(("Settings", "Section"))
        body: list[ast.stmt] = []
        for item in node.body:
            if not isinstance(item, ast.AnnAssign):
                kept = self.visit(item)
                if kept is not None:
                    body += kept if isinstance(kept, list) else [kept]
            elif not fields or ast.unparse(item.annotation).startswith("ClassVar"):
                body.append(self.generic_visit(item))  # type: ignore[arg-type]
        node.body = body
        node.bases = [self.visit(base) for base in node.bases]
        node.decorator_list = [self.visit(own) for own in node.decorator_list]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        """Outside classes an annotation does nothing."""
        if node.value is None:
            return None
        return self.visit_Assign(ast.Assign([node.target], node.value))

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        """Without what a package says of itself."""
        if isinstance(node.targets[0], ast.Name) and node.targets[0].id in _ABOUT:
            return None
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.AST]:
        """Without what only a type checker reads."""
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            found = [self.visit(item) for item in node.orelse]
            return [item for item in found if item is not None]
        return self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        """Without imports of types and of what does not count."""
        if node.module in _TYPING or _neutral(node.module):
            return None
        names = [own for own in node.names if not _neutral(f"{node.module}.{own.name}")]
        return ast.ImportFrom(node.module, names, node.level) if names else None


def _called(node: ast.Call) -> str:
    """Last part of the name of what is called."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""
