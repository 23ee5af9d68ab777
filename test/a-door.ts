import { env } from "cloudflare:workers";
import { configKey, type Environment, type WriteKey } from "../core/environment.ts";
import type { Event } from "../core/event.ts";
import { sha256 } from "../core/hash.ts";
import type { RawMessage } from "../core/queue-messages.ts";
import { forgetConfiguration } from "../workers/config.ts";
import type { IngestEnv } from "../workers/env.ts";
import ingest from "../workers/ingest/index.ts";
import { anEnvironment } from "./an-environment.ts";

export const WRITE_KEY = "wk_public";
export const SERVER_KEY = "sk_server";
export const REVOKED_KEY = "wk_revoked";
const ORPHAN_KEY = "wk_orphan";
export const KEYS = { WRITE_KEY, SERVER_KEY, REVOKED_KEY, ORPHAN_KEY };

/** Publishes one more key of the test environment's source. */
export async function publishKey(key: string, given: Partial<WriteKey> = {}): Promise<void> {
  const document = { id: `key_${key}`, environment_id: "env_test", source_id: "src_test", kind: "public", ...given };
  await env.CONFIG.put(configKey.writeKey(sha256(key)), JSON.stringify(document));
  forgetConfiguration();
}

/** Publishes an environment and the keys of its first source, as `db/publish-environment.ts` does. */
export async function publish(given: Partial<Environment> = {}): Promise<Environment> {
  const environment = anEnvironment(given);
  const about = { environment_id: environment.id, source_id: environment.sources[0]!.id };
  await env.CONFIG.put(configKey.environment(environment.id), JSON.stringify(environment));
  await publishKey(WRITE_KEY, about);
  await publishKey(SERVER_KEY, { ...about, kind: "server" });
  await publishKey(REVOKED_KEY, { ...about, revoked: true });
  await publishKey(ORPHAN_KEY, { ...about, source_id: "src_deleted" });
  return environment;
}

export interface Door {
  env: IngestEnv;
  /** What was queued: the texts, and read. */
  texts: string[];
  messages(): RawMessage[];
  events(): Event[];
  fetch(path: string, init?: RequestInit<CfProperties>): Promise<Response>;
  /** POSTs JSON with the public write key in the body. */
  post(path: string, body: object, headers?: Record<string, string>): Promise<Response>;
}

/** The ingest Worker with real KV, R2 and rate limit, and a queue that keeps what it is sent. */
export async function aDoor(given: Partial<Environment> = {}, bindings: Partial<IngestEnv> = {}): Promise<Door> {
  await publish(given);
  const texts: string[] = [];
  const queue = { send: async (text: string) => void texts.push(text) } as unknown as Queue;
  const doorEnv: IngestEnv = { ...env, RAW_EVENTS: queue, ...bindings };
  const door: Door = {
    env: doorEnv,
    texts,
    messages: () => texts.map((text) => JSON.parse(text)),
    events: () => door.messages().flatMap((message) => message.events),
    fetch: async (path, init) => ingest.fetch(new Request(`https://collect.shop.example${path}`, init), doorEnv),
    post: (path, body, headers = {}) =>
      door.fetch(path, { method: "POST", headers, body: JSON.stringify({ write_key: WRITE_KEY, ...body }) }),
  };
  return door;
}
