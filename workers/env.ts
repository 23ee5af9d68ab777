/**
 * Bindings, by the Worker that needs them (each folder's wrangler.toml binds just these).
 * The joined Worker of `workers/index.ts` has them all.
 */
import type { AuditLog } from "../durable-objects/audit-log.ts";
import type { ConsentRevocations } from "../durable-objects/consent-revocations.ts";
import type { DailySalts } from "../durable-objects/daily-salts.ts";
import type { IntegrationGate } from "../durable-objects/integration-gate.ts";
import type { LiveFeed } from "../durable-objects/live-feed.ts";
import type { OnceOnly } from "../durable-objects/once-only.ts";
import type { ProfileShard } from "../durable-objects/profile-shard.ts";
import type { SchemaWatch } from "../durable-objects/schema-watch.ts";
import type { VisitorShard } from "../durable-objects/visitor-shard.ts";
import type { LakeRun } from "./api/lake/lake-work.ts";
import type { ReplayRun } from "./api/replays/replay.ts";
import type { ImportRun } from "./ingest/bulk-import/bulk-import.ts";

export interface IngestEnv {
  /** The browser script lies here. */
  ASSETS: Fetcher;
  CONFIG: KVNamespace;
  LAKE: R2Bucket;
  RAW_EVENTS: Queue;
  SOURCE_LIMIT: RateLimit;
  ADDRESS_LIMIT: RateLimit;
  VISITOR_SHARD: DurableObjectNamespace<VisitorShard>;
  METRICS: AnalyticsEngineDataset;
  DAILY_SALTS: DurableObjectNamespace<DailySalts>;
  ONCE_ONLY: DurableObjectNamespace<OnceOnly>;
  IMPORTS: Workflow<ImportRun>;
  /** Secret, 32 bytes as base64, the door's own: opens the secrets that signatures are checked with, seals Identity Hub tokens. */
  DOOR_KEY: string;
}

export interface DeliveryQueues {
  DELIVERY_0: Queue;
  DELIVERY_1: Queue;
  DELIVERY_2: Queue;
  DELIVERY_3: Queue;
}

export interface ProcessorEnv extends DeliveryQueues {
  CONFIG: KVNamespace;
  DB: D1Database;
  LAKE: R2Bucket;
  RAW_EVENTS: Queue;
  PROFILE_EVENTS: Queue;
  METRICS: AnalyticsEngineDataset;
  VISITOR_SHARD: DurableObjectNamespace<VisitorShard>;
  PROFILE_SHARD: DurableObjectNamespace<ProfileShard>;
  INTEGRATION_GATE: DurableObjectNamespace<IntegrationGate>;
  LIVE_FEED: DurableObjectNamespace<LiveFeed>;
  CONSENT_REVOCATIONS: DurableObjectNamespace<ConsentRevocations>;
  SCHEMA_WATCH: DurableObjectNamespace<SchemaWatch>;
  /** Secret, 32 bytes as base64: hashes and seals personal data, where a policy wants that (core/pii/pii-keys.ts). */
  PII_KEY?: string;
  /** Worker Loader, where the account has it: functions of pipelines run in Workers of their own. */
  LOADER?: WorkerLoader;
}

export interface DeliveryEnv extends DeliveryQueues {
  /** Events of vendors that are not well wait here, and are tried from here only, where they hold up nobody else's. */
  DELIVERY_RECOVERY: Queue;
  CONFIG: KVNamespace;
  DB: D1Database;
  LAKE: R2Bucket;
  METRICS: AnalyticsEngineDataset;
  INTEGRATION_GATE: DurableObjectNamespace<IntegrationGate>;
  LIVE_FEED: DurableObjectNamespace<LiveFeed>;
  CONSENT_REVOCATIONS: DurableObjectNamespace<ConsentRevocations>;
  /** Secret, 32 bytes as base64: opens the sealed settings of integrations. Several while one replaces another (docs/credentials.md). */
  CREDENTIALS_KEY: string;
  /** Development only: every vendor request goes to `{VENDOR_SINK_URL}/{integration}/{host}/{path}` instead. */
  VENDOR_SINK_URL?: string;
}

/** What it takes to talk to a vendor: the gate keeps the tokens. */
export type VendorEnv = Pick<DeliveryEnv, "INTEGRATION_GATE" | "VENDOR_SINK_URL">;

export interface ApiEnv extends DeliveryQueues {
  ASSETS: Fetcher;
  CONFIG: KVNamespace;
  DB: D1Database;
  LAKE: R2Bucket;
  PROFILE_EVENTS: Queue;
  VISITOR_SHARD: DurableObjectNamespace<VisitorShard>;
  PROFILE_SHARD: DurableObjectNamespace<ProfileShard>;
  INTEGRATION_GATE: DurableObjectNamespace<IntegrationGate>;
  LIVE_FEED: DurableObjectNamespace<LiveFeed>;
  RAW_EVENTS: Queue;
  REPLAYS: Workflow<ReplayRun>;
  LAKE_WORK: Workflow<LakeRun>;
  /** As delivery has it. */
  VENDOR_SINK_URL?: string;
  SCHEMA_WATCH: DurableObjectNamespace<SchemaWatch>;
  AUDIT_LOG: DurableObjectNamespace<AuditLog>;
  /** Secret, as the processor has it: opens tokens of personal data. */
  PII_KEY?: string;
  /** As the processor has it: functions are tried when they are saved, and in previews. */
  LOADER?: WorkerLoader;
  /** Secret: a bearer token with every right in every organisation, for automation and emergencies. */
  ADMIN_TOKEN: string;
  /** Secret, as delivery has it: seals the secrets in settings. */
  CREDENTIALS_KEY: string;
  /** Secret, as ingest has it: seals the secret keys of servers. */
  DOOR_KEY: string;
  /** Secret, as the visitors' objects have it, which sign with it; here only its public half is shown. */
  RECEIPT_KEY?: string;
  /** Secret: reads /metrics; where it is not set there is no such page. */
  METRICS_TOKEN?: string;
  /** Other origins whose pages may use the API, separated by commas. */
  API_ALLOWED_ORIGINS?: string;
  /** Public keys that signed before: a JSON list of JSON Web Keys. */
  RECEIPT_RETIRED_KEYS?: string;
  /** Secret, 32 characters and more: signs session cookies, seals second factors. Without it nobody signs in. */
  AUTH_SECRET?: string;
  /** The address that people use, `https://data.example.com`. Absent: the request's own. */
  PUBLIC_URL?: string;
  /** Absent where no mail service is set: then mail lies in the lake under `mail/` (workers/mail/send-mail.ts). */
  EMAIL?: SendEmail;
  /** `Millrace <millrace@example.com>`: whom mail comes from. */
  MAIL_FROM?: string;
  /** Secret, of Resend. */
  RESEND_API_KEY?: string;
  /** A relay that takes `{from, to, subject, text}` as JSON and speaks SMTP; with its bearer token. */
  MAIL_RELAY_URL?: string;
  MAIL_RELAY_TOKEN?: string;
  GOOGLE_CLIENT_ID?: string;
  GOOGLE_CLIENT_SECRET?: string;
  X_CLIENT_ID?: string;
  X_CLIENT_SECRET?: string;
  /** Any OpenID Connect provider: `https://id.example.com`, which serves `/.well-known/openid-configuration`. */
  OIDC_ISSUER?: string;
  OIDC_CLIENT_ID?: string;
  OIDC_CLIENT_SECRET?: string;
  /** Secret, of Cloudflare Turnstile: asked for after three failures. */
  TURNSTILE_SECRET?: string;
  /** Tests only. */
  TURNSTILE_URL?: string;
}

export interface Env extends IngestEnv, ProcessorEnv, DeliveryEnv, ApiEnv {}

/** The lanes in order: `DELIVERY_n` feeds queue `delivery-n`. */
export const LANE_BINDINGS = [
  "DELIVERY_0",
  "DELIVERY_1",
  "DELIVERY_2",
  "DELIVERY_3",
] as const satisfies (keyof DeliveryQueues)[];
