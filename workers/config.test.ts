import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { configKey } from "../core/environment.ts";
import { forgetConfiguration, readEnvironment, readSecrets, readWriteKey } from "./config.ts";

const START = Date.parse("2026-11-20T10:00:00.000Z");
let now = START;

beforeEach(() => {
  forgetConfiguration();
  now = START;
  vi.spyOn(Date, "now").mockImplementation(() => now);
});
afterEach(() => vi.restoreAllMocks());

const aKey = (source_id: string) => ({
  id: "key_1",
  environment_id: "env_1",
  source_id,
  kind: "public",
  revoked: false,
});

/** A namespace that counts how often it is asked; `answer` may be changed in between. */
function aKv(answer: unknown) {
  const kv = { asked: 0, answer };
  const get = async () => {
    kv.asked++;
    if (kv.answer instanceof Error) throw kv.answer;
    return kv.answer;
  };
  return Object.assign(kv, { namespace: { get } as unknown as KVNamespace });
}

describe("a document", () => {
  it("is read from KV under its own key, with the defaults that its schema gives", async () => {
    await env.CONFIG.put(
      configKey.writeKey("abc"),
      JSON.stringify({ id: "key_1", environment_id: "e", source_id: "s", kind: "server" }),
    );
    await env.CONFIG.put(
      configKey.integration("int_1"),
      JSON.stringify({ environment_id: "e", version: 3, sealed: "v1.x.y" }),
    );
    expect(await readWriteKey(env.CONFIG, "abc")).toMatchObject({ source_id: "s", revoked: false });
    expect(await readSecrets(env.CONFIG, "int_1")).toMatchObject({ version: 3 });
    expect(await readEnvironment(env.CONFIG, "abc")).toBeNull();
  });

  it.each([
    ["a write key for 20 seconds, since one may be revoked", readWriteKey, aKey, 20_000],
    [
      "anything else for 30 seconds",
      readSecrets,
      (sealed: string) => ({ environment_id: "e", version: 1, sealed }),
      30_000,
    ],
  ])("is fresh, %s, then asked for again", async (_, read, make, freshMs) => {
    const kv = aKv(make("old"));
    await read(kv.namespace, "k");
    kv.answer = make("new");
    now += freshMs - 1;
    expect(await read(kv.namespace, "k")).toMatchObject(make("old"));
    expect(kv.asked).toBe(1);
    now += 1;
    expect(await read(kv.namespace, "k")).toMatchObject(make("new"));
    expect(kv.asked).toBe(2);
  });

  it.each([
    ["KV fails", new Error("KV is down")],
    ["what KV has is not valid", { kind: "nonsense" }],
  ])("is used up to 5 minutes old while %s, and no longer", async (_, trouble) => {
    const kv = aKv(aKey("s"));
    await readWriteKey(kv.namespace, "k");
    kv.answer = trouble;
    now += 299_999;
    expect(await readWriteKey(kv.namespace, "k")).toMatchObject({ source_id: "s" });
    now += 1;
    await expect(readWriteKey(kv.namespace, "k")).rejects.toThrow();
    kv.answer = aKey("again");
    expect(await readWriteKey(kv.namespace, "k")).toMatchObject({ source_id: "again" });
  });

  it("that was deleted is gone when it is asked for again", async () => {
    const kv = aKv(aKey("s"));
    await readWriteKey(kv.namespace, "k");
    kv.answer = null;
    now += 30_000;
    expect(await readWriteKey(kv.namespace, "k")).toBeNull();
  });
});

describe("a document that is missing", () => {
  it("is asked for again after 5 seconds", async () => {
    const kv = aKv(null);
    expect(await readWriteKey(kv.namespace, "k")).toBeNull();
    kv.answer = aKey("made");
    now += 4_999;
    expect(await readWriteKey(kv.namespace, "k")).toBeNull();
    now += 1;
    expect(await readWriteKey(kv.namespace, "k")).toMatchObject({ source_id: "made" });
  });

  it("is not taken for missing while KV fails: events would be refused for it", async () => {
    const kv = aKv(null);
    await readWriteKey(kv.namespace, "k");
    kv.answer = new Error("KV is down");
    now += 5_000;
    await expect(readWriteKey(kv.namespace, "k")).rejects.toThrow("KV is down");
  });

  it("throws where KV fails and was never heard", async () => {
    await expect(readWriteKey(aKv(new Error("KV is down")).namespace, "k")).rejects.toThrow("KV is down");
  });
});

it("holds a bounded number of documents, whatever keys are tried", async () => {
  const kv = aKv(null);
  await readWriteKey(aKv(aKey("s")).namespace, "known");
  for (let i = 0; i < 5_001; i++) await readWriteKey(kv.namespace, `guess-${i}`);
  await readWriteKey(kv.namespace, "guess-0");
  expect(kv.asked).toBe(5_002);
  const again = aKv(aKey("s"));
  await readWriteKey(again.namespace, "known");
  expect(again.asked).toBe(0);
  const many = aKv(aKey("s"));
  for (let i = 0; i < 5_001; i++) await readWriteKey(many.namespace, `real-${i}`);
  await readWriteKey(again.namespace, "known");
  expect(again.asked).toBe(1);
});
