"""`media-types`: list, register and correct the media types that gates accept."""

from typing import Annotated

import typer

from api.cli.shared.operator_command import Question, call, list_all, operator_command
from api.cli.shared.output import as_table

app = typer.Typer(name="media-types", help="Media types that gates accept.", no_args_is_help=True)


@operator_command(app, "list")
def list_media_types() -> Question:
    """List all media types, in the order in which they were registered."""
    print_media_types = as_table(
        ("code", "name", "", "ids"),
        lambda it: (it["code"], it["name"]["zh"], it["name"]["en"], it["id_pattern"]),
    )
    return list_all("/v1/media-types", print_media_types)


@operator_command(app, "add")
def add(
    code: str,
    name_zh: Annotated[str, typer.Option(help="Its name in Chinese.")],
    name_en: Annotated[str, typer.Option(help="Its name in English.")],
    id_pattern: Annotated[
        str, typer.Option(help="A regular expression that the whole id must match.")
    ],
) -> Question:
    """Register a media type. Discounts are set by the tariff, use for crossings by policies."""
    return call(
        "POST",
        "/v1/media-types",
        {"code": code, "name": {"zh": name_zh, "en": name_en}, "id_pattern": id_pattern},
        lambda it: print(f"{it['code']} is registered: {it['name']['zh']} {it['name']['en']}"),
    )


@operator_command(app, "correct")
def correct(
    code: str,
    name_zh: Annotated[str, typer.Option(help="Its name in Chinese.")],
    name_en: Annotated[str, typer.Option(help="Its name in English.")],
    id_pattern: Annotated[
        str, typer.Option(help="A regular expression that the whole id must match.")
    ],
) -> Question:
    """Give a media type other names and another pattern; taps that are decided stay as they are."""
    return call(
        "PUT",
        f"/v1/media-types/{code}",
        {"name": {"zh": name_zh, "en": name_en}, "id_pattern": id_pattern},
        lambda it: print(f"{it['code']} is corrected: its ids fit {it['id_pattern']}"),
    )
