"""Issuers of ride codes: their public keys, registered, rotated, retired."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.contract.issuers import (
    IssuerAnswer,
    IssuerId,
    IssuerKeyRequest,
    IssuerRequest,
    RetireRequest,
    decode_key,
)
from api.contract.operators import Page
from api.contract.paging import Cursor, Limit, page_of_values
from api.http.auth import TheKey, TheRuntime
from api.runtime.service import now_ms
from api.views.catalogue import view_issuers
from fare_engine.catalogue import Catalogue
from fare_engine.issuer import IssuerKey
from fare_engine.ledger.database import Connection
from fare_engine.ledger.stores.issuers import add_issuer, retire_key, rotate_key
from gates.media.signatures import make_check

router = APIRouter(prefix="/v1/ride-code-issuers", tags=["ride codes"])

PathId = Annotated[IssuerId, Path()]


@router.get("")
async def list_issuers(
    runtime: TheRuntime, limit: Limit = 100, cursor: Cursor = None
) -> Page[IssuerAnswer]:
    """Every issuer with all its keys, those that ended too."""
    catalogue = runtime.catalogue
    return page_of_values(
        view_issuers(catalogue), limit, cursor, lambda issuer: issuer.issuer_id, lambda it: it
    )


@router.post("", status_code=201)
async def add(request: IssuerRequest, runtime: TheRuntime, key: TheKey) -> IssuerAnswer:
    """Register an issuer with its first key: its codes are taken from now on."""
    new = _read_key(request.issuer_id, request)

    def change(connection: Connection, catalogue: Catalogue) -> Catalogue:
        return add_issuer(connection, catalogue, new, key.key_id, now_ms())

    return _view(await runtime.publish_catalogue(change), new.issuer_id)


@router.post("/{issuer_id}/rotate", status_code=201)
async def rotate(
    issuer_id: PathId, request: IssuerKeyRequest, runtime: TheRuntime, key: TheKey
) -> IssuerAnswer:
    """Register another key of an issuer. Those before stay in force until they are retired."""
    new = _read_key(issuer_id, request)

    def change(connection: Connection, catalogue: Catalogue) -> Catalogue:
        return rotate_key(connection, catalogue, new, key.key_id, now_ms())

    return _view(await runtime.publish_catalogue(change), issuer_id)


@router.post("/{issuer_id}/retire")
async def retire(
    issuer_id: PathId, request: RetireRequest, runtime: TheRuntime, key: TheKey
) -> IssuerAnswer:
    """End a key: codes issued from then on no longer count. Ended earlier, it stays so."""

    def change(connection: Connection, catalogue: Catalogue) -> Catalogue:
        at_ms = now_ms()
        valid_to_ms = at_ms if request.valid_to is None else request.valid_to
        return retire_key(
            connection,
            catalogue,
            issuer_id,
            request.key_id,
            valid_to_ms,
            request.reason,
            key.key_id,
            at_ms,
        )

    return _view(await runtime.publish_catalogue(change), issuer_id)


def _view(catalogue: Catalogue, issuer_id: str) -> IssuerAnswer:
    return next(it for it in view_issuers(catalogue) if it.issuer_id == issuer_id)


def _read_key(issuer_id: str, request: IssuerKeyRequest) -> IssuerKey:
    """The key of a request, once it was found to be one; KeyUnusable when it is none."""
    public_key = decode_key(request.public_key)
    make_check(request.algorithm, public_key)
    # Codes name the second of their issue: one made at once must not lie before its key.
    valid_from_ms = now_ms() // 1_000 * 1_000 if request.valid_from is None else request.valid_from
    return IssuerKey(
        issuer_id, request.key_id, request.algorithm, public_key, valid_from_ms, request.valid_to
    )
