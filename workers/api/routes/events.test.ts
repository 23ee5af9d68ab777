import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { contentHash } from "../../../core/receipt-chain.ts";
import { lakeFile, lakeKey } from "../../../durable-objects/lake-file.ts";
import { environmentOf, publishIntegration } from "../../../test/a-delivery.ts";
import { anEvent } from "../../../test/an-event.ts";
import { bury } from "../../dead-letters.ts";
import { api } from "../index.ts";

let environmentId: string;
let feed: ReturnType<typeof env.LIVE_FEED.getByName>;
beforeAll(async () => {
  environmentId = environmentOf(await publishIntegration());
  feed = env.LIVE_FEED.getByName(environmentId);
});

async function pathOf(messageId: string, query: Record<string, string> = {}) {
  const search = new URLSearchParams({ environment_id: environmentId, ...query });
  const headers = { authorization: "Bearer test-admin-token" };
  const response = await api.request(`/api/v1/events/${messageId}?${search}`, { headers }, env);
  return { status: response.status, path: await response.json<Record<string, unknown>>() };
}

describe("the path of an event", () => {
  it("is what came in, what the steps did, and each vendor's request and answer", async () => {
    const received = anEvent({ message_id: "path-1" });
    const event = { ...received, properties: { cleaned: true } };
    const receipt = { configuration: 7, shard: "s0", steps: [], integrations: [] };
    const call = {
      integration_id: "int_a",
      integration: "A",
      at: "2026-11-20T10:00:02.000Z",
      attempt: 1,
      request: { url: "https://a.example", method: "POST", body: "{}" },
      response: { status: 400, body: "no", ms: 12 },
    };
    const other = { message_id: "path-2", event: "page", received_at: "", outcome: "delivered" as const };
    const own = { ...other, message_id: "path-1", outcome: "retried" as const, reason: "no" };
    await feed.publish([
      { kind: "received", source_id: "src_a", event: received },
      { kind: "processed", source_id: "src_a", received, event, receipt },
      { kind: "delivered", ...call, events: [other, own] },
    ]);
    expect(await pathOf("path-1")).toEqual({
      status: 200,
      path: {
        message_id: "path-1",
        from: "live",
        received,
        processed: { source_id: "src_a", event, receipt },
        delivered: [{ ...call, outcome: "retried", reason: "no", events_in_request: 2 }],
        dead_letters: [],
      },
    });
  });

  it("is found in the lake by its day, with its receipt and its dead letters", async () => {
    const event = anEvent({ message_id: "path-old", received_at: "2026-11-18T10:00:00.000Z" });
    const receipt = { v: 1, configuration: 7, steps: [{ step: "cleanse", verdict: "kept", changed: [] }] };
    const [event_json, receipt_json] = [JSON.stringify(event), JSON.stringify(receipt)];
    const receipt_hash = contentHash("src_a", event_json, receipt_json);
    const day = Date.parse("2026-11-18") / 86_400_000;
    const row = { source_id: "src_a", event, receipt, event_json, receipt_json, receipt_hash };
    await env.LAKE.put(lakeKey(environmentId, [day, 1, 2, "s0"]), lakeFile([row]));
    const dead = { stage: "delivery", integration_id: "int_a", reason: "rejected", detail: "no", attempts: 3 } as const;
    await bury(env, "q-path", [{ environment_id: environmentId, message_id: "path-old", payload: {}, ...dead }]);
    const { status, path } = await pathOf("path-old", { day: "2026-11-18" });
    expect(status).toBe(200);
    expect(path).toMatchObject({
      from: "lake",
      processed: { source_id: "src_a", event: { message_id: "path-old" }, receipt },
      dead_letters: [dead],
    });
  });

  it("of nobody is not found, nor that of another environment", async () => {
    expect((await pathOf("path-none")).status).toBe(404);
    await env.LIVE_FEED.getByName("env_elsewhere").publish([
      { kind: "received", source_id: "src_a", event: anEvent({ message_id: "path-elsewhere" }) },
    ]);
    expect((await pathOf("path-elsewhere")).status).toBe(404);
  });
});
