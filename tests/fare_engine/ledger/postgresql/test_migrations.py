"""The database that migrations make in PostgreSQL: the schema's tables, and those of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from fare_engine.errors import LedgerUnavailable, SchemaVersionWrong
from fare_engine.ledger import migrations
from fare_engine.ledger.database import (
    check_schema,
    find_revision,
    get_head_revision,
    list_revisions,
    migrate,
    open_database,
    reading,
    writing,
)
from fare_engine.ledger.schema import list_tables, metadata
from fare_engine.ledger.soundness import check_tables

OWN = {"heads", "batches", "identity"}
PARTITIONS = {"taps_from_1", "taps_from_50000001"}


@pytest.fixture
def engine(make_database: Callable[..., str]) -> Iterator[Engine]:
    engine = open_database(make_database())
    yield engine
    engine.dispose()


def test_the_tables_are_those_of_the_schema_column_by_column(engine: Engine) -> None:
    migrate(engine)
    expected = {table.name for table in list_tables("postgresql")}

    def is_reflected(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or name in expected

    def is_compared(one: object, name: str, kind: str, reflected: bool, other: object) -> bool:
        if kind == "table":
            return name in expected
        # Nothing points to `taps`, or commits of different workers would wait for each other.
        return kind != "foreign_key_constraint" or not points_to_taps(one)

    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "include_name": is_reflected,
                "include_object": is_compared,
            },
        )
        assert compare_metadata(context, metadata) == []
        found = set(inspect(connection).get_table_names())
    assert found == expected | OWN | PARTITIONS | {"alembic_version"}


def points_to_taps(constraint: object) -> bool:
    """Whether a foreign key is one to `taps`."""
    return any(key.column.table.name == "taps" for key in constraint.elements)  # type: ignore[attr-defined]


def test_a_migrated_database_passes_and_may_be_migrated_again(engine: Engine) -> None:
    with pytest.raises(SchemaVersionWrong, match="holds no ledger"):
        check_schema(engine)
    migrate(engine)
    check_schema(engine)
    migrate(engine)
    assert find_revision(engine) == get_head_revision("postgresql")
    with reading(engine) as connection:
        check_tables(connection)


def test_a_newer_ledger_is_refused_and_left_alone(engine: Engine) -> None:
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("UPDATE identity SET fits_since = '9999'"))
    for refused in (check_schema, migrate):
        with pytest.raises(SchemaVersionWrong, match=r"by a newer version .* \(schema 9999"):
            refused(engine)


def test_a_newer_ledger_that_only_added_is_fit_for_the_workers_of_before(engine: Engine) -> None:
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("ALTER TABLE keys ADD COLUMN new INTEGER"))
        connection.execute(text("UPDATE identity SET fits_since = '9998'"))
    with pytest.raises(SchemaVersionWrong, match="by a newer version"):
        check_schema(engine)
    with writing(engine) as connection:
        head = get_head_revision("postgresql")
        connection.execute(text("UPDATE identity SET fits_since = :head"), {"head": head})
    check_schema(engine)
    migrate(engine)
    assert find_revision(engine) == "9999"
    with reading(engine) as connection:
        check_tables(connection)


def test_a_migration_that_fails_leaves_nothing(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE tariffs (version INTEGER)"))
    with pytest.raises(LedgerUnavailable, match='"tariffs" already exists'):
        migrate(engine)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["tariffs"]


def test_the_names_of_the_migrations_tell_their_revisions_and_order() -> None:
    folder = Path(migrations.__file__).parent
    scripts = ScriptDirectory(str(folder), version_locations=[str(folder / "postgresql")])
    assert list_revisions("postgresql") == [one.revision for one in scripts.walk_revisions()]


def test_readers_see_one_moment_while_another_writes(engine: Engine) -> None:
    migrate(engine)
    count = text("SELECT count(*) FROM networks")
    insert = text("INSERT INTO networks VALUES ('a', 'a', 'a', 'a', 'a')")
    with reading(engine) as reader:
        assert reader.execute(count).scalar_one() == 0
        with writing(engine) as writer:
            writer.execute(insert)
        assert reader.execute(count).scalar_one() == 0
    with reading(engine) as reader:
        assert reader.execute(count).scalar_one() == 1
