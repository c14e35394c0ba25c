"""Runs the migrations on the connection that `fare_engine.ledger.database.migrate` gives."""

from alembic import context

from fare_engine.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot change a column: the table is made anew.
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
