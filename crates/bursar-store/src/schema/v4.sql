-- What was told or is to be told about budgets, once each. An incident is one crossing of one rule; it has an alert
-- that raises it and, when it is over, one that ends it. Both names are digests of what the crossing is, so that the
-- same crossing, derived again after a crash, has the same names.
CREATE TABLE alert (
    id           TEXT    NOT NULL PRIMARY KEY,
    incident     TEXT    NOT NULL,
    budget       TEXT,
    instance     TEXT,
    window_start INTEGER NOT NULL,
    window_end   INTEGER NOT NULL,
    rule         TEXT    NOT NULL,
    episode      INTEGER NOT NULL,
    recovery     TEXT,
    severity     TEXT    NOT NULL,
    audience     TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    owner        TEXT,
    unit         TEXT,
    spent        INTEGER NOT NULL,
    budget_limit INTEGER NOT NULL,
    forecast     INTEGER,
    text         TEXT    NOT NULL,
    acked_at     INTEGER,
    acked_by     TEXT
) STRICT;
CREATE UNIQUE INDEX alert_incident ON alert (incident, recovery IS NULL);
CREATE INDEX alert_time ON alert (at, id);

-- Each alert's way to each channel: waiting, sent, failed (given up) or silenced.
CREATE TABLE alert_delivery (
    alert      TEXT    NOT NULL,
    incident   TEXT    NOT NULL,
    channel    TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    attempts   INTEGER NOT NULL,
    next_try   INTEGER NOT NULL,
    last_error TEXT,
    ended_at   INTEGER,
    PRIMARY KEY (alert, channel)
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_delivery_due ON alert_delivery (next_try) WHERE state = 'waiting';
CREATE INDEX alert_delivery_incident ON alert_delivery (incident, channel);

-- Budgets about which nothing is sent for a time; NULL for all of them.
CREATE TABLE alert_silence (
    id     INTEGER PRIMARY KEY,
    budget TEXT,
    since  INTEGER NOT NULL,
    until  INTEGER NOT NULL,
    who    TEXT    NOT NULL,
    why    TEXT    NOT NULL
) STRICT;
