-- One row per attempt at a provider. Amounts are whole nano-dollars; NULL is an unknown amount, which is not 0.
-- Times are microseconds since 1970-01-01T00:00:00Z.
CREATE TABLE usage_log (
    request          BLOB    NOT NULL,
    attempt          INTEGER NOT NULL,
    started_at       INTEGER NOT NULL,
    ended_at         INTEGER NOT NULL,
    key_id           TEXT,
    tenant           TEXT,
    team             TEXT,
    app              TEXT,
    workflow         TEXT,
    environment      TEXT,
    consumer         TEXT,
    task             TEXT,
    step             TEXT,
    parent_step      TEXT,
    tags             TEXT,
    provider         TEXT    NOT NULL,
    surface          TEXT    NOT NULL,
    region           TEXT,
    requested_model  TEXT,
    served_model     TEXT,
    model            TEXT,
    served_tier      TEXT,
    tier             TEXT    NOT NULL,
    finish_reason    TEXT,
    response_id      TEXT,
    ended            TEXT    NOT NULL,
    status           INTEGER,
    quantities       TEXT    NOT NULL,
    exceptions       TEXT,
    list_cost        INTEGER,
    contracted_cost  INTEGER,
    provider_stated_cost INTEGER,
    price_version    TEXT    NOT NULL,
    reasons          TEXT,
    to_upstream_us   INTEGER,
    to_response_us   INTEGER,
    to_first_byte_us INTEGER,
    total_us         INTEGER
) STRICT;
CREATE UNIQUE INDEX usage_log_id ON usage_log (request, attempt);
CREATE INDEX usage_log_time ON usage_log (started_at, request, attempt);
CREATE INDEX usage_log_task ON usage_log (task, started_at) WHERE task IS NOT NULL;
CREATE INDEX usage_log_unpriced ON usage_log (provider, model) WHERE contracted_cost IS NULL;
CREATE INDEX usage_log_exceptions ON usage_log (started_at) WHERE exceptions IS NOT NULL;

-- What a cell of the cubes is about, apart from its hour. "identity" is the whole of it in one value, so that two
-- cells with the same labels, missing ones included, are one.
CREATE TABLE cell (
    id          INTEGER PRIMARY KEY,
    identity    BLOB NOT NULL UNIQUE,
    tenant      TEXT,
    team        TEXT,
    app         TEXT,
    workflow    TEXT,
    environment TEXT,
    consumer    TEXT,
    key_id      TEXT,
    provider    TEXT NOT NULL,
    model       TEXT
) STRICT;

-- Sums by hour (whole hours since 1970-01-01T00:00:00Z) and cell; a fold of usage_log.
CREATE TABLE cube (
    hour            INTEGER NOT NULL,
    cell            INTEGER NOT NULL REFERENCES cell (id),
    records         INTEGER NOT NULL,
    failed          INTEGER NOT NULL,
    unpriced        INTEGER NOT NULL,
    estimated       INTEGER NOT NULL,
    list_cost       INTEGER NOT NULL,
    contracted_cost INTEGER NOT NULL,
    units           TEXT    NOT NULL,
    PRIMARY KEY (hour, cell)
) STRICT, WITHOUT ROWID;

-- Attempts that are open in what has been read of the journal.
CREATE TABLE in_flight (
    request   BLOB    NOT NULL,
    attempt   INTEGER NOT NULL,
    opened    BLOB    NOT NULL,
    progress  BLOB,
    PRIMARY KEY (request, attempt)
) STRICT, WITHOUT ROWID;

-- How far the journal has been read, in the same transaction as what was read.
CREATE TABLE journal_position (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    segment  INTEGER NOT NULL,
    offset   INTEGER NOT NULL
) STRICT;
INSERT INTO journal_position VALUES (1, 0, 0);

-- Journal entries that are whole and yet not understood; kept, so that nothing recorded is lost.
CREATE TABLE set_aside (
    segment INTEGER NOT NULL,
    offset  INTEGER NOT NULL,
    kind    INTEGER NOT NULL,
    entry   BLOB    NOT NULL,
    why     TEXT    NOT NULL,
    PRIMARY KEY (segment, offset)
) STRICT;

CREATE TABLE virtual_key (
    id          TEXT    NOT NULL PRIMARY KEY,
    hash        BLOB    NOT NULL UNIQUE,
    prefix      TEXT    NOT NULL,
    tenant      TEXT,
    team        TEXT,
    app         TEXT,
    workflow    TEXT,
    environment TEXT,
    consumer    TEXT,
    task        TEXT,
    step        TEXT,
    parent_step TEXT,
    tags        TEXT,
    may_set     TEXT    NOT NULL,
    models      TEXT,
    ips         TEXT,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER,
    revoked_at  INTEGER,
    replaced_by TEXT
) STRICT;

-- What was done to the registry, and when.
CREATE TABLE audit (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    action TEXT    NOT NULL,
    about  TEXT    NOT NULL,
    detail TEXT
) STRICT;
