/**
 * An environment's compiled configuration: what ingest, processor and delivery read. D1 is the truth; every change
 * publishes these documents to KV (`publish-environment.ts`), so nothing on the hot path asks D1.
 */
import * as z from "zod";
import { PURPOSES } from "./consent.ts";
import { shardMap } from "./shard-map.ts";

export const source = z.object({
  id: z.string(),
  name: z.string(),
  /** Where `_dfid` and the vendor cookies are valid; absent: the collecting host alone. */
  cookie_domain: z.string().optional(),
  /** Hides `_dfid` from scripts; the cookie then outranks the anonymous_id that an event brings. */
  cookie_http_only: z.boolean().default(false),
});
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
  session_timeout_s: z.int().min(60).max(86_400).default(1_800),
  /** What holds where an event says nothing about a purpose. */
  consent_default: z.enum(["granted", "denied"]).default("granted"),
  sources: z.array(source),
  integrations: z.array(integration),
});
export type Environment = z.infer<typeof environment>;

/** What a write key opens. Stored under the key's SHA-256, never under the key. */
export const writeKey = z.object({
  environment_id: z.string(),
  source_id: z.string(),
  /** `public` keys live in web pages; `server` keys are secrets and set no cookies. */
  kind: z.enum(["public", "server"]),
  revoked: z.boolean().default(false),
});
export type WriteKey = z.infer<typeof writeKey>;

/** KV keys, each with the document it holds. Listed with examples in STORAGE.md. */
export const configKey = {
  environment: (id: string) => `environment/${id}`,
  integration: (id: string) => `integration/${id}`,
  writeKey: (keyHash: string) => `write-key/${keyHash}`,
};

/** `integration/{id}`: the secrets of an integration's settings, sealed as one JSON object (`vault.ts`). */
export const integrationSecrets = z.object({ environment_id: z.string(), version: z.int(), sealed: z.string() });
