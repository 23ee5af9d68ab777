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

/** Publishes an environment and the keys of its first source, as `db/publish-environment.ts` does. */
export async function publish(given: Partial<Environment> = {}): Promise<Environment> {
  const environment = anEnvironment(given);
  const about = { environment_id: environment.id, source_id: environment.sources[0]!.id, revoked: false };
  const put = (key: string, value: unknown) => env.CONFIG.put(key, JSON.stringify(value));
  await put(configKey.environment(environment.id), environment);
  const key = (key: string, given: Partial<WriteKey>) =>
    put(configKey.writeKey(sha256(key)), { id: `key_${key}`, ...about, ...given });
  await key(WRITE_KEY, { kind: "public" });
  await key(SERVER_KEY, { kind: "server" });
  await key(REVOKED_KEY, { kind: "public", revoked: true });
  await key(ORPHAN_KEY, { source_id: "src_deleted", kind: "public" });
  forgetConfiguration();
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
