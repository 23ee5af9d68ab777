-- Who belongs together: the documents are `configuration_versions` of the kind `segment`, by `{environment_id}/{id}`.
CREATE TABLE segments (
  environment_id TEXT NOT NULL REFERENCES environments (id),
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  live_version INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (environment_id, id)
);
