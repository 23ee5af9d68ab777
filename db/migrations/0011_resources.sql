-- Raised by each change of a row: its ETag, by which a change that was made of something old is refused.
ALTER TABLE organisations ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
-- An environment's is raised by every change of anything that belongs to it.
ALTER TABLE environments ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE sources ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE integrations ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE pipelines ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;

-- Always empty: a row that cannot be inserted undoes the batch in which a revision is not the one that was expected (db/expectation.ts).
CREATE TABLE expectations (
  met INTEGER NOT NULL CONSTRAINT unmet_expectation CHECK (met = 1)
);

-- Answers to POSTs that came with an Idempotency-Key, for 24 hours. Sealed, as an answer may show a new key.
CREATE TABLE idempotent_answers (
  id TEXT PRIMARY KEY,
  request_hash TEXT NOT NULL,
  status INTEGER,
  sealed_answer TEXT,
  created_at TEXT NOT NULL
);
CREATE INDEX idempotent_answers_by_age ON idempotent_answers (created_at);
