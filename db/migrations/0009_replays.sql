-- What a dead letter came from, and what people did with it since.
ALTER TABLE dead_letters ADD COLUMN source_id TEXT;
ALTER TABLE dead_letters ADD COLUMN retried_at TEXT;
ALTER TABLE dead_letters ADD COLUMN edited_at TEXT;

-- Events of the lake that are sent to one integration again: what was asked for, and how far it is.
CREATE TABLE replays (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL,
  integration_id TEXT NOT NULL,
  request TEXT NOT NULL,
  status TEXT NOT NULL,
  run INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  state TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);

CREATE INDEX replays_by_time ON replays (environment_id, created_at);
