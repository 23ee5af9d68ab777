import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { shardOf } from "../../../core/shard-map.ts";
import type { ShardBatch } from "../../../durable-objects/visitor-shard.ts";
import { environmentOf, publishIntegrations } from "../../../test/a-delivery.ts";
import { anEvent } from "../../../test/an-event.ts";
import { emptyDatabase } from "../../../test/empty-database.ts";
import { forgetConfiguration, readEnvironment } from "../../config.ts";
import { api } from "../index.ts";

beforeEach(() => forgetConfiguration());

async function call(path: string, method = "GET") {
  const headers = { authorization: "Bearer test-admin-token" };
  const response = await api.request(path, { method, headers }, env);
  return { status: response.status, body: await response.json<Record<string, unknown>>() };
}

/** One event each of so many visitors, applied to the shards that own them. */
async function applyVisitors(environmentId: string, visitors: string[]) {
  const { shard_map } = (await readEnvironment(env.CONFIG, environmentId))!;
  for (const anonymous_id of visitors) {
    const event = anEvent({ anonymous_id });
    const shard = env.VISITOR_SHARD.getByName(`${environmentId}/${shardOf(shard_map, anonymous_id)}`);
    const batch: ShardBatch = {
      events: [
        { message_id: event.message_id, anonymous_id, at: Date.now(), delivery: event.message_id, vendor_ids: {} },
      ],
      lines: [JSON.stringify({ source_id: "s", event, receipt: { steps: [] } })],
      session_timeout_ms: 1_800_000,
      now: Date.now(),
    };
    await shard.apply(batch);
  }
}

describe("status", () => {
  it("adds up what the shards hold, and says how each integration is doing", async () => {
    const [sound, paused] = await publishIntegrations({ name: "sound" }, { name: "paused", enabled: false });
    const environmentId = environmentOf(sound!);
    const visitors = Array.from({ length: 12 }, (_, i) => `visitor-${i}`);
    await applyVisitors(environmentId, [...visitors, "visitor-0"]);
    await env.INTEGRATION_GATE.getByName(sound!.id).report({ delivered: 4, requests: 2 });
    await env.INTEGRATION_GATE.getByName(paused!.id).report({ requests: 1, unauthorised: "token expired" });

    const { status, body } = await call(`/api/v1/status?environment_id=${environmentId}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      environment: { id: environmentId, name: "dev", version: 1 },
      events: 13,
      visitors: 12,
      sessions: 12,
      duplicates: 0,
      redelivered: 0,
      lake_files: 0,
      waiting_events: 13,
      integrations: [
        { id: sound!.id, name: "sound", enabled: true, delivered: 4, requests: 2, state: "open_for_business" },
        { id: paused!.id, name: "paused", enabled: false, state: "unauthorised", reason: "token expired" },
      ],
    });
    const shards = body.shards as { shard: string; events: number }[];
    expect(shards.map(({ shard }) => shard)).toEqual(["s0", "s1"]);
    expect(shards.every(({ events }) => events > 0)).toBe(true);
    expect(JSON.stringify(body)).not.toContain("sealed");
  });

  it("has nothing waiting any more after a flush", async () => {
    const [integration] = await publishIntegrations({});
    const environmentId = environmentOf(integration!);
    await applyVisitors(environmentId, ["a", "b", "c"]);
    expect(await call(`/api/v1/status/flush?environment_id=${environmentId}`, "POST")).toMatchObject({
      status: 200,
      body: { flushed: 2 },
    });
    const { body } = await call(`/api/v1/status?environment_id=${environmentId}`);
    expect(body).toMatchObject({ events: 3, waiting_events: 0 });
    expect(body.lake_files).toBeGreaterThan(0);
  });
});

describe("the environment", () => {
  const insert = (id: string) =>
    env.DB.prepare(
      "INSERT INTO environments (id, organisation_id, name, version, shard_map, session_timeout_s, consent_default) VALUES (?, 'org_status', 'dev', 1, '{}', 1800, 'granted')",
    )
      .bind(id)
      .run();

  it("is the one that is named, or else the only one there is", async () => {
    await emptyDatabase();
    expect(await call("/api/v1/status")).toMatchObject({ status: 404, body: { error: { code: "not_found" } } });
    expect(await call("/api/v1/status?environment_id=env_nowhere")).toMatchObject({ status: 404 });

    const [integration] = await publishIntegrations({});
    const id = environmentOf(integration!);
    await env.DB.exec(
      "INSERT INTO organisations (id, name, created_at) VALUES ('org_status', 'o', '2026-11-20T10:00:00.000Z')",
    );
    await insert(id);
    expect(await call("/api/v1/status")).toMatchObject({ status: 200, body: { environment: { id } } });

    await insert("env_second");
    expect(await call("/api/v1/status")).toMatchObject({ status: 400, body: { error: { code: "invalid_request" } } });
    expect(await call(`/api/v1/status?environment_id=${id}`)).toMatchObject({ status: 200 });
    // In the database, but never published.
    expect(await call("/api/v1/status?environment_id=env_second")).toMatchObject({ status: 404 });
  });
});
