-- What a node with GPUs costs, from a moment on. The row without an end holds; a change ends it and begins another, so
-- that a bill of the past keeps its price.
CREATE TABLE gpu_node (
    node         TEXT    NOT NULL,
    since        INTEGER NOT NULL,
    until        INTEGER,
    per_hour     INTEGER NOT NULL,
    term         TEXT    NOT NULL,
    owner        TEXT    NOT NULL,
    accelerators INTEGER NOT NULL,
    provider     TEXT,
    weights      TEXT    NOT NULL,
    has_engines  INTEGER NOT NULL,
    longest      INTEGER NOT NULL,
    PRIMARY KEY (node, since)
) STRICT, WITHOUT ROWID;

-- What a GPU did over a stretch of time. A stretch grows while nothing changes.
CREATE TABLE gpu_span (
    node      TEXT    NOT NULL,
    gpu       TEXT    NOT NULL,
    since     INTEGER NOT NULL,
    until     INTEGER NOT NULL,
    state     TEXT    NOT NULL,
    slices    INTEGER NOT NULL,
    gpu_index TEXT    NOT NULL,
    product   TEXT,
    evidence  TEXT    NOT NULL,
    pods      TEXT    NOT NULL,
    PRIMARY KEY (node, gpu, since)
) STRICT, WITHOUT ROWID;
CREATE INDEX gpu_span_until ON gpu_span (node, until);

-- What the engines of a node counted, by hour of UTC.
CREATE TABLE gpu_tokens (
    node   TEXT    NOT NULL,
    hour   INTEGER NOT NULL,
    model  TEXT    NOT NULL,
    input  INTEGER NOT NULL,
    cached INTEGER NOT NULL,
    output INTEGER NOT NULL,
    PRIMARY KEY (node, hour, model)
) STRICT, WITHOUT ROWID;

-- Time in which what a model made is not known.
CREATE TABLE gpu_uncounted (
    node  TEXT    NOT NULL,
    model TEXT    NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (node, model, since)
) STRICT, WITHOUT ROWID;

-- What was not known, by name. A stretch grows while it is the same.
CREATE TABLE gpu_gap (
    node   TEXT    NOT NULL,
    kind   TEXT    NOT NULL,
    about  TEXT    NOT NULL,
    since  INTEGER NOT NULL,
    until  INTEGER NOT NULL,
    detail TEXT    NOT NULL,
    PRIMARY KEY (node, kind, about, since)
) STRICT, WITHOUT ROWID;
CREATE INDEX gpu_gap_until ON gpu_gap (node, until);
