/**
 * An environment's compiled configuration: what ingest, processor and delivery read. D1 is the truth; every change
 * publishes these documents to KV (`publish-environment.ts`), so nothing on the hot path asks D1.
 */
import * as z from "zod";
import { BOT_CLASSES } from "./bots.ts";
import { PURPOSES } from "./consent.ts";
import { orgDataLayer } from "./org-data-layer.ts";
import { publishedPipeline } from "./pipeline/published.ts";
import { profileChangeKind } from "./profile-change.ts";
import { profileSettings } from "./profile-settings.ts";
import { scriptSettings } from "./script-settings.ts";
import { publishedSegment } from "./segments/published.ts";
import { firstProfileShardMap, shardMap } from "./shard-map.ts";

/** `https://shop.example`, or `https://*.shop.example` for every host below it; a port where it is not the scheme's own. */
const origin = z
  .string()
  .regex(
    /^https?:\/\/(\*\.)?[a-z0-9.-]+(:\d{1,5})?$/,
    "an origin is a scheme and a host in small letters, without a path",
  );

/** An address or a block of them (CIDR), IPv4 or IPv6. */
const addressBlock = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], "not an IP address or a block of them");

/** What a source may be told beside its name. Every setting has a default, so that an empty object is a good one. */
export const sourceSettings = z.object({
  /** Where `_dfid` and the vendor cookies are valid. `site`: the registrable domain of the collecting host, e.g. `shop.co.uk`. */
  cookie_scope: z.enum(["host", "site"]).default("host"),
  /** A domain chosen by hand; outranks `cookie_scope` on hosts that lie within it. */
  cookie_domain: z
    .string()
    .regex(/^\.?[a-z0-9.-]+\.[a-z]{2,}$/i)
    .optional(),
  /** Hides `_dfid` from scripts; the cookie then outranks the anonymous_id that an event brings. */
  cookie_http_only: z.boolean().default(false),
  /** The pages that may use the public keys; absent: any. */
  allowed_origins: z.array(origin).min(1).max(100).optional(),
  /** The machines that may use the server keys; absent: any. */
  allowed_ips: z.array(addressBlock).min(1).max(200).optional(),
  /** What is kept of a visitor's address, before anything is stored or sent. */
  ip_policy: z.enum(["full", "truncated", "last_octet_hashed", "dropped"]).default("full"),
  /** Global Privacy Control (https://w3c.github.io/gpc/) objects to marketing. */
  honour_gpc: z.boolean().default(true),
  /** The old Do Not Track header objects to analytics and marketing. */
  honour_dnt: z.boolean().default(false),
  /** Without cookies a visitor is known for a day, by a hash whose salt is then destroyed. `until_consent`: to analytics. */
  cookieless: z.enum(["never", "until_consent", "always"]).default("never"),
  /** Classes of bots whose events go no further. All of them are marked in any case. */
  drop_bots: z.array(z.enum(BOT_CLASSES)).default([]),
  /** Events older or newer than this, in seconds, are kept and marked. */
  oldest_event_s: z
    .int()
    .min(0)
    .default(30 * 86_400),
  newest_event_s: z.int().min(0).default(3_600),
  /** Where the browser script is served beside `/millrace.js`, and events taken at `e` beside it: `/lib/shop.js`, `/lib/e`. */
  script_path: z
    .string()
    .regex(/^(\/[\w-]{1,64}){1,5}\.js$/, "a path of letters, digits, _ and -, ending in .js")
    .refine((path) => !/^\/(v1|api|health)\//.test(path), "this path is taken")
    .optional(),
  /** How the script at `script_path` starts, unless a page's tag says otherwise. `/millrace.js` belongs to all sources and has none. */
  script: scriptSettings.optional(),
  /** Identity Hub: the customer's hosts between which a visitor stays the same, e.g. `shop.example`, this one included. */
  linked_hosts: z
    .array(z.string().regex(/^[a-z0-9.-]+(:\d{1,5})?$/))
    .max(50)
    .default([]),
});

export const source = sourceSettings.extend({ id: z.string(), name: z.string() });
export type Source = z.infer<typeof source>;

export const integration = z.object({
  id: z.string(),
  name: z.string(),
  /** A name in `workers/delivery/destinations`. */
  destination: z.string(),
  enabled: z.boolean(),
  /** Absent: the destination's own purpose. */
  purpose: z.enum(PURPOSES).optional(),
  /** Pins the integration to a delivery lane; absent: by hash of its id. */
  lane: z.int().min(0).max(3).optional(),
  /** Sources that feed it; absent: all of them. */
  source_ids: z.array(z.string()).optional(),
  /** Which changes of profiles it is told of, as events `profile.created` and so on. */
  profile_events: z.array(profileChangeKind).optional(),
  /** Without the secrets: those are sealed, in `integration/{id}`, and only delivery opens them. */
  settings: z.record(z.string(), z.unknown()),
});
export type Integration = z.infer<typeof integration>;

export const environment = z.object({
  id: z.string(),
  organisation_id: z.string(),
  name: z.enum(["dev", "staging", "prod"]),
  version: z.int(),
  published_at: z.iso.datetime(),
  shard_map: shardMap,
  profile_shard_map: shardMap.prefault(firstProfileShardMap()),
  session_timeout_s: z.int().min(60).max(86_400).default(1_800),
  /** Another campaign or click than the session's begins a new session, also within the timeout. */
  new_session_on_campaign: z.boolean().default(false),
  /** What holds where an event says nothing about a purpose. */
  consent_default: z.enum(["granted", "denied"]).default("granted"),
  profiles: profileSettings.prefault({}),
  sources: z.array(source),
  integrations: z.array(integration),
  /** Absent: as an empty one. */
  org_data_layer: orgDataLayer.optional(),
  /** Layer 2; absent: every destination's own mapping. */
  pipelines: z.array(publishedPipeline).optional(),
  /** Uploaded tables: name → the version that holds. */
  lookup_tables: z.record(z.string(), z.int()).optional(),
  segments: z.array(publishedSegment).optional(),
});
export type Environment = z.infer<typeof environment>;

/** What a key opens. Stored under the SHA-256 of the key (of an app key with a secret: of the app key), never under the key. */
export const writeKey = z.object({
  id: z.string(),
  environment_id: z.string(),
  source_id: z.string(),
  /** `public` keys live in web pages and apps; `server` keys are secrets and set no cookies. */
  kind: z.enum(["public", "server"]),
  /** SHA-256 of the secret key that belongs to an app key. */
  secret_hash: z.string().optional(),
  /** The secret key itself, sealed under the door's own key (core/vault.ts): signatures are checked with it. */
  sealed_secret: z.string().optional(),
  /** Until when a key that was rotated still opens. */
  expires_at: z.iso.datetime().optional(),
  revoked: z.boolean().default(false),
});
export type WriteKey = z.infer<typeof writeKey>;

/** Which source's script a path of its choice is. */
export const scriptPath = z.object({ environment_id: z.string(), source_id: z.string() });

/** Where a payment provider sends its webhooks: to which source they go, and the secret that it signs with, under the door's own key. */
export const paymentWebhook = z.object({
  environment_id: z.string(),
  source_id: z.string(),
  provider: z.string(),
  sealed_secret: z.string(),
});
export type PaymentWebhook = z.infer<typeof paymentWebhook>;

/** KV keys, each with the document it holds. Listed with examples in STORAGE.md. */
export const configKey = {
  environment: (id: string) => `environment/${id}`,
  integration: (id: string) => `integration/${id}`,
  writeKey: (keyHash: string) => `write-key/${keyHash}`,
  scriptPath: (path: string) => `script${path}`,
  lookupTable: (environmentId: string, name: string, version: number) =>
    `lookup-table/${environmentId}/${name}/${version}`,
  paymentWebhook: (id: string) => `payment-webhook/${id}`,
  currencyRates: (environmentId: string) => `currency-rates/${environmentId}`,
};

/** `integration/{id}`: the secrets of an integration's settings, sealed as one JSON object (`vault.ts`). */
export const integrationSecrets = z.object({ environment_id: z.string(), version: z.int(), sealed: z.string() });
