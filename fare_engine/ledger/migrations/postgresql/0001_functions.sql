-- What workers call. A function that changes gets another list of parameters in a later migration:
-- workers of the version before go on calling this one.

-- Adds the next partition of `taps`, unless another worker has: unless one ends behind the row that
-- the caller saw the last one end before. Returns the row that the last one ends before now. It is
-- made beside and attached then: CREATE TABLE … PARTITION OF would stop all commits.
CREATE OR REPLACE FUNCTION make_partition(
    seen_end bigint, partition_rows bigint DEFAULT 50000000
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    begins bigint;
    name text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('taps partitions', 0));
    begins := find_partitions_end();
    IF begins > seen_end THEN
        RETURN begins;
    END IF;
    name := 'taps_from_' || begins;
    EXECUTE format('CREATE TABLE %I (LIKE taps INCLUDING DEFAULTS INCLUDING STORAGE)', name);
    EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY ("row")', name);
    EXECUTE format('CREATE UNIQUE INDEX %I ON %I (token, number)', name || '_token_number', name);
    EXECUTE format(
        'ALTER TABLE taps ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
        name, begins, begins + partition_rows
    );
    RETURN begins + partition_rows;
END
$$;

-- The row that the last partition of `taps` ends before; 1 where there is none.
CREATE OR REPLACE FUNCTION find_partitions_end() RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        max(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''?(\d+)''?\)')::bigint), 1
    )
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'taps'::regclass
$$;

-- Stores all of a batch, or raises FE001 where another worker was first, FE002 where something was
-- published since, and stores nothing. Heads come in the order of tokens, taps in that of tap_ids:
-- two batches that meet wait for each other in one order only.
CREATE OR REPLACE FUNCTION commit_batch(
    moved_tokens bytea[], moved_befores int[], moved_numbers int[], moved_rows bigint[],
    moved_states bytea[],
    read_tokens bytea[], read_numbers int[],
    tap_rows bigint[], tap_tap_ids text[], tap_tokens bytea[], tap_numbers int[],
    tap_previous_rows bigint[], tap_gates int[], tap_stations int[], tap_media smallint[],
    tap_directions smallint[], tap_occurred_ats bigint[], tap_received_ats bigint[],
    tap_decided_ats bigint[], tap_reasons smallint[], tap_flags smallint[], tap_fares int[],
    tap_fares_waived int[], tap_conditions smallint[], tap_closings smallint[],
    tap_entry_rows bigint[], tap_incomplete_fares int[], tap_policy_versions int[],
    tap_tariff_versions int[], tap_waivers bigint[], tap_clocks_ahead int[],
    tap_listed_fares int[], tap_modes smallint[],
    beside json, first_row bigint, worker text, decided_at bigint, decided_version bigint
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    changed bigint;
    wrong bigint;
BEGIN
    IF cardinality(moved_tokens) > 0 THEN
        WITH moved AS (
            INSERT INTO heads AS h (token, before, number, "row", state)
            SELECT * FROM unnest(
                moved_tokens, moved_befores, moved_numbers, moved_rows, moved_states
            )
            ON CONFLICT (token) DO UPDATE
            SET before = excluded.before, number = excluded.number, "row" = excluded."row",
                state = excluded.state
            WHERE h.number = excluded.before
            RETURNING h.before, h.xmax = 0 AS is_new
        )
        -- A head that is new was read as blank: no cache may know of a chain that is not there.
        SELECT count(*), count(*) FILTER (WHERE is_new AND moved.before <> 0)
        INTO changed, wrong FROM moved;
        IF changed <> cardinality(moved_tokens) OR wrong > 0 THEN
            RAISE EXCEPTION 'the chain of a token has moved on' USING ERRCODE = 'FE001';
        END IF;
    END IF;
    IF cardinality(read_tokens) > 0 AND EXISTS (
        SELECT FROM unnest(read_tokens, read_numbers) r (token, number)
        LEFT JOIN heads h ON h.token = r.token
        WHERE coalesce(h.number, 0) <> r.number
    ) THEN
        RAISE EXCEPTION 'the chain of a token that was read has moved on' USING ERRCODE = 'FE001';
    END IF;
    IF cardinality(tap_rows) > 0 THEN
        INSERT INTO taps (
            "row", tap_id, token, number, previous_row, gate, station, medium, direction,
            occurred_at, received_at, decided_at, reason, flags, fare, fare_waived, conditions,
            closing, entry_row, incomplete_fare, policy_version, tariff_version, waivers,
            clock_ahead, listed_fare, modes
        )
        SELECT * FROM unnest(
            tap_rows, tap_tap_ids, tap_tokens, tap_numbers, tap_previous_rows, tap_gates,
            tap_stations, tap_media, tap_directions, tap_occurred_ats, tap_received_ats,
            tap_decided_ats, tap_reasons, tap_flags, tap_fares, tap_fares_waived, tap_conditions,
            tap_closings, tap_entry_rows, tap_incomplete_fares, tap_policy_versions,
            tap_tariff_versions, tap_waivers, tap_clocks_ahead, tap_listed_fares, tap_modes
        );
        INSERT INTO tap_ids (tap_id, "row") SELECT * FROM unnest(tap_tap_ids, tap_rows);
        INSERT INTO batches (first_row, rows, worker, decided_at)
        VALUES (first_row, cardinality(tap_rows), worker, decided_at);
    END IF;
    IF beside IS NOT NULL THEN
        PERFORM store_beside(beside);
    END IF;
    -- Last: with this snapshot nothing that was published before can be missed.
    PERFORM FROM configuration c WHERE c.version = decided_version;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'something else is published by now' USING ERRCODE = 'FE002';
    END IF;
END
$$;

-- What stands beside the taps of a batch: ride codes, reports, quarantine and conflicts. Codes and
-- reports come sorted, conflicts in the order of their senders and days.
CREATE OR REPLACE FUNCTION store_beside(beside json) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    one record;
    kept_before int;
BEGIN
    INSERT INTO ride_codes (code_id, "row")
    SELECT c.code_id, c."row"
    FROM json_to_recordset(beside -> 'codes') AS c (code_id text, "row" bigint);

    INSERT INTO reports ("row", gate_opened, fare_taken, passed, cause, reversed, received_at, number)
    SELECT r."row", r.gate_opened, r.fare_taken, r.passed, r.cause, r.reversed, r.received_at,
        r.number
    FROM json_to_recordset(beside -> 'reports') AS r (
        "row" bigint, gate_opened smallint, fare_taken int, passed smallint, cause text,
        reversed smallint, received_at bigint, number int
    );

    FOR one IN SELECT * FROM json_to_recordset(beside -> 'completed') AS r (
        "row" bigint, gate_opened smallint, fare_taken int, passed smallint, cause text,
        reversed smallint, received_at bigint, number int
    ) LOOP
        UPDATE reports AS r
        SET gate_opened = one.gate_opened, fare_taken = one.fare_taken, passed = one.passed,
            cause = one.cause, reversed = one.reversed, received_at = one.received_at,
            number = one.number
        WHERE r."row" = one."row" AND r.passed IS NULL;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the report of a tap was completed already' USING ERRCODE = 'FE001';
        END IF;
    END LOOP;

    INSERT INTO quarantine ("row", problem, detail, gate_id, medium_type, sender)
    SELECT q."row", q.problem, q.detail, q.gate_id, q.medium_type, q.sender
    FROM json_to_recordset(beside -> 'quarantine') AS q (
        "row" bigint, problem text, detail text, gate_id text, medium_type text, sender text
    );

    -- Up to the limits of its key, so that nobody uses up what others may need; all are counted. The
    -- count of the day is locked first: no two workers pass a limit together.
    FOR one IN SELECT * FROM json_to_recordset(beside -> 'conflicts') AS c (
        "row" bigint, kind text, content text, received_at bigint, tap_id text, sender text,
        per_tap int, per_day int, counted_for text, day int
    ) LOOP
        INSERT INTO conflict_days AS d (sender, day, kept, left_out)
        VALUES (one.counted_for, one.day, 0, 0)
        ON CONFLICT (sender, day) DO UPDATE SET kept = d.kept
        RETURNING d.kept INTO kept_before;
        IF kept_before < one.per_day AND (
            SELECT count(*) FROM conflicts c
            WHERE c.tap_id = one.tap_id AND c.sender IS NOT DISTINCT FROM one.sender
        ) < one.per_tap THEN
            INSERT INTO conflicts ("row", kind, content, received_at, tap_id, sender)
            VALUES (
                one."row", one.kind, one.content::json, one.received_at, one.tap_id, one.sender
            );
            UPDATE conflict_days d SET kept = d.kept + 1
            WHERE d.sender = one.counted_for AND d.day = one.day;
        ELSE
            UPDATE conflict_days d SET left_out = d.left_out + 1
            WHERE d.sender = one.counted_for AND d.day = one.day;
        END IF;
    END LOOP;
END
$$;
