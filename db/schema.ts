/** Configuration and indexes in D1: never on an event's path. `migrations/` creates these tables; a test compares the two. */
import { type AnySQLiteColumn, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { organisations } from "./organisations-table.ts";

export * from "./accounts-schema.ts";
export { organisations };

export const environments = sqliteTable("environments", {
  id: text().primaryKey(),
  organisation_id: text()
    .notNull()
    .references(() => organisations.id),
  name: text({ enum: ["dev", "staging", "prod"] }).notNull(),
  /** Raised by every change that is published. */
  version: integer().notNull(),
  /** `ShardMap` as JSON. */
  shard_map: text({ mode: "json" }).notNull(),
  session_timeout_s: integer().notNull(),
  consent_default: text({ enum: ["granted", "denied"] }).notNull(),
  new_session_on_campaign: integer({ mode: "boolean" }).notNull().default(false),
  /** `ProfileSettings` as JSON. */
  profiles: text({ mode: "json" }).notNull().default({}),
  /** `ShardMap` as JSON; null: the first one. */
  profile_shard_map: text({ mode: "json" }),
  /** As it was given (core/org-data-layer.ts), without defaults; null: an empty one. */
  org_data_layer: text({ mode: "json" }),
  /** Raised by each change of anything that belongs to the environment; its ETag. `version` counts what was published. */
  revision: integer().notNull().default(1),
});

export const sources = sqliteTable("sources", {
  id: text().primaryKey(),
  environment_id: text()
    .notNull()
    .references(() => environments.id),
  name: text().notNull(),
  /** `sourceSettings` as JSON (core/environment.ts). */
  settings: text({ mode: "json" }).notNull(),
  /** Raised by each change: the row's ETag. */
  revision: integer().notNull().default(1),
});

export const writeKeys = sqliteTable("write_keys", {
  /** SHA-256 of the key, hex. The key itself is shown once and never stored. */
  key_hash: text().primaryKey(),
  source_id: text()
    .notNull()
    .references(() => sources.id),
  kind: text({ enum: ["public", "server"] }).notNull(),
  revoked: integer({ mode: "boolean" }).notNull(),
  created_at: text().notNull(),
  /** What people and the API call the key by. */
  id: text().notNull(),
  /** The last four characters, so that a person recognises a key. */
  hint: text().notNull(),
  /** Set when the key was rotated: until then both open. */
  expires_at: text(),
  /** Of an app key's secret: SHA-256, and the secret sealed under the door's own key. */
  secret_hash: text(),
  sealed_secret: text(),
});

export const integrations = sqliteTable("integrations", {
  id: text().primaryKey(),
  environment_id: text()
    .notNull()
    .references(() => environments.id),
  name: text().notNull(),
  destination: text().notNull(),
  enabled: integer({ mode: "boolean" }).notNull(),
  purpose: text({ enum: ["functional", "analytics", "marketing"] }),
  lane: integer(),
  /** Settings without the secrets, as JSON. */
  settings: text({ mode: "json" }).notNull(),
  /** The secrets, sealed (core/vault.ts). */
  sealed_secrets: text().notNull(),
  /** Which changes of profiles it is told of, as JSON; null: none. */
  profile_events: text({ mode: "json" }),
  /** Raised by each change: the row's ETag. */
  revision: integer().notNull().default(1),
});

/** Which sources feed an integration; one without rows here is fed by all. */
export const integrationSources = sqliteTable(
  "integration_sources",
  {
    integration_id: text()
      .notNull()
      .references(() => integrations.id),
    source_id: text()
      .notNull()
      .references(() => sources.id),
  },
  (table) => [primaryKey({ columns: [table.integration_id, table.source_id] })],
);

/** Index of what was given up; the payloads lie in R2 under `r2_key`. */
export const deadLetters = sqliteTable("dead_letters", {
  id: text().primaryKey(),
  environment_id: text().notNull(),
  stage: text({ enum: ["queue", "processor", "delivery"] }).notNull(),
  integration_id: text(),
  message_id: text(),
  event: text(),
  reason: text().notNull(),
  detail: text().notNull(),
  attempts: integer().notNull(),
  r2_key: text().notNull(),
  dead_at: text().notNull(),
  source_id: text(),
  /** Sent on its way again; it stays listed as what it was. */
  retried_at: text(),
  edited_at: text(),
});

/** Stretches of the lake that are sent to one integration again (workers/api/replays). */
export const replays = sqliteTable("replays", {
  id: text().primaryKey(),
  environment_id: text().notNull(),
  integration_id: text().notNull(),
  /** `ReplayRequest` as JSON. */
  request: text({ mode: "json" }).notNull(),
  status: text({
    enum: ["counting", "ready", "running", "paused", "cancelled", "complete", "failed"],
  }).notNull(),
  /** Each run is one Workflow instance, named `{id}-{run}`; only the newest may go on. */
  run: integer().notNull(),
  /** Raised by each piece that was done: of two that do the same one counts. */
  revision: integer().notNull(),
  /** `ReplayState` as JSON. */
  state: text({ mode: "json" }).notNull(),
  created_at: text().notNull(),
  updated_at: text().notNull(),
});

/** Every version of every document that people change: pipelines, lookup tables, … Rows are added and never changed. */
export const configurationVersions = sqliteTable(
  "configuration_versions",
  {
    kind: text({ enum: ["pipeline", "lookup_table", "org_data_layer", "segment"] }).notNull(),
    /** The pipeline's id, `{environment_id}/{name}` of a table or segment, the environment's id. */
    subject_id: text().notNull(),
    /** From 1 on, without gaps. */
    version: integer().notNull(),
    environment_id: text().notNull(),
    document: text({ mode: "json" }).notNull(),
    author: text().notNull(),
    note: text().notNull(),
    created_at: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.kind, table.subject_id, table.version] })],
);

/** Layer 2: which versions events go through from a source to an integration; the documents are `configuration_versions`. */
export const pipelines = sqliteTable("pipelines", {
  id: text().primaryKey(),
  environment_id: text()
    .notNull()
    .references(() => environments.id),
  name: text().notNull(),
  /** Null: every source. */
  source_id: text().references(() => sources.id),
  /** Null: shared by all integrations. */
  integration_id: text().references(() => integrations.id),
  enabled: integer({ mode: "boolean" }).notNull(),
  live_version: integer().notNull(),
  /** `Canary` as JSON (db/pipelines.ts), while there is one. */
  canary: text({ mode: "json" }),
  /** How the last one ended. */
  last_canary: text({ mode: "json" }),
  /** Raised by each change: the row's ETag. */
  revision: integer().notNull().default(1),
});

/** What one unit of the base was worth on a day: `{ "USD": 1.0831 }`. Uploaded; what converts reads the published table in KV. */
export const currencyRates = sqliteTable(
  "currency_rates",
  {
    environment_id: text()
      .notNull()
      .references(() => environments.id),
    date: text().notNull(),
    base: text().notNull(),
    rates: text({ mode: "json" }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.environment_id, table.date] })],
);

/** Every change and sign-in, hash-chained per organisation (core/audit-chain.ts). Written by AuditLog only; rows are never changed. */
export const auditLog = sqliteTable(
  "audit_log",
  {
    organisation_id: text().notNull(),
    sequence: integer().notNull(),
    at: text().notNull(),
    actor: text().notNull(),
    action: text().notNull(),
    subject: text().notNull(),
    /** JSON. */
    before: text(),
    after: text(),
    request_id: text().notNull(),
    ip: text().notNull(),
    previous: text().notNull(),
    hash: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.organisation_id, table.sequence] })],
);

/** Where payment providers send their webhooks. The id stands in the address, and cannot be guessed. */
export const paymentWebhooks = sqliteTable("payment_webhooks", {
  id: text().primaryKey(),
  source_id: text()
    .notNull()
    .references(() => sources.id),
  provider: text().notNull(),
  /** What the provider signs with, sealed under the door's own key with the id as context (core/vault.ts). */
  sealed_secret: text().notNull(),
  created_at: text().notNull(),
});

/** Segments of people (core/segments); the documents are `configuration_versions`. */
export const segments = sqliteTable(
  "segments",
  {
    environment_id: text()
      .notNull()
      .references(() => environments.id),
    id: text().notNull(),
    name: text().notNull(),
    live_version: integer().notNull(),
    created_at: text().notNull(),
    updated_at: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.environment_id, table.id] })],
);

/** Always empty: what cannot be inserted here undoes the batch it is in (db/expectation.ts). */
export const expectations = sqliteTable("expectations", { met: integer().notNull() });

/** Answers to POSTs that came with an Idempotency-Key, for 24 hours (workers/api/idempotency.ts). */
export const idempotentAnswers = sqliteTable("idempotent_answers", {
  /** SHA-256 of who asked, for what, and the key. */
  id: text().primaryKey(),
  /** SHA-256 of the body. */
  request_hash: text().notNull(),
  /** Null: it is being answered. */
  status: integer(),
  /** Body and headers, sealed (core/vault.ts): an answer may show a new key. */
  sealed_answer: text(),
  created_at: text().notNull(),
});

/** What people save for their analyses (db/saved-analytics.ts). `document` is JSON: a goal, a funnel, or the day of an annotation. */
const savedAnalytics = () => ({
  environment_id: text()
    .notNull()
    .references(() => environments.id),
  id: text().notNull(),
  name: text().notNull(),
  document: text({ mode: "json" }).notNull(),
  created_at: text().notNull(),
  updated_at: text().notNull(),
});
const byEnvironmentAndId = (table: { environment_id: AnySQLiteColumn; id: AnySQLiteColumn }) => [
  primaryKey({ columns: [table.environment_id, table.id] }),
];
export const goals = sqliteTable("goals", savedAnalytics(), byEnvironmentAndId);
export const funnels = sqliteTable("funnels", savedAnalytics(), byEnvironmentAndId);
export const annotations = sqliteTable("annotations", savedAnalytics(), byEnvironmentAndId);

/** Long work on the lake that somebody asked for, and what came of it (workers/api/lake). */
export const lakeJobs = sqliteTable("lake_jobs", {
  id: text().primaryKey(),
  environment_id: text().notNull(),
  kind: text({ enum: ["erasure"] }).notNull(),
  /** What is needed to do it, as JSON; of an erasure, which would itself be personal data, only until it is done. */
  request: text({ mode: "json" }).notNull(),
  status: text({ enum: ["running", "complete", "failed"] }).notNull(),
  result: text({ mode: "json" }).notNull(),
  created_at: text().notNull(),
  updated_at: text().notNull(),
});
