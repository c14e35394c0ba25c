-- The tables of a ledger that several workers share. Those of the embedded ledger, but for its index
-- of tap_ids and tokens, which PostgreSQL's own indexes take the place of; a partitioned `taps` that
-- no foreign key points to, so that commits of different workers do not wait for each other; and
-- `heads`, `batches`, `identity` and `tap_rows`, which the last part of this file makes.

CREATE TABLE taps (
    "row" BIGINT NOT NULL,
    tap_id VARCHAR(64) COLLATE "C" NOT NULL,
    token BYTEA NOT NULL,
    number INTEGER,
    previous_row BIGINT,
    gate INTEGER,
    station INTEGER,
    medium SMALLINT,
    direction SMALLINT NOT NULL,
    occurred_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    decided_at BIGINT NOT NULL,
    reason SMALLINT NOT NULL,
    flags SMALLINT NOT NULL,
    fare INTEGER NOT NULL,
    fare_waived INTEGER NOT NULL,
    conditions SMALLINT NOT NULL,
    closing SMALLINT NOT NULL,
    entry_row BIGINT,
    incomplete_fare INTEGER NOT NULL,
    policy_version INTEGER,
    tariff_version INTEGER,
    waivers BIGINT NOT NULL,
    clock_ahead INTEGER NOT NULL,
    listed_fare INTEGER,
    modes SMALLINT,
    CONSTRAINT pk_taps PRIMARY KEY ("row")
) PARTITION BY RANGE ("row");
COMMENT ON TABLE taps IS 'append-only; one row a tap';
COMMENT ON COLUMN taps.number IS 'place in the token''s chain; null where no state changed';
COMMENT ON COLUMN taps.previous_row IS 'the row that made the state it found; 0: blank';
COMMENT ON COLUMN taps.gate IS 'gates.number; null while the tap waits in quarantine';
COMMENT ON COLUMN taps.station IS 'stations.number at the tap';
COMMENT ON COLUMN taps.medium IS 'media_types.number';
COMMENT ON COLUMN taps.occurred_at IS 'the gate''s clock';
COMMENT ON COLUMN taps.received_at IS 'the engine''s clock';
COMMENT ON COLUMN taps.flags IS 'see fare_engine.ledger.rows';
COMMENT ON COLUMN taps.entry_row IS 'the journey found open, by the row of its entry';
COMMENT ON COLUMN taps.waivers IS 'packed counts after this tap';
COMMENT ON COLUMN taps.clock_ahead IS 'token clock minus occurred_at, ms';
COMMENT ON COLUMN taps.listed_fare IS 'of a recorded tap whose source lists a fare';
COMMENT ON COLUMN taps.modes IS 'degraded modes at the tap, see fare_engine.modes';

CREATE TABLE tap_ids (
    tap_id VARCHAR(64) COLLATE "C" NOT NULL,
    "row" BIGINT NOT NULL,
    CONSTRAINT pk_tap_ids PRIMARY KEY (tap_id)
);
COMMENT ON TABLE tap_ids IS
    'where a tap stands; in SQLite filled behind the ledger in sorted runs';

CREATE TABLE reports (
    "row" BIGINT NOT NULL,
    gate_opened SMALLINT NOT NULL,
    fare_taken INTEGER NOT NULL,
    passed SMALLINT,
    cause VARCHAR(200),
    reversed SMALLINT NOT NULL,
    received_at BIGINT NOT NULL,
    number INTEGER,
    CONSTRAINT pk_reports PRIMARY KEY ("row")
);
COMMENT ON TABLE reports IS 'what gates did, beside what the rule says; the first report counts';
COMMENT ON COLUMN reports.passed IS 'null: the gate did not say';
COMMENT ON COLUMN reports.reversed IS 'the token went back to before it';
COMMENT ON COLUMN reports.number IS 'place in the token''s chain that going back took';

CREATE TABLE ride_codes (
    code_id VARCHAR(64) COLLATE "C" NOT NULL,
    "row" BIGINT NOT NULL,
    CONSTRAINT pk_ride_codes PRIMARY KEY (code_id)
);
COMMENT ON TABLE ride_codes IS 'which tap used a ride code first';
COMMENT ON COLUMN ride_codes.code_id IS 'begins with the second of issue';

CREATE TABLE quarantine (
    "row" BIGINT NOT NULL,
    problem VARCHAR(40) NOT NULL,
    detail TEXT NOT NULL,
    gate_id VARCHAR(64) NOT NULL,
    medium_type VARCHAR(32) NOT NULL,
    sender VARCHAR(16),
    CONSTRAINT pk_quarantine PRIMARY KEY ("row")
);
COMMENT ON TABLE quarantine IS
    'taps of gates that decided alone which the engine could not decide';
COMMENT ON COLUMN quarantine.sender IS 'keys.key_id of who sent it';

CREATE TABLE conflicts (
    conflict BIGSERIAL NOT NULL,
    "row" BIGINT,
    kind VARCHAR(16) NOT NULL,
    content JSON NOT NULL,
    received_at BIGINT NOT NULL,
    tap_id VARCHAR(64) COLLATE "C" NOT NULL,
    sender VARCHAR(16),
    CONSTRAINT pk_conflicts PRIMARY KEY (conflict)
);
CREATE INDEX ix_conflicts_row ON conflicts ("row");
CREATE INDEX ix_conflicts_tap_id ON conflicts (tap_id);
COMMENT ON TABLE conflicts IS 'a tap_id with other content or of another gate, or a second report';
COMMENT ON COLUMN conflicts."row" IS 'null: no such tap then';
COMMENT ON COLUMN conflicts.kind IS 'tap or report';
COMMENT ON COLUMN conflicts.content IS 'what came, with the token and no card';
COMMENT ON COLUMN conflicts.sender IS 'keys.key_id of who sent it';

CREATE TABLE conflict_days (
    sender VARCHAR(16) NOT NULL,
    day INTEGER NOT NULL,
    kept INTEGER NOT NULL,
    left_out INTEGER NOT NULL,
    CONSTRAINT pk_conflict_days PRIMARY KEY (sender, day)
);
COMMENT ON TABLE conflict_days IS 'how many conflicts each key sent in a day';
COMMENT ON COLUMN conflict_days.sender IS 'keys.key_id; empty without a key';
COMMENT ON COLUMN conflict_days.day IS 'since 1970 in UTC';
COMMENT ON COLUMN conflict_days.left_out IS 'above a limit: counted, content not kept';

CREATE TABLE audit (
    entry BIGSERIAL NOT NULL,
    at BIGINT NOT NULL,
    actor VARCHAR(100) NOT NULL,
    action VARCHAR(40) NOT NULL,
    subject VARCHAR(100) NOT NULL,
    before JSON,
    after JSON,
    CONSTRAINT pk_audit PRIMARY KEY (entry)
);
COMMENT ON TABLE audit IS 'who changed what, when, from what to what';
COMMENT ON COLUMN audit.actor IS 'a key''s id, or the command line';

CREATE TABLE blocked_media (
    token BYTEA NOT NULL,
    medium_type VARCHAR(32) NOT NULL,
    masked VARCHAR(64),
    reason TEXT NOT NULL,
    blocked_at BIGINT NOT NULL,
    CONSTRAINT pk_blocked_media PRIMARY KEY (token)
);
COMMENT ON TABLE blocked_media IS 'media that may not enter';
COMMENT ON COLUMN blocked_media.masked IS 'null where only the token is known';

CREATE TABLE configuration (
    version BIGINT NOT NULL,
    token_key BYTEA,
    CONSTRAINT pk_configuration PRIMARY KEY (version)
);
COMMENT ON TABLE configuration IS
    'one row: the version of all that operators publish; every change raises it';
COMMENT ON COLUMN configuration.token_key IS 'a keyed hash of the token key';

CREATE TABLE issuer_keys (
    issuer_id VARCHAR(16) NOT NULL,
    key_id VARCHAR(16) NOT NULL,
    algorithm VARCHAR(16) NOT NULL,
    public_key BYTEA NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT,
    added_at BIGINT NOT NULL,
    CONSTRAINT pk_issuer_keys PRIMARY KEY (issuer_id, key_id)
);
COMMENT ON TABLE issuer_keys IS 'public keys of issuers of ride codes; never removed';
COMMENT ON COLUMN issuer_keys.valid_from IS 'of the codes it signs';

CREATE TABLE keys (
    key_id VARCHAR(16) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    name VARCHAR(100) NOT NULL,
    sha256 BYTEA NOT NULL,
    stations JSON,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    CONSTRAINT pk_keys PRIMARY KEY (key_id),
    CONSTRAINT uq_keys_sha256 UNIQUE (sha256)
);
COMMENT ON COLUMN keys.kind IS 'gate or admin';
COMMENT ON COLUMN keys.stations IS 'the stations a gate key speaks for';

CREATE TABLE lines (
    position SERIAL NOT NULL,
    line_id VARCHAR(16) NOT NULL,
    name_zh VARCHAR(64) NOT NULL,
    name_en VARCHAR(64) NOT NULL,
    colour VARCHAR(9) NOT NULL,
    CONSTRAINT pk_lines PRIMARY KEY (position),
    CONSTRAINT uq_lines_line_id UNIQUE (line_id)
);

CREATE TABLE media_types (
    number SMALLSERIAL NOT NULL,
    code VARCHAR(32) NOT NULL,
    name_zh VARCHAR(64) NOT NULL,
    name_en VARCHAR(64) NOT NULL,
    id_pattern VARCHAR(200) NOT NULL,
    CONSTRAINT pk_media_types PRIMARY KEY (number),
    CONSTRAINT uq_media_types_code UNIQUE (code)
);

CREATE TABLE networks (
    network_id VARCHAR(32) NOT NULL,
    name_zh VARCHAR(64) NOT NULL,
    name_en VARCHAR(64) NOT NULL,
    time_zone VARCHAR(64) NOT NULL,
    currency VARCHAR(3) NOT NULL,
    CONSTRAINT pk_networks PRIMARY KEY (network_id)
);

CREATE TABLE settlements (
    settlement SERIAL NOT NULL,
    service_date VARCHAR(10) NOT NULL,
    begun_at BIGINT NOT NULL,
    actor VARCHAR(100) NOT NULL,
    tokens INTEGER,
    ended_at BIGINT,
    CONSTRAINT pk_settlements PRIMARY KEY (settlement)
);
COMMENT ON TABLE settlements IS
    'runs of settlement; what a broken one issued stands, the next one issues the rest';
COMMENT ON COLUMN settlements.tokens IS 'how many were looked at; null while it runs';
COMMENT ON COLUMN settlements.ended_at IS 'null: it runs, or was broken off';

CREATE TABLE stations (
    number SERIAL NOT NULL,
    station_id VARCHAR(16) NOT NULL,
    name_zh VARCHAR(64) NOT NULL,
    name_en VARCHAR(64) NOT NULL,
    latitude FLOAT,
    longitude FLOAT,
    CONSTRAINT pk_stations PRIMARY KEY (number),
    CONSTRAINT uq_stations_station_id UNIQUE (station_id)
);

CREATE TABLE tariffs (
    version INTEGER NOT NULL,
    effective_from BIGINT NOT NULL,
    effective_to BIGINT,
    rules JSON NOT NULL,
    fare_table BYTEA,
    published_at BIGINT NOT NULL,
    CONSTRAINT pk_tariffs PRIMARY KEY (version)
);
COMMENT ON TABLE tariffs IS 'versions are never edited';
COMMENT ON COLUMN tariffs.rules IS 'see fare_engine.ledger.stores.tariff_document';
COMMENT ON COLUMN tariffs.fare_table IS 'a large table; null: it stands in the rules';

CREATE TABLE adjustments (
    adjustment BIGSERIAL NOT NULL,
    settlement INTEGER NOT NULL,
    "row" BIGINT NOT NULL,
    token BYTEA NOT NULL,
    kind SMALLINT NOT NULL,
    fare INTEGER NOT NULL,
    collected INTEGER NOT NULL,
    due INTEGER NOT NULL,
    why SMALLINT NOT NULL,
    reason SMALLINT NOT NULL,
    entry_row BIGINT,
    nth INTEGER NOT NULL,
    held SMALLINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_adjustments PRIMARY KEY (adjustment),
    CONSTRAINT uq_adjustments_row_kind_nth UNIQUE ("row", kind, nth),
    CONSTRAINT fk_adjustments_settlement FOREIGN KEY (settlement)
        REFERENCES settlements (settlement)
);
CREATE INDEX ix_adjustments_held ON adjustments (held);
CREATE INDEX ix_adjustments_row ON adjustments ("row");
CREATE INDEX ix_adjustments_settlement ON adjustments (settlement);
COMMENT ON TABLE adjustments IS 'append-only; all of a row and kind add up to due less collected';
COMMENT ON COLUMN adjustments.kind IS 'see fare_engine.settlement.adjustments';
COMMENT ON COLUMN adjustments.fare IS 'owed by the passenger; negative: back to her';
COMMENT ON COLUMN adjustments.collected IS 'what the gate took';
COMMENT ON COLUMN adjustments.due IS 'what the rule says';
COMMENT ON COLUMN adjustments.reason IS 'what the tap was decided again to be';
COMMENT ON COLUMN adjustments.entry_row IS 'the journey it found then';
COMMENT ON COLUMN adjustments.nth IS 'how many were issued for it before';
COMMENT ON COLUMN adjustments.held IS '1: it counts once a person has released it';

CREATE TABLE clock_corrections (
    "row" BIGINT NOT NULL,
    settlement INTEGER NOT NULL,
    skew_ms BIGINT NOT NULL,
    station_id VARCHAR(16) NOT NULL,
    policy_version INTEGER,
    suspended SMALLINT NOT NULL,
    tariff_version INTEGER NOT NULL,
    modes SMALLINT NOT NULL,
    CONSTRAINT pk_clock_corrections PRIMARY KEY ("row"),
    CONSTRAINT fk_clock_corrections_settlement FOREIGN KEY (settlement)
        REFERENCES settlements (settlement),
    CONSTRAINT fk_clock_corrections_station_id FOREIGN KEY (station_id)
        REFERENCES stations (station_id)
);
COMMENT ON TABLE clock_corrections IS
    'taps of wrong clocks, with the skew and the versions pinned when settled first';
COMMENT ON COLUMN clock_corrections.skew_ms IS 'what settlement takes off occurred_at';
COMMENT ON COLUMN clock_corrections.modes IS 'degraded modes at the corrected time';

CREATE TABLE degraded_modes (
    number SERIAL NOT NULL,
    station_id VARCHAR(16) NOT NULL,
    mode SMALLINT NOT NULL,
    effective_from BIGINT NOT NULL,
    effective_to BIGINT,
    reason TEXT NOT NULL,
    CONSTRAINT pk_degraded_modes PRIMARY KEY (number),
    CONSTRAINT fk_degraded_modes_station_id FOREIGN KEY (station_id)
        REFERENCES stations (station_id)
);
COMMENT ON COLUMN degraded_modes.mode IS 'see fare_engine.modes';

CREATE TABLE exits (
    station_id VARCHAR(16) NOT NULL,
    exit_id VARCHAR(16) NOT NULL,
    name_zh VARCHAR(64) NOT NULL,
    name_en VARCHAR(64) NOT NULL,
    CONSTRAINT pk_exits PRIMARY KEY (station_id, exit_id),
    CONSTRAINT fk_exits_station_id FOREIGN KEY (station_id)
        REFERENCES stations (station_id)
);

CREATE TABLE gates (
    number SERIAL NOT NULL,
    gate_id VARCHAR(64) NOT NULL,
    station_id VARCHAR(16) NOT NULL,
    exit_id VARCHAR(16),
    directions SMALLINT NOT NULL,
    controller VARCHAR(64),
    CONSTRAINT pk_gates PRIMARY KEY (number),
    CONSTRAINT uq_gates_gate_id UNIQUE (gate_id),
    CONSTRAINT fk_gates_station_id FOREIGN KEY (station_id)
        REFERENCES stations (station_id)
);
COMMENT ON TABLE gates IS 'as they were registered; where they stood later says gate_placements';
COMMENT ON COLUMN gates.directions IS '1 entry, 2 exit, 3 both';

CREATE TABLE policies (
    station_id VARCHAR(16) NOT NULL,
    version INTEGER NOT NULL,
    window_ms INTEGER NOT NULL,
    media JSON NOT NULL,
    designated_gates JSON NOT NULL,
    daily_limit INTEGER,
    effective_from BIGINT NOT NULL,
    effective_to BIGINT,
    note TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    CONSTRAINT pk_policies PRIMARY KEY (station_id, version),
    CONSTRAINT fk_policies_station_id FOREIGN KEY (station_id)
        REFERENCES stations (station_id)
);
COMMENT ON TABLE policies IS 'versions are never edited';

CREATE TABLE segments (
    position SERIAL NOT NULL,
    line_id VARCHAR(16) NOT NULL,
    from_station_id VARCHAR(16) NOT NULL,
    to_station_id VARCHAR(16) NOT NULL,
    distance_m INTEGER NOT NULL,
    CONSTRAINT pk_segments PRIMARY KEY (position),
    CONSTRAINT fk_segments_line_id FOREIGN KEY (line_id)
        REFERENCES lines (line_id),
    CONSTRAINT fk_segments_from_station_id FOREIGN KEY (from_station_id)
        REFERENCES stations (station_id),
    CONSTRAINT fk_segments_to_station_id FOREIGN KEY (to_station_id)
        REFERENCES stations (station_id)
);

CREATE TABLE suspensions (
    suspension SERIAL NOT NULL,
    station_id VARCHAR(16) NOT NULL,
    suspended_at BIGINT NOT NULL,
    reason TEXT NOT NULL,
    resumed_at BIGINT,
    CONSTRAINT pk_suspensions PRIMARY KEY (suspension),
    CONSTRAINT fk_suspensions_station_id FOREIGN KEY (station_id)
        REFERENCES stations (station_id)
);

CREATE TABLE adjustment_reviews (
    adjustment BIGINT NOT NULL,
    released SMALLINT NOT NULL,
    reason TEXT NOT NULL,
    actor VARCHAR(100) NOT NULL,
    reviewed_at BIGINT NOT NULL,
    CONSTRAINT pk_adjustment_reviews PRIMARY KEY (adjustment),
    CONSTRAINT fk_adjustment_reviews_adjustment FOREIGN KEY (adjustment)
        REFERENCES adjustments (adjustment)
);
COMMENT ON TABLE adjustment_reviews IS
    'what a person said of an adjustment that was held; once each, never changed';
COMMENT ON COLUMN adjustment_reviews.released IS '1 released, 0 refused';

CREATE TABLE clock_skews (
    gate INTEGER NOT NULL,
    measured_at BIGINT NOT NULL,
    skew_ms BIGINT NOT NULL,
    CONSTRAINT pk_clock_skews PRIMARY KEY (gate, measured_at),
    CONSTRAINT fk_clock_skews_gate FOREIGN KEY (gate)
        REFERENCES gates (number)
);
COMMENT ON TABLE clock_skews IS 'how far clocks of gates were off; changes alone';
COMMENT ON COLUMN clock_skews.skew_ms IS 'the gate''s clock minus the engine''s';

CREATE TABLE gate_placements (
    placement SERIAL NOT NULL,
    gate INTEGER NOT NULL,
    effective_from BIGINT,
    station_id VARCHAR(16) NOT NULL,
    exit_id VARCHAR(16),
    directions SMALLINT NOT NULL,
    controller VARCHAR(64),
    CONSTRAINT pk_gate_placements PRIMARY KEY (placement),
    CONSTRAINT fk_gate_placements_gate FOREIGN KEY (gate)
        REFERENCES gates (number),
    CONSTRAINT fk_gate_placements_station_id FOREIGN KEY (station_id)
        REFERENCES stations (station_id)
);
CREATE INDEX ix_gate_placements_gate ON gate_placements (gate);
COMMENT ON TABLE gate_placements IS
    'where gates stood; of two that begin together the later row counts; never edited';
COMMENT ON COLUMN gate_placements.effective_from IS 'null: from the beginning';
COMMENT ON COLUMN gate_placements.directions IS '0: taken down';

CREATE TABLE repairs (
    "row" BIGINT NOT NULL,
    settlement INTEGER NOT NULL,
    station_id VARCHAR(16) NOT NULL,
    policy_version INTEGER,
    suspended SMALLINT NOT NULL,
    tariff_version INTEGER NOT NULL,
    modes SMALLINT NOT NULL,
    CONSTRAINT pk_repairs PRIMARY KEY ("row"),
    CONSTRAINT fk_repairs_row FOREIGN KEY ("row")
        REFERENCES quarantine ("row"),
    CONSTRAINT fk_repairs_settlement FOREIGN KEY (settlement)
        REFERENCES settlements (settlement),
    CONSTRAINT fk_repairs_station_id FOREIGN KEY (station_id)
        REFERENCES stations (station_id)
);
COMMENT ON TABLE repairs IS
    'taps that left the quarantine, with the versions that were pinned then';
COMMENT ON COLUMN repairs.modes IS 'degraded modes at the tap';

-- What several workers need beside.

CREATE TABLE heads (
    token BYTEA NOT NULL,
    number INTEGER NOT NULL,
    before INTEGER NOT NULL,
    "row" BIGINT NOT NULL,
    state BYTEA,
    CONSTRAINT pk_heads PRIMARY KEY (token)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE heads ALTER COLUMN state SET STORAGE PLAIN;
COMMENT ON TABLE heads IS 'where the chain of each token stands: every commit compares it';
COMMENT ON COLUMN heads.number IS 'place in the token''s chain; 0: it was locked and nothing more';
COMMENT ON COLUMN heads.before IS 'the number that the last commit moved it from';
COMMENT ON COLUMN heads."row" IS 'the tap that made the state; 0: blank';
COMMENT ON COLUMN heads.state IS 'see fare_engine.states.codec; can be made again from the row';

CREATE TABLE batches (
    first_row BIGINT NOT NULL,
    rows INTEGER NOT NULL,
    xid XID8 NOT NULL DEFAULT pg_current_xact_id(),
    worker VARCHAR(100) NOT NULL,
    decided_at BIGINT NOT NULL,
    CONSTRAINT pk_batches PRIMARY KEY (first_row)
);
CREATE INDEX ix_batches_xid_first_row ON batches (xid, first_row);
COMMENT ON TABLE batches IS 'one row a commit with taps; in the order of xid, the ledger can be followed';
COMMENT ON COLUMN batches.rows IS 'its taps have the consecutive rows from first_row on';

CREATE TABLE identity (
    ledger_id UUID NOT NULL DEFAULT gen_random_uuid(),
    epoch BIGINT NOT NULL,
    CONSTRAINT pk_identity PRIMARY KEY (ledger_id)
);
INSERT INTO identity (epoch) VALUES (1);
COMMENT ON TABLE identity IS 'one row: which ledger this is';
COMMENT ON COLUMN identity.epoch IS
    'raised by hand where a snapshot of the disk was rolled back: no cache outlives it';

CREATE SEQUENCE tap_rows AS BIGINT INCREMENT BY 10000;
COMMENT ON SEQUENCE tap_rows IS 'each value is the first of a block of 10000 rows, of one worker';

INSERT INTO configuration (version) VALUES (1);
