import { env } from "cloudflare:workers";
import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { sha256 } from "../core/hash.ts";
import { firstShardMap } from "../core/shard-map.ts";
import { open } from "../core/vault.ts";
import { emptyDatabase } from "../test/empty-database.ts";
import { forgetConfiguration, readWriteKey } from "../workers/config.ts";
import * as schema from "./schema.ts";
import { type KeyForm, keyRow, listKeys, makeKey, newKey, revokeKey, rotateKey, settingsOf } from "./write-keys.ts";

const db = drizzle(env.DB, { schema });
const HOUR_S = 3_600;

beforeAll(async () => {
  await emptyDatabase();
  await db.insert(schema.organisations).values({ id: "org_keys", name: "Org", created_at: "2026-11-20T10:00:00.000Z" });
});
beforeEach(() => forgetConfiguration());
afterEach(() => vi.restoreAllMocks());

let sources = 0;
/** A source in an environment of its own. */
async function aSourceId(): Promise<string> {
  const id = `src_keys_${++sources}`;
  await db.insert(schema.environments).values({
    id: `env_keys_${sources}`,
    organisation_id: "org_keys",
    name: "prod",
    version: 1,
    shard_map: firstShardMap(2),
    session_timeout_s: 1_800,
    consent_default: "granted",
  });
  await db
    .insert(schema.sources)
    .values({ id, environment_id: `env_keys_${sources}`, name: id, settings: { cookie_http_only: true } });
  return id;
}

const make = (sourceId: string, form: KeyForm) => makeKey(db, env.CONFIG, env.DOOR_KEY, sourceId, form);
const rotate = (keyId: string, graceS: number) => rotateKey(db, env.CONFIG, env.DOOR_KEY, keyId, graceS);
const revoke = (keyId: string) => revokeKey(db, env.CONFIG, keyId);
/** What the door is told of a key, without waiting for its memory to grow old. */
async function published(key: string) {
  forgetConfiguration();
  return readWriteKey(env.CONFIG, sha256(key));
}

/** Every text that D1 and KV hold, keys of KV included. */
async function everythingStored(): Promise<string> {
  const texts: string[] = [];
  for (const table of [schema.writeKeys, schema.sources, schema.environments, schema.organisations]) {
    texts.push(JSON.stringify(await db.select().from(table)));
  }
  for (let cursor: string | null = null, done = false; !done; ) {
    const page: KVNamespaceListResult<unknown> = await env.CONFIG.list({ cursor });
    for (const { name } of page.keys) texts.push(name, (await env.CONFIG.get(name)) ?? "");
    done = page.list_complete;
    cursor = page.list_complete ? null : page.cursor;
  }
  return texts.join("\n");
}

describe("a new key", () => {
  it.each<[KeyForm, string, RegExp]>([
    ["public", "public", /^wk_[0-9a-f]{24}$/],
    ["server", "server", /^sk_[0-9a-f]{48}$/],
    ["app", "server", /^ak_[0-9a-f]{24}$/],
  ])("of the form %s opens at once as a %s key", async (form, kind, pattern) => {
    const sourceId = await aSourceId();
    const made = await make(sourceId, form);
    expect(made).toMatchObject({ source_id: sourceId, kind });
    expect(made.key).toMatch(pattern);
    expect(await published(made.key)).toMatchObject({ id: made.id, source_id: sourceId, kind, revoked: false });
    expect("secret" in made).toBe(form === "app");
  });

  it("is another one each time", () => {
    expect(new Set(Array.from({ length: 100 }, () => newKey("public"))).size).toBe(100);
  });

  it("is stored as its hash, under an id that follows from it, with its last letters", () => {
    const row = keyRow("src", "public", "wk_abcdef");
    expect(row).toMatchObject({
      key_hash: sha256("wk_abcdef"),
      hint: "cdef",
      id: expect.stringMatching(/^key_\w{16}$/),
    });
    expect(keyRow("src", "public", "wk_abcdef").id).toBe(row.id);
  });

  it("of an app has a secret that is stored sealed and as its hash", async () => {
    const { key, secret } = await make(await aSourceId(), "app");
    expect(secret).toMatch(/^as_[0-9a-f]{64}$/);
    const stored = (await published(key))!;
    expect(stored.secret_hash).toBe(sha256(secret!));
    expect(await open(env.DOOR_KEY, sha256(key), stored.sealed_secret!)).toBe(secret);
  });

  it("of an app has a secret that opens with no other key, and for no other app", async () => {
    const { key } = await make(await aSourceId(), "app");
    const { sealed_secret } = (await published(key))!;
    await expect(open(env.CREDENTIALS_KEY, sha256(key), sealed_secret!)).rejects.toThrow("does not open");
    await expect(open(env.DOOR_KEY, sha256("ak_other"), sealed_secret!)).rejects.toThrow("does not open");
  });

  it.each<KeyForm>(["public", "server", "app"])("of the form %s is nowhere in D1 or KV as it is", async (form) => {
    const made = await make(await aSourceId(), form);
    const rotated = await rotate(made.id, HOUR_S);
    const everything = await everythingStored();
    expect(everything).toContain(made.id);
    expect(everything).toContain(sha256(rotated.key));
    for (const text of [made.key, made.secret, rotated.key, rotated.secret]) {
      if (text) expect(everything).not.toContain(text.slice(3));
    }
  });

  it("needs a source", async () => {
    await expect(make("src_nowhere", "public")).rejects.toMatchObject({ code: "not_found" });
    await expect(listKeys(db, "src_nowhere")).rejects.toMatchObject({ code: "not_found" });
    await expect(settingsOf(db, "src_nowhere")).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("rotating", () => {
  it.each<KeyForm>(["public", "server", "app"])("a key of the form %s makes another of it", async (form) => {
    const old = await make(await aSourceId(), form);
    const made = await rotate(old.id, HOUR_S);
    expect(made).toMatchObject({ source_id: old.source_id, kind: old.kind });
    expect(made.key.slice(0, 3)).toBe(old.key.slice(0, 3));
    expect(made.key).not.toBe(old.key);
    expect(made.secret === undefined).toBe(form !== "app");
    if (form === "app") expect(made.secret).not.toBe(old.secret);
  });

  it("lets the old key open until the grace is over, and the new one for good", async () => {
    const old = await make(await aSourceId(), "server");
    const now = Date.now();
    vi.spyOn(Date, "now").mockReturnValue(now);
    const made = await rotate(old.id, HOUR_S);
    expect(made.old_key_expires_at).toBe(new Date(now + HOUR_S * 1_000).toISOString());
    expect(await published(old.key)).toMatchObject({ revoked: false, expires_at: made.old_key_expires_at });
    expect(await published(made.key)).toMatchObject({ revoked: false });
    expect((await published(made.key))!.expires_at).toBeUndefined();
  });

  it("is refused for a key that was rotated or revoked, and changes nothing then", async () => {
    const rotated = await make(await aSourceId(), "public");
    const { old_key_expires_at } = await rotate(rotated.id, HOUR_S);
    await expect(rotate(rotated.id, 9 * HOUR_S)).rejects.toMatchObject({
      code: "invalid_request",
      message: `${rotated.id} was rotated already`,
    });
    expect((await published(rotated.key))!.expires_at).toBe(old_key_expires_at);
    const revoked = await make(rotated.source_id, "public");
    await revoke(revoked.id);
    await expect(rotate(revoked.id, HOUR_S)).rejects.toMatchObject({ message: `${revoked.id} was revoked` });
    expect(await listKeys(db, rotated.source_id)).toHaveLength(3);
    await expect(rotate("key_nowhere", HOUR_S)).rejects.toMatchObject({ code: "not_found" });
  });

  it("twice at once makes one key", async () => {
    const old = await make(await aSourceId(), "public");
    const both = await Promise.allSettled([rotate(old.id, HOUR_S), rotate(old.id, 2 * HOUR_S)]);
    const made = both.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const refused = both.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
    expect(made).toHaveLength(1);
    expect(refused).toMatchObject([{ code: "invalid_request", message: `${old.id} was rotated already` }]);
    const keys = await listKeys(db, old.source_id);
    expect(keys.map(({ id }) => id).toSorted()).toEqual([old.id, made[0]!.id].toSorted());
    expect((await published(old.key))!.expires_at).toBe(made[0]!.old_key_expires_at);
  });

  it("may end, by revoking, before its grace is over", async () => {
    const old = await make(await aSourceId(), "server");
    const made = await rotate(old.id, HOUR_S);
    await revoke(old.id);
    expect(await published(old.key)).toMatchObject({ revoked: true });
    expect(await published(made.key)).toMatchObject({ revoked: false });
  });
});

describe("revoking", () => {
  it("ends one key and no other, and may be done again", async () => {
    const sourceId = await aSourceId();
    const [key, other] = [await make(sourceId, "public"), await make(sourceId, "public")];
    expect(await revoke(key.id)).toMatchObject({ id: key.id, revoked: true });
    expect(await revoke(key.id)).toMatchObject({ id: key.id, revoked: true });
    expect(await published(key.key)).toMatchObject({ revoked: true });
    expect(await published(other.key)).toMatchObject({ revoked: false });
  });

  it("needs a key that there is", async () => {
    await expect(revoke("key_nowhere")).rejects.toMatchObject({ code: "not_found" });
  });
});

it("lists the keys of one source as they may be shown at any time", async () => {
  const sourceId = await aSourceId();
  await make(await aSourceId(), "public");
  const made = [await make(sourceId, "public"), await make(sourceId, "server"), await make(sourceId, "app")];
  for (const [i, { id }] of made.entries()) {
    const created_at = `2026-11-20T10:00:0${i}.000Z`;
    await db.update(schema.writeKeys).set({ created_at }).where(eq(schema.writeKeys.id, id));
  }
  await revoke(made[1]!.id);
  const common = { source_id: sourceId, expires_at: null, revoked: false };
  expect(await listKeys(db, sourceId)).toEqual([
    {
      ...common,
      id: made[0]!.id,
      form: "public",
      hint: made[0]!.key.slice(-4),
      created_at: "2026-11-20T10:00:00.000Z",
    },
    {
      ...common,
      id: made[1]!.id,
      form: "server",
      hint: made[1]!.key.slice(-4),
      created_at: "2026-11-20T10:00:01.000Z",
      revoked: true,
    },
    { ...common, id: made[2]!.id, form: "app", hint: made[2]!.key.slice(-4), created_at: "2026-11-20T10:00:02.000Z" },
  ]);
});

it("knows what a source was told, defaults included", async () => {
  expect(await settingsOf(db, await aSourceId())).toMatchObject({ cookie_http_only: true, cookie_scope: "host" });
});
