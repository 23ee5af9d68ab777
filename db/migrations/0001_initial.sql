CREATE TABLE organisations (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  created_at TEXT NOT NULL
);

CREATE TABLE environments (
  id TEXT PRIMARY KEY,
  organisation_id TEXT NOT NULL REFERENCES organisations (id),
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  shard_map TEXT NOT NULL,
  session_timeout_s INTEGER NOT NULL,
  consent_default TEXT NOT NULL
);

CREATE TABLE sources (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  name TEXT NOT NULL,
  cookie_domain TEXT,
  cookie_http_only INTEGER NOT NULL
);

CREATE TABLE write_keys (
  key_hash TEXT PRIMARY KEY,
  source_id TEXT NOT NULL REFERENCES sources (id),
  kind TEXT NOT NULL,
  revoked INTEGER NOT NULL,
  created_at TEXT NOT NULL
);

CREATE TABLE integrations (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  name TEXT NOT NULL,
  destination TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  purpose TEXT,
  lane INTEGER,
  settings TEXT NOT NULL,
  sealed_secrets TEXT NOT NULL
);

CREATE TABLE integration_sources (
  integration_id TEXT NOT NULL REFERENCES integrations (id),
  source_id TEXT NOT NULL REFERENCES sources (id),
  PRIMARY KEY (integration_id, source_id)
);

CREATE TABLE dead_letters (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL,
  stage TEXT NOT NULL,
  integration_id TEXT,
  message_id TEXT,
  event TEXT,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  r2_key TEXT NOT NULL,
  dead_at TEXT NOT NULL
);

CREATE INDEX dead_letters_by_time ON dead_letters (environment_id, dead_at);
