-- Every change of a document is a new row: nothing here is ever updated or deleted.
CREATE TABLE configuration_versions (
  kind TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  environment_id TEXT NOT NULL,
  document TEXT NOT NULL,
  author TEXT NOT NULL,
  note TEXT NOT NULL,
  created_at TEXT NOT NULL,
  PRIMARY KEY (kind, subject_id, version)
);

CREATE TABLE pipelines (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  name TEXT NOT NULL,
  source_id TEXT REFERENCES sources (id),
  integration_id TEXT REFERENCES integrations (id),
  enabled INTEGER NOT NULL,
  live_version INTEGER NOT NULL,
  canary TEXT,
  last_canary TEXT
);

-- One pipeline for each source and integration, and one for all of either.
CREATE UNIQUE INDEX pipelines_by_route ON pipelines (environment_id, ifnull(source_id, ''), ifnull(integration_id, ''));
