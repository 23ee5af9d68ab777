-- Where payment providers send their webhooks, and what they sign them with (sealed).
CREATE TABLE payment_webhooks (
  id TEXT PRIMARY KEY,
  source_id TEXT NOT NULL REFERENCES sources (id),
  provider TEXT NOT NULL,
  sealed_secret TEXT NOT NULL,
  created_at TEXT NOT NULL
);
