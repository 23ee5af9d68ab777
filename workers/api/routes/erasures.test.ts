import { env } from "cloudflare:workers";
import { parquetReadObjects } from "hyparquet";
import { expect, it, vi } from "vitest";
import { CHAIN_START } from "../../../core/receipt-chain.ts";
import { COMPRESSORS, listAll, openObject } from "../../../durable-objects/lake-manifest.ts";
import { writeSealed } from "../../../durable-objects/receipts.ts";
import { environmentOf, publishIntegration } from "../../../test/a-delivery.ts";
import { anEvent } from "../../../test/an-event.ts";
import { bury } from "../../dead-letters.ts";
import { api } from "../index.ts";
import { beginNight } from "../lake/nightly.ts";

async function ask(method: string, path: string, environment_id: string, body?: object) {
  const response = await api.request(
    `/api/v1/erasures${path}?environment_id=${environment_id}`,
    { method, headers: { authorization: `Bearer ${env.ADMIN_TOKEN}` }, ...(body && { body: JSON.stringify(body) }) },
    env,
  );
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** Everything that lies in R2 of an environment, unpacked. */
async function allText(environment: string): Promise<string> {
  const texts: string[] = [];
  for (const { key } of await listAll(env.LAKE, "")) {
    const isOthers = !key.includes(`env=${environment}`) && !key.startsWith("spill/");
    if (isOthers) continue;
    texts.push(
      key.endsWith(".parquet")
        ? JSON.stringify(await parquetReadObjects({ ...(await openObject(env.LAKE, key))!, compressors: COMPRESSORS }))
        : await (await env.LAKE.get(key))!.text(),
    );
  }
  return texts.join("\n");
}

it("takes a visitor out of everything in R2 and proves it, and leaves the others", async () => {
  const environment = environmentOf(await publishIntegration());
  const [gone, stays] = [`gone-${environment}`, `stays-${environment}`];
  const events = (date: string, n: number) =>
    Array.from({ length: n }, (_, i) =>
      anEvent({
        message_id: `${date}-${i}`,
        anonymous_id: i % 3 === 0 ? gone : stays,
        received_at: `${date}T10:00:00.000Z`,
      }),
    );
  for (const date of ["2026-10-01", "2026-10-02"]) {
    const rows = events(date, 9).map((event) => ({ source_id: "src", event, receipt: {} }));
    await writeSealed(
      env,
      [environment, "s0"],
      `events/env=${environment}/dt=${date}/s0-1-10.parquet`,
      rows,
      CHAIN_START,
    );
  }
  await bury(
    env,
    `q-${environment}`,
    events("2026-10-01", 4).map((payload) => ({
      environment_id: environment,
      stage: "processor" as const,
      message_id: payload.message_id,
      event: payload.event,
      reason: "unreadable_message" as const,
      detail: "",
      attempts: 1,
      payload,
    })),
  );
  const spill = `spill/2026-10-01T10:00/${environment}.json`;
  await env.LAKE.put(spill, JSON.stringify({ environment_id: environment, events: events("2026-10-01", 4) }));
  expect(await allText(environment)).toContain(gone);

  const { status, body } = await ask("POST", "", environment, { who: `anonymous_id:${gone}` });
  expect(status).toBe(202);
  const done = await vi.waitFor(
    async () => {
      const now = await ask("GET", `/${body.id}`, environment);
      expect(now.body.status).toBe("complete");
      return now.body;
    },
    { timeout: 15_000 },
  );
  expect(done).toMatchObject({ rows_before: 18, rows_after: 12, rows_removed: 6, dead_letters: 2, spilled: 2 });
  expect(done.files).toHaveLength(2);
  const left = await allText(environment);
  expect(left).not.toContain(gone);
  expect(left.split(stays).length).toBeGreaterThan(12);
  const rest = await env.DB.prepare("SELECT count(*) AS n FROM dead_letters WHERE environment_id = ?")
    .bind(environment)
    .first<{ n: number }>();
  expect(rest!.n).toBe(2);
  const kept = await env.DB.prepare("SELECT request FROM lake_jobs WHERE id = ?").bind(body.id).first();
  expect(JSON.stringify(kept)).not.toContain(gone);
  await env.LAKE.delete(spill);
});

it("says who is not known, and what is missing", async () => {
  const environment = environmentOf(await publishIntegration());
  expect((await ask("POST", "", environment, { who: "nobody" })).status).toBe(404);
  expect((await ask("POST", "", environment, {})).status).toBe(400);
  expect((await ask("GET", "/era_none", environment)).status).toBe(404);
});

it("begins each night's compaction once, in its one minute, and an erasure that stands still again", async () => {
  await env.DB.prepare(
    `INSERT INTO lake_jobs VALUES ('era_still', 'env_none', 'erasure', '{"anonymous_ids":[],"user_ids":[]}', 'failed', '{}', '2026-01-01', '2026-01-01')`,
  ).run();
  const create = vi.fn(async (_: { id: string }) => ({}));
  const bindings = { DB: env.DB, LAKE_WORK: { create } as never };
  const night = Date.parse("2026-10-05T02:17:00Z");
  expect(await beginNight(bindings, night - 60_000)).toEqual([]);
  const begun = await beginNight(bindings, night);
  expect(begun).toContain("era_still-2026-10-05");
  expect(begun.length).toBe(create.mock.calls.length);
  expect(begun.every((id) => /^(era_still|compact-.*-2026-(10-0[1-4]|09-30))-2026-10-05$/.test(id))).toBe(true);
});
