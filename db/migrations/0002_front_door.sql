-- What a source may be told grows with every feature of the door: one document instead of a column for each.
CREATE TABLE sources_new (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL REFERENCES environments (id),
  name TEXT NOT NULL,
  settings TEXT NOT NULL
);
INSERT INTO sources_new
  SELECT id, environment_id, name,
    json_patch('{}', json_object('cookie_domain', cookie_domain, 'cookie_http_only', json(iif(cookie_http_only, 'true', 'false'))))
  FROM sources;
PRAGMA defer_foreign_keys = on;
DROP TABLE sources;
ALTER TABLE sources_new RENAME TO sources;

ALTER TABLE write_keys ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE write_keys ADD COLUMN hint TEXT NOT NULL DEFAULT '';
ALTER TABLE write_keys ADD COLUMN expires_at TEXT;
ALTER TABLE write_keys ADD COLUMN secret_hash TEXT;
ALTER TABLE write_keys ADD COLUMN sealed_secret TEXT;
UPDATE write_keys SET id = 'key_' || substr(key_hash, 1, 16);
CREATE UNIQUE INDEX write_keys_by_id ON write_keys (id);
