"""Operator commands: each is its arguments, its question to the engine and its printed answer."""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import typer

from api.cli.shared.options import AdminKeyFile, DataDir, Json
from api.cli.shared.output import print_json

if TYPE_CHECKING:
    from api.cli.shared.operator import Operator


class Question(NamedTuple):
    """What a command asks the engine, and how it prints the answer as text."""

    ask: Callable[["Operator"], Any]
    print_answer: Callable[[Any], None]


def call(method: str, path: str, body: Any, print_answer: Callable[[Any], None]) -> Question:
    """One call of the API."""
    return Question(lambda operator: operator.call(method, path, body), print_answer)


def list_all(path: str, print_answer: Callable[[Any], None], **query: Any) -> Question:
    """A list of the API with all its pages; what is None in the query is left out."""
    return Question(lambda operator: operator.list_all(path, **query), print_answer)


def _common(
    data_dir: DataDir = None, admin_key_file: AdminKeyFile = None, as_json: Json = False
) -> None:
    """The options that every operator command takes after its own."""


_COMMON: Final = tuple(inspect.signature(_common).parameters.values())


def operator_command(
    app: typer.Typer, name: str
) -> Callable[[Callable[..., Question]], Callable[..., Question]]:
    """Register a function as a command: it checks its arguments and returns its question.

    The command takes the common options too, asks the running server or the data directory, and
    prints the answer as JSON or as text.
    """

    def register(make_question: Callable[..., Question]) -> Callable[..., Question]:
        def run(
            data_dir: DataDir, admin_key_file: AdminKeyFile, as_json: Json, **arguments: Any
        ) -> None:
            from api.cli.shared.operator import open_operator
            from api.runtime.settings import load_settings

            question = make_question(**arguments)
            with open_operator(
                load_settings(data_dir=data_dir, admin_key_file=admin_key_file)
            ) as operator:
                answer = question.ask(operator)
            if as_json:
                print_json(answer)
            else:
                question.print_answer(answer)

        # Typer reads a command's options from its signature and annotations.
        own = inspect.signature(make_question).parameters.values()
        parameters = (*own, *_COMMON)
        run.__doc__ = make_question.__doc__
        run.__annotations__ = {it.name: it.annotation for it in parameters}
        run.__dict__["__signature__"] = inspect.Signature(parameters)
        app.command(name)(run)
        return make_question

    return register
