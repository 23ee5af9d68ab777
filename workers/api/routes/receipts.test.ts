import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { configKey } from "../../../core/environment.ts";
import { CHAIN_START } from "../../../core/receipt-chain.ts";
import { openStatement } from "../../../core/receipt-key.ts";
import { writeSealed } from "../../../durable-objects/receipts.ts";
import { anEnvironment } from "../../../test/an-environment.ts";
import { anEvent } from "../../../test/an-event.ts";
import type { ApiEnv } from "../../env.ts";
import { api } from "../index.ts";

const ID = "env_receipt_routes";
const FILE = `events/env=${ID}/dt=2026-11-20/s0-1-3.parquet`;
const ask = (path: string, token = "test-admin-token", given: Partial<ApiEnv> = {}) =>
  api.request(path, { headers: { authorization: `Bearer ${token}` } }, { ...(env as unknown as ApiEnv), ...given });

beforeAll(async () => {
  await env.CONFIG.put(configKey.environment(ID), JSON.stringify(anEnvironment({ id: ID })));
  const rows = [anEvent(), anEvent()].map((event) => ({ source_id: "src", event, receipt: {} }));
  const sealing = { LAKE: env.LAKE, RECEIPT_KEY: env.RECEIPT_KEY! };
  await writeSealed(sealing, [ID, "s0"], FILE, rows, CHAIN_START);
  await env.LAKE.put(`events/env=${ID}/dt=2026-11-21/s1-1-2.parquet`, "of before receipts were signed");
});

describe("the public key", () => {
  it("is for everybody, and opens what the shards signed; the secret half is not there", async () => {
    const answer = await ask("/.well-known/millrace-receipts.json", "");
    expect(answer.status).toBe(200);
    const text = await answer.text();
    expect(text).not.toContain('"d"');
    const { keys } = JSON.parse(text);
    const list = await (await ask(`/api/v1/receipts?environment_id=${ID}&from=2026-11-20&to=2026-11-20`)).json<{
      files: { statement: { jws: string } }[];
    }>();
    expect(await openStatement(list.files[0]!.statement.jws, keys)).toMatchObject({
      ok: true,
      statement: { count: 2 },
    });
  });

  it("is followed by those that signed before, and is none where there is no secret", async () => {
    const old = { kty: "OKP", crv: "Ed25519", x: "abc", kid: "old" };
    const rotated = await ask("/.well-known/millrace-receipts.json", "", {
      RECEIPT_RETIRED_KEYS: JSON.stringify([old]),
    });
    expect(((await rotated.json()) as { keys: object[] }).keys[1]).toEqual(old);
    const { RECEIPT_KEY: _, ...unsigned } = env as unknown as ApiEnv;
    const none = await api.request("/.well-known/millrace-receipts.json", {}, unsigned);
    expect(await none.json()).toEqual({ keys: [] });
  });
});

describe("the files of some days", () => {
  const range = `environment_id=${ID}&from=2026-11-20&to=2026-11-21`;
  it("are listed with their statements, of one shard or of all", async () => {
    const all = await (await ask(`/api/v1/receipts?${range}`)).json();
    expect(all).toMatchObject({
      environment_id: ID,
      files: [{ key: FILE, statement: { jws: expect.any(String) } }, { statement: null }],
    });
    expect(await (await ask(`/api/v1/receipts?${range}&shard=s1`)).json()).toMatchObject({ files: { length: 1 } });
  });

  it("are handed out as they are", async () => {
    const answer = await ask(`/api/v1/receipts/file?environment_id=${ID}&key=${encodeURIComponent(FILE)}`);
    expect(Buffer.from(await answer.arrayBuffer()).toString("latin1", 0, 4)).toBe("PAR1");
  });

  it.each([
    [`/api/v1/receipts?environment_id=${ID}`, 400],
    [`/api/v1/receipts?environment_id=${ID}&from=2026-11-21&to=2026-11-20`, 400],
    [`/api/v1/receipts?environment_id=${ID}&from=2026-01-01&to=2026-11-20`, 400],
    [`/api/v1/receipts?${range}&shard=../x`, 400],
    [`/api/v1/receipts/file?environment_id=${ID}&key=events/env=env_demo/dt=2026-11-20/s0-1-3.parquet`, 404],
    [`/api/v1/receipts/file?environment_id=${ID}&key=dead/env=${ID}/x.json`, 404],
    [`/api/v1/receipts/file?environment_id=${ID}`, 404],
  ])("%s is refused with %i", async (path, status) => {
    expect((await ask(path)).status).toBe(status);
  });

  it("are for those who may", async () => {
    expect((await ask(`/api/v1/receipts?${range}`, "nobody")).status).toBe(401);
  });
});
