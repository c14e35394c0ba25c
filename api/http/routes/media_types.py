"""Media types: the kinds of medium that gates take, a new one, and one corrected."""

from fastapi import APIRouter

from api.contract.network import MediumTypeAnswer, MediumTypeCorrection, MediumTypeRequest
from api.contract.operators import Page
from api.contract.paging import Cursor, Limit, page_of_values
from api.http.auth import TheKey, TheRuntime
from api.runtime.service import now_ms
from fare_engine.catalogue import Catalogue
from fare_engine.documents import medium_document
from fare_engine.ledger.database import Connection
from fare_engine.ledger.stores.network import add_medium_type, correct_medium_type
from fare_engine.network import MediumType, Name

router = APIRouter(prefix="/v1/media-types", tags=["media types"])


@router.get("")
async def list_media_types(
    runtime: TheRuntime, limit: Limit = 100, cursor: Cursor = None
) -> Page[MediumTypeAnswer]:
    """All media types, in the order in which they were registered."""
    return page_of_values(
        runtime.catalogue.network.media, limit, cursor, lambda medium: medium.code, _view
    )


@router.post("", status_code=201)
async def register_medium_type(
    request: MediumTypeRequest, runtime: TheRuntime, key: TheKey
) -> MediumTypeAnswer:
    """Register a media type. Its code stays for good, since tokens are made of it."""
    name = Name(request.name.zh, request.name.en)
    draft = MediumType(request.code, name, request.id_pattern)

    def change(connection: Connection, catalogue: Catalogue) -> Catalogue:
        return add_medium_type(connection, catalogue, draft, key.key_id, now_ms())

    catalogue = await runtime.publish_catalogue(change)
    return _view(catalogue.media[request.code])


@router.put("/{code}")
async def put_medium_type(
    code: str, request: MediumTypeCorrection, runtime: TheRuntime, key: TheKey
) -> MediumTypeAnswer:
    """Correct a media type: its names and the pattern of its ids, from the next batch on.

    It cannot be deleted, since taps name it; with a pattern that no id fits it takes no more ids.
    """
    name = Name(request.name.zh, request.name.en)
    draft = MediumType(code, name, request.id_pattern)

    def change(connection: Connection, catalogue: Catalogue) -> Catalogue:
        return correct_medium_type(connection, catalogue, draft, key.key_id, now_ms())

    catalogue = await runtime.publish_catalogue(change)
    return _view(catalogue.media[code])


def _view(medium: MediumType) -> MediumTypeAnswer:
    return MediumTypeAnswer(**medium_document(medium))
