"""`media-types`: the kinds of medium that gates take."""

from typing import Annotated

import typer

from api.cli.options import AdminKey, DataDir, Json

app = typer.Typer(name="media-types", help="Kinds of medium that gates take.", no_args_is_help=True)


@app.command("list")
def list_media_types(
    data_dir: DataDir = None, admin_key: AdminKey = None, as_json: Json = False
) -> None:
    """All media types, in the order in which they were registered."""
    from api.cli.operator import open_operator
    from api.cli.output import print_json, print_table
    from api.runtime.settings import load_settings

    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        media = operator.list_all("/v1/media-types")
    if as_json:
        print_json(media)
        return
    print_table(
        ("code", "name", "", "ids"),
        [
            (medium["code"], medium["name"]["zh"], medium["name"]["en"], medium["id_pattern"])
            for medium in media
        ],
    )


@app.command("add")
def add(
    code: str,
    name_zh: Annotated[str, typer.Option(help="Its name in Chinese.")],
    name_en: Annotated[str, typer.Option(help="Its name in English.")],
    id_pattern: Annotated[
        str, typer.Option(help="A regular expression that an id must match as a whole.")
    ],
    data_dir: DataDir = None,
    admin_key: AdminKey = None,
    as_json: Json = False,
) -> None:
    """Register a media type. Its discount belongs to the tariff, its use to policies."""
    from api.cli.operator import open_operator
    from api.cli.output import print_json
    from api.runtime.settings import load_settings

    draft = {
        "code": code,
        "name": {"zh": name_zh, "en": name_en},
        "id_pattern": id_pattern,
    }
    with open_operator(load_settings(data_dir=data_dir, admin_key=admin_key)) as operator:
        medium = operator.call("POST", "/v1/media-types", draft)
    if as_json:
        print_json(medium)
    else:
        print(f"{medium['code']} is registered: {medium['name']['zh']} {medium['name']['en']}")
