"""What the headers of a request say of its body: JSON in UTF-8, as it is, on every route."""

from typing import Final

from api.contract.problems import Refused

JSON: Final = b"application/json"
_UTF_8: Final = frozenset({b"utf-8", b"utf8", b"us-ascii"})


def check_content_type(value: bytes) -> None:
    """Refuse (415) a body that is said to be no JSON, or to be in another encoding than UTF-8."""
    if value == JSON:  # as nearly all clients say it
        return
    kind, *parameters = value.lower().split(b";")
    kind = kind.strip()
    if kind != JSON and not (kind.startswith(b"application/") and kind.endswith(b"+json")):
        raise Refused("unsupported-media-type", "send Content-Type: application/json")
    for parameter in parameters:
        name, _, charset = parameter.partition(b"=")
        if name.strip() == b"charset" and charset.strip(b' \t"') not in _UTF_8:
            raise Refused("unsupported-media-type", "the body must be in UTF-8, and said to be")


def check_content_encoding(value: bytes) -> None:
    """Refuse (415) a body that is compressed: it would have to be limited twice."""
    if not {part.strip() for part in value.lower().split(b",")} <= {b"", b"identity"}:
        raise Refused("unsupported-media-type", "send the body as it is, without Content-Encoding")
