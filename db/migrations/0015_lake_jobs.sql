-- Long work on the lake that somebody asked for, and what came of it (workers/api/lake).
CREATE TABLE lake_jobs (
  id TEXT PRIMARY KEY,
  environment_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  request TEXT NOT NULL,
  status TEXT NOT NULL,
  result TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE INDEX lake_jobs_environment ON lake_jobs (environment_id, created_at);
