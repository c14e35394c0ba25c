"""What workers need of each other: heartbeats, notices of publications, whose schema fits whom."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE heartbeats (
    controller_id VARCHAR(64) NOT NULL,
    received_at BIGINT NOT NULL,
    parameters_version VARCHAR(64),
    outbox_taps INTEGER NOT NULL,
    skews_ms JSON NOT NULL,
    CONSTRAINT pk_heartbeats PRIMARY KEY (controller_id)
);
COMMENT ON TABLE heartbeats IS 'the latest report of each controller';
COMMENT ON COLUMN heartbeats.skews_ms IS 'what it measured then, by gate_id';

CREATE FUNCTION announce_published() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('fare_engine_published', NEW.version::text);
    RETURN NULL;
END
$$;
CREATE TRIGGER announce_published AFTER UPDATE OF version ON configuration
    FOR EACH ROW EXECUTE FUNCTION announce_published();

ALTER TABLE identity ADD COLUMN fits_since VARCHAR(32);
COMMENT ON COLUMN identity.fits_since IS
    'the oldest schema revision whose workers may go on with this one';
UPDATE identity SET fits_since = '0002';
"""


def upgrade() -> None:
    # Nothing in it is a parameter, whatever it looks like.
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(_STATEMENTS)
