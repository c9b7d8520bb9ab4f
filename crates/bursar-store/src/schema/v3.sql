-- Budgets. "definition" is JSON in the form of docs/reference/budgets.md; "configured" is the same as the configuration
-- file has it, for a budget that the file defines. "epoch" changes whenever the budget begins to count anew; it then
-- counts the calls that began at "counts_from" or later.
CREATE TABLE budget (
    name        TEXT    NOT NULL PRIMARY KEY,
    definition  TEXT    NOT NULL,
    configured  TEXT,
    epoch       INTEGER NOT NULL,
    counts_from INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;

-- What the usage log adds up to for each budget, as far as the snapshot covers it. A fold that can be folded again.
CREATE TABLE budget_account (
    budget   TEXT NOT NULL,
    instance TEXT NOT NULL,
    state    TEXT NOT NULL,
    PRIMARY KEY (budget, instance)
) STRICT, WITHOUT ROWID;

-- How much of the usage log the accounts of a budget cover, by the rowid of its last row, and what they were counted
-- under: the budget's epoch and the classes of models that its scopes ask for.
CREATE TABLE budget_snapshot (
    budget TEXT    NOT NULL PRIMARY KEY,
    epoch  INTEGER NOT NULL,
    tiers  TEXT    NOT NULL,
    covers INTEGER NOT NULL
) STRICT;

-- Who did it, and why.
ALTER TABLE audit ADD COLUMN who TEXT;
ALTER TABLE audit ADD COLUMN why TEXT;
CREATE INDEX audit_about ON audit (about, id);
