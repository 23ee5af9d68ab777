-- Every change through the management API and every sign-in. Rows are added and never changed: each holds the hash of the one before.
CREATE TABLE audit_log (
  organisation_id TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  at TEXT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  before TEXT,
  after TEXT,
  request_id TEXT NOT NULL,
  ip TEXT NOT NULL,
  previous TEXT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (organisation_id, sequence)
) WITHOUT ROWID;
