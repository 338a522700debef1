"""The `hexplane` command: a subcommand for each stage, built from the stage's own signature.

A stage is imported when it is called: what needs no torch must not wait for it. Its positional
parameters are arguments, its keyword-only ones options; `settings` is `--spec`, `code` what the
workflow planned with. Help comes from docstrings.
"""

import inspect
import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from hexplane import stages
from hexplane.plumbing.claims import give_up
from hexplane.plumbing.ending import end_orderly
from hexplane.plumbing.errors import UserError, of_machine
from hexplane.plumbing.parse import parse_spec
from hexplane.plumbing.settings import Settings

OTHERS = {
    "edit": "hexplane.studio.edit",
    "inspect": "hexplane.model.inspection",
    "studio": "hexplane.studio.command",
    "verify": "hexplane.plumbing.verify",
}
"""Commands that are no stages, and the modules that hold them as `run`."""


class Commands(TyperGroup):
    """All commands; none is imported before it is called."""

    listing = False

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        # What a mistyped name may mean; the commands themselves come from `get_command`.
        self.commands = {name: TyperCommand(name) for name in self.list_commands(None)}

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of stages, and of the rest."""
        return [*stages.names(), *OTHERS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command; while all are listed, one that only says what it does."""
        if cmd_name in OTHERS:
            return command(cmd_name, OTHERS[cmd_name])
        if cmd_name not in stages.names():
            return None
        if self.listing:
            return TyperCommand(cmd_name, help=stages.summary(cmd_name))
        return command(cmd_name, f"hexplane.stages.{cmd_name}")

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The list of commands."""
        self.listing = True
        super().format_help(ctx, formatter)


def command(name: str, module: str) -> Any:
    """The command that calls a module's `run` and prints the path or text that it returns."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(name)(_parsed(import_module(module).run))
    return typer.main.get_command(app)


def _parsed(run: Callable[..., Any]) -> Callable[..., None]:
    """`run` as a function that typer can read: its settings come as text."""
    signature = inspect.signature(run, eval_str=True)
    text, _, arguments = inspect.cleandoc(run.__doc__ or "").partition("\nArgs:\n")
    about = _descriptions(arguments)
    kinds: dict[str, type[Settings]] = {}
    parameters = []
    for own in signature.parameters.values():
        annotation, default = own.annotation, own.default
        if own.name == "settings":
            kinds[own.name] = annotation
            default = "{}"  # what has to be given is missed by name
            annotation = Annotated[
                str,
                typer.Option(
                    "--spec",
                    metavar="YAML",
                    help=_of_settings(annotation),
                ),
            ]
        elif own.name == "code":
            annotation = Annotated[str | None, typer.Option("--code", hidden=True)]
        elif own.kind is inspect.Parameter.KEYWORD_ONLY:
            flag = [f"--{own.name.replace('_', '-')}"] if annotation is bool else []
            annotation = Annotated[annotation, typer.Option(*flag, help=about.get(own.name))]
        else:
            annotation = Annotated[annotation, typer.Argument(help=about.get(own.name))]
        kind = inspect.Parameter.KEYWORD_ONLY
        parameters.append(inspect.Parameter(own.name, kind, default=default, annotation=annotation))

    def called(**values: Any) -> None:
        for key, own in kinds.items():
            values[key] = parse_spec(own, values[key])
        try:
            made = run(**values)
        except BaseException:  # a signal, too
            give_up()
            raise
        if isinstance(made, str | Path) and values.get("output") is None:
            typer.echo(made)

    called.__doc__ = re.split(r"\n(?:Raises|Returns):\n", text)[0]
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {own.name: own.annotation for own in parameters}
    return called


def _of_settings(kind: type[Settings]) -> str:
    """What the option `--spec` takes: its keys, and one of them as an example."""
    keys = ", ".join(kind.model_fields)
    examples = [
        f", e.g. '{{{name}: {field.default}}}'"
        for name, field in kind.model_fields.items()
        if type(field.default) in (int, float, str)
    ]
    example = examples[0] if examples else ""
    return (
        f"Settings that differ from the defaults ({keys}){example}; @FILE reads them from a file."
    )


def _descriptions(arguments: str) -> dict[str, str]:
    """What a docstring's section `Args:` says of each parameter."""
    section = re.split(r"\n\n?(?:Raises|Returns):\n", arguments)[0]
    found = re.findall(r"^    (\w+): (.+(?:\n {8,}.+)*)", section, flags=re.MULTILINE)
    said = {name: " ".join(text.split()) for name, text in found}
    return {name: text[0].upper() + text[1:] for name, text in said.items()}


app = typer.Typer(
    name="hexplane",
    cls=Commands,
    help="Head meshes through six orthographic views into a small latent and back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _hexplane() -> None:
    """Head meshes through six orthographic views into a small latent and back."""


def main() -> None:
    """Run the command; a user's mistake is one line and exit status 1, and so is a full machine."""
    end_orderly()
    try:
        app()
    except UserError as error:
        print(error.told, file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        lacking = of_machine(error)
        if lacking is None:
            raise
        print(f"error: {lacking}", file=sys.stderr)
        sys.exit(1)
