"""All tables, and the functions that workers call. The files are part of it: they never change."""

from importlib import resources

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_FILES = ("0001_tables.sql", "0001_functions.sql")
_PARTITIONS_MADE = 2


def upgrade() -> None:
    folder = resources.files("fare_engine.ledger.migrations.postgresql")
    # Nothing in the files is a parameter, whatever it looks like.
    connection = op.get_bind().execution_options(no_parameters=True)
    for name in _FILES:
        connection.exec_driver_sql((folder / name).read_text("utf-8"))
    for _ in range(_PARTITIONS_MADE):
        connection.exec_driver_sql("SELECT make_partition(find_partitions_end())")
