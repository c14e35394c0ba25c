"""The database: opened as it must be, migrated to exactly the tables, and told apart by version."""

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, select, text

from fare_engine.errors import LedgerUnavailable, SchemaVersionWrong
from fare_engine.ledger import migrations
from fare_engine.ledger.database import (
    check_schema,
    find_mismatch,
    find_revision,
    get_head_revision,
    list_revisions,
    migrate,
    open_database,
    writing,
)
from fare_engine.ledger.schema import list_tables, metadata, tariffs

TABLES = list_tables("sqlite")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(tmp_path / "ledger.sqlite3")
    yield engine
    engine.dispose()


def _set_revision(engine: Engine, revision: str) -> None:
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})


def _is_compared(
    one: object, _name: str | None, kind: str, is_reflected: bool, _other: object
) -> bool:
    """All that the database has, and of the schema what an embedded ledger should have."""
    return kind != "table" or is_reflected or one in TABLES


def _definitions(engine: Engine) -> dict[str, list[str]]:
    """What SQLite was told to make, clause by clause: their order in a table does not matter.

    A table that was made anew by a migration has its name in quotes.
    """
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%'")
        )
        words = {row.name: " ".join((row.sql or "").split()) for row in rows}
        words = {
            name: sql.replace(f'TABLE "{name}"', f"TABLE {name}") for name, sql in words.items()
        }
    return {name: sorted(re.split(r", | \( | \)", sql)) for name, sql in words.items()}


def test_the_settings_are_those_of_a_ledger(engine: Engine) -> None:
    expected = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5_000,
        "wal_autocheckpoint": 0,
    }
    with engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in expected
        }
    assert found == expected


def test_migrations_make_what_the_schema_says(engine: Engine) -> None:
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "include_object": _is_compared,
            },
        )
        assert compare_metadata(context, metadata) == []


def test_migrations_make_the_same_tables_clause_by_clause(engine: Engine, tmp_path: Path) -> None:
    migrate(engine)
    other = open_database(tmp_path / "other.sqlite3")
    metadata.create_all(other, TABLES)
    assert _definitions(engine) == _definitions(other)
    other.dispose()


def test_a_migrated_database_passes_and_may_be_migrated_again(engine: Engine) -> None:
    migrate(engine)
    check_schema(engine)
    migrate(engine)
    assert find_revision(engine) == get_head_revision()


def test_a_ledger_of_schema_0001_gets_ride_codes_and_keeps_its_tariffs(engine: Engine) -> None:
    migrate(engine, "0001")
    with writing(engine) as connection:
        connection.execute(
            text("INSERT INTO tariffs VALUES (1, 5, NULL, :rules, 7)"),
            {"rules": json.dumps({"same_station_fare": 200, "note": "成都"})},
        )
    migrate(engine)
    check_schema(engine)
    with engine.connect() as connection:
        (tariff,) = connection.execute(select(tariffs))
        assert tariff.rules == {
            "same_station_fare": 200,
            "note": "成都",
            "ride_code_validity_seconds": 30,
        }
        assert (tariff.version, tariff.effective_from, tariff.published_at) == (1, 5, 7)
        assert connection.execute(text("SELECT count(*) FROM ride_codes")).scalar_one() == 0


def test_the_names_of_the_migrations_tell_their_revisions_and_order() -> None:
    folder = Path(migrations.__file__).parent
    scripts = ScriptDirectory(str(folder)).walk_revisions()
    assert list_revisions() == [script.revision for script in scripts]


def test_a_path_may_hold_any_character(tmp_path: Path) -> None:
    path = tmp_path / "50% off? #1" / "ledger.sqlite3"
    path.parent.mkdir()
    engine = open_database(path)
    migrate(engine)
    engine.dispose()
    assert path.is_file()


def test_a_url_opens_the_same_database(engine: Engine, tmp_path: Path) -> None:
    migrate(engine)
    other = open_database(f"sqlite:///{tmp_path}/ledger.sqlite3")
    check_schema(other)
    other.dispose()


def test_an_empty_database_is_told(engine: Engine) -> None:
    with pytest.raises(SchemaVersionWrong, match="holds no ledger; `fare-engine init` makes one"):
        check_schema(engine)


def test_a_newer_ledger_is_told_and_left_alone(engine: Engine) -> None:
    migrate(engine)
    _set_revision(engine, "9999")
    for refused in (check_schema, migrate):
        with pytest.raises(
            SchemaVersionWrong, match=r"by a newer version of the engine \(schema 9999"
        ):
            refused(engine)
    assert find_revision(engine) == "9999"


def test_an_older_ledger_is_told() -> None:
    assert find_mismatch("0002", ["0002", "0001"]) is None
    assert find_mismatch("0001", ["0002", "0001"]) == (
        "was written by an older version of the engine (schema 0001, this version has 0002); "
        "make a backup, then bring it up to date with `fare-engine migrate`"
    )


def test_a_file_that_is_no_database_is_told(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite3").write_text("a letter to the editor " * 100)
    with pytest.raises(LedgerUnavailable, match=r"ledger\.sqlite3 cannot be read"):
        check_schema(engine)


def test_a_migration_that_fails_leaves_nothing(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE tariffs (version INTEGER)"))
    with pytest.raises(LedgerUnavailable, match="tariffs already exists"):
        migrate(engine)
    assert _definitions(engine).keys() == {"tariffs"}
    assert find_revision(engine) is None


def test_a_failed_transaction_leaves_nothing(engine: Engine) -> None:
    migrate(engine)

    def fail_half_way() -> None:
        with writing(engine) as connection:
            connection.execute(text("INSERT INTO ledger_marks VALUES ('mark', 1)"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM ledger_marks")).scalar_one() == 0


def test_foreign_keys_are_kept(engine: Engine) -> None:
    migrate(engine)
    with pytest.raises(LedgerUnavailable, match="FOREIGN KEY"), writing(engine) as connection:
        connection.execute(
            text("INSERT INTO segments VALUES (1, 'no line', 'no station', 'none', 5)")
        )


def test_a_writer_holds_the_database_from_its_first_word(engine: Engine, tmp_path: Path) -> None:
    migrate(engine)
    other = sqlite3.connect(tmp_path / "ledger.sqlite3", timeout=0)
    with writing(engine), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


def test_readers_see_one_state_while_another_writes(engine: Engine) -> None:
    migrate(engine)
    count = text("SELECT count(*) FROM ledger_marks")
    with engine.connect() as reader:
        assert reader.execute(count).scalar_one() == 0
        with writing(engine) as writer:
            writer.execute(text("INSERT INTO ledger_marks VALUES ('mark', 1)"))
        assert reader.execute(count).scalar_one() == 0
    with engine.connect() as reader:
        assert reader.execute(count).scalar_one() == 1
