import { introspectWorkflow } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Integration } from "../../../core/environment.ts";
import type { Event } from "../../../core/event.ts";
import type { DeliveryMessage } from "../../../core/queue-messages.ts";
import { lakeFile } from "../../../durable-objects/lake-file.ts";
import { defineTestVendor, environmentOf, publishIntegration, testVendor } from "../../../test/a-delivery.ts";
import { anEvent } from "../../../test/an-event.ts";
import { skip } from "../../delivery/destination.ts";
import { api } from "../index.ts";
import { advance } from "../replays/advance.ts";
import { readReplay } from "../replays/replay-store.ts";

const destination = defineTestVendor({
  name: "replayed_vendor",
  map: (event: Event) =>
    event.event === "Skipped" ? skip("event_not_mapped", "not for them") : { id: event.message_id, text: event.event },
});

let integration: Integration;
let environment_id: string;
/** What reached the lanes. */
const sent: DeliveryMessage[] = [];
let failSendAfter = Number.POSITIVE_INFINITY;

beforeEach(async () => {
  integration = await publishIntegration({ destination });
  environment_id = environmentOf(integration);
  sent.length = 0;
  failSendAfter = Number.POSITIVE_INFINITY;
  vi.spyOn(console, "error").mockImplementation(() => {});
  // All bindings to queues share their prototype: the Workflow's own too.
  vi.spyOn(Object.getPrototypeOf(env.RAW_EVENTS) as Queue, "send").mockImplementation(async (text) => {
    if (sent.length >= failSendAfter) throw new Error("the queue is down");
    sent.push(JSON.parse(text as string));
    return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
  });
});
afterEach(() => vi.restoreAllMocks());

/** A lake file of a day, as a shard writes it. */
async function putFile(day: string, name: string, events: Event[], receipt: object = {}) {
  const rows = events.map((event) => ({
    source_id: event.properties.source === "app" ? "src_app" : "src_web",
    event,
    receipt,
  }));
  await env.LAKE.put(`events/env=${environment_id}/dt=${day}/${name}.parquet`, lakeFile(rows));
}
const at = (day: string, minute: number) =>
  new Date(Date.parse(`${day}T10:00:00.000Z`) + minute * 60_000).toISOString();
const someEvents = (day: string, count: number, given: Partial<Event> = {}) =>
  Array.from({ length: count }, (_, i) => {
    const received_at = at(day, i % 60);
    return anEvent({ message_id: `${day} ${i}`, received_at, timestamp: received_at, ...given });
  });

async function ask(method: string, path = "", body?: unknown) {
  const url = `/api/v1/replays${path}?${new URLSearchParams({ environment_id })}`;
  const headers = { authorization: "Bearer test-admin-token" };
  const response = await api.request(
    url,
    { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) },
    env,
  );
  // biome-ignore lint/suspicious/noExplicitAny: as an outsider reads it.
  return { status: response.status, body: (await response.json()) as any };
}

const DAY = "2026-11-18";
const RANGE = { from: `${DAY}T00:00:00.000Z`, to: "2026-11-20T00:00:00.000Z" };
const order = (given: object = {}) => ({ integration_id: integration.id, ...RANGE, ...given });
const until = (id: string, ...statuses: string[]) =>
  vi.waitFor(async () => {
    const { body } = await ask("GET", `/${id}`);
    expect(statuses).toContain(body.status);
    return body;
  }, 15_000);
const itemsSent = () => sent.flatMap(({ items }) => items.map(({ message_id }) => message_id));

/** A replay whose Workflow has been made to do nothing: the test drives it piece by piece. */
async function aCounted(given: object = {}) {
  const create = vi.spyOn(Object.getPrototypeOf(env.REPLAYS) as Workflow, "create").mockResolvedValue({} as never);
  const { status, body } = await ask("POST", "", order(given));
  expect(status).toBe(202);
  await drive(body.id);
  create.mockResolvedValue({} as never);
  return body.id as string;
}
async function drive(id: string, pieces = 100) {
  for (let n = 0; n < pieces; n++) {
    const { run } = (await readReplay(env.DB, id))!;
    const { status } = await advance(env, id, run);
    if (status !== "counting" && status !== "running") return status;
  }
  return "running";
}

describe("a replay", () => {
  it("counts exactly what it would send and shows some of it, and sends nothing before it is told to", async () => {
    await putFile(DAY, "s0-1-31", [...someEvents(DAY, 30), anEvent({ event: "Skipped", received_at: at(DAY, 3) })]);
    await putFile("2026-11-19", "s1-1-6", someEvents("2026-11-19", 5));
    await putFile("2026-11-20", "s1-6-9", someEvents("2026-11-20", 3));
    await using introspector = await introspectWorkflow(env.REPLAYS);
    const { body } = await ask("POST", "", order());
    expect(body).toMatchObject({ status: "counting", integration_id: integration.id });
    const ready = await until(body.id, "ready");
    expect(ready.counted).toEqual({ events: 36, to_send: 35, filtered: { event_not_mapped: 1 } });
    expect(ready.samples).toHaveLength(10);
    expect(ready.samples[0]).toMatchObject({
      message_id: `${DAY} 0`,
      old: { id: `${DAY} 0`, text: "Button Clicked" },
      new: { id: `${DAY} 0` },
      is_changed: false,
    });
    expect(sent).toEqual([]);
    expect((await ask("POST", `/${body.id}/start`)).status).toBe(202);
    const complete = await until(body.id, "complete");
    expect(complete.sent).toBe(35);
    expect(itemsSent().sort()).toEqual(
      [...someEvents(DAY, 30), ...someEvents("2026-11-19", 5)].map((e) => e.message_id).sort(),
    );
    expect(sent[0]).toMatchObject({ attempt: 1, replay: { id: body.id }, integration_id: integration.id });
    expect((await ask("GET")).body.replays).toMatchObject([{ id: body.id, status: "complete" }]);
    void introspector;
  }, 30_000);

  it("takes only what was received in the range, of the names and the source asked for", async () => {
    const events = [
      anEvent({ message_id: "early", received_at: at(DAY, 9) }),
      anEvent({ message_id: "first", received_at: at(DAY, 10) }),
      anEvent({ message_id: "other", event: "Other", received_at: at(DAY, 11) }),
      anEvent({ message_id: "app", properties: { source: "app" }, received_at: at(DAY, 12) }),
      anEvent({ message_id: "late", received_at: at(DAY, 20) }),
    ];
    await putFile(DAY, "s0-1-6", events);
    // Taken by its shard on the next day only.
    await putFile("2026-11-19", "s0-6-7", [anEvent({ message_id: "behind", received_at: at(DAY, 15) })]);
    const range = { from: at(DAY, 10), to: at(DAY, 20) };
    const id = await aCounted({ ...range, events: ["Button Clicked"], source_id: "src_web" });
    await ask("POST", `/${id}/start`);
    expect(await drive(id)).toBe("complete");
    expect(itemsSent()).toEqual(["first", "behind"]);
  });

  it("judges an event's age and its consent as of now, and tells delivery when it really came", async () => {
    const seen: Event[] = [];
    const strict = defineTestVendor({
      map(event: Event) {
        seen.push(event);
        return { id: event.message_id };
      },
      purpose: "marketing",
    });
    integration = await publishIntegration({ destination: strict });
    environment_id = environmentOf(integration);
    const [yes, no, silent] = someEvents(DAY, 3);
    yes!.context = { consent: { marketing: true } };
    no!.context = { consent: { marketing: false } };
    await putFile(DAY, "s0-1-4", [yes!, no!, silent!]);
    await putFile(DAY, "s1-1-2", [anEvent({ message_id: "objects", received_at: at(DAY, 1) })], { gpc: true });
    const id = await aCounted();
    const { body } = await ask("GET", `/${id}`);
    expect(body.counted).toEqual({ events: 4, to_send: 2, filtered: { no_consent: 2 } });
    expect(Date.parse(seen[0]!.received_at)).toBeGreaterThan(Date.now() - 60_000);
    await ask("POST", `/${id}/start`);
    await drive(id);
    expect(sent[0]!.items).toMatchObject([
      { message_id: yes!.message_id, received_at: yes!.received_at, purposes: expect.arrayContaining(["marketing"]) },
      { message_id: silent!.message_id },
    ]);
  });

  it("keeps to its rate, can be paused and resumed, and sends nothing twice", async () => {
    await putFile(DAY, "s0-1-301", someEvents(DAY, 300));
    const id = await aCounted({ events_per_second: 10 });
    await ask("POST", `/${id}/start`);
    const first = await advance(env, id, (await readReplay(env.DB, id))!.run);
    // Ten seconds' worth at most, in whole windows of forty.
    expect(itemsSent()).toHaveLength(80);
    expect(first).toEqual({ status: "running", wait_s: 8 });
    expect((await ask("POST", `/${id}/pause`)).body.status).toBe("paused");
    expect(await drive(id)).toBe("paused");
    expect(itemsSent()).toHaveLength(80);
    expect((await ask("POST", `/${id}/resume`)).status).toBe(202);
    expect(await drive(id)).toBe("complete");
    expect(itemsSent()).toHaveLength(300);
    expect(new Set(itemsSent()).size).toBe(300);
  });

  it("that falls over in the middle of a piece queues the same messages again under the same names", async () => {
    await putFile(DAY, "s0-1-201", someEvents(DAY, 200));
    const id = await aCounted({ events_per_second: 2_000 });
    await ask("POST", `/${id}/start`);
    failSendAfter = 3;
    await expect(drive(id)).rejects.toThrow("the queue is down");
    const before = sent.map(({ replay }) => replay!.chunk);
    failSendAfter = Number.POSITIVE_INFINITY;
    sent.length = 0;
    expect(await drive(id)).toBe("complete");
    expect(sent.map(({ replay }) => replay!.chunk).slice(0, 3)).toEqual(before);
    expect(new Set(sent.map(({ replay }) => replay!.chunk)).size).toBe(5);
    expect((await ask("GET", `/${id}`)).body).toMatchObject({ status: "complete", sent: 200 });
  });

  it("whose run was replaced while it worked counts its piece once", async () => {
    await putFile(DAY, "s0-1-101", someEvents(DAY, 100));
    const id = await aCounted({ events_per_second: 4 });
    await ask("POST", `/${id}/start`);
    const { run } = (await readReplay(env.DB, id))!;
    await ask("POST", `/${id}/pause`);
    await ask("POST", `/${id}/resume`);
    expect(await advance(env, id, run)).toMatchObject({ status: "superseded" });
    expect(sent).toEqual([]);
    const both = await Promise.all([advance(env, id, run + 1), advance(env, id, run + 1)]);
    expect(both.map(({ status }) => status).sort()).toEqual(["running", "superseded"]);
    expect((await ask("GET", `/${id}`)).body.sent).toBe(40);
    expect(sent.map(({ replay }) => replay!.chunk)).toEqual([sent[0]!.replay!.chunk, sent[0]!.replay!.chunk]);
  });

  it("ends when it is cancelled, at any time", async () => {
    await putFile(DAY, "s0-1-101", someEvents(DAY, 100));
    const id = await aCounted({ events_per_second: 4 });
    await ask("POST", `/${id}/start`);
    await advance(env, id, (await readReplay(env.DB, id))!.run);
    expect((await ask("POST", `/${id}/cancel`)).body.status).toBe("cancelled");
    expect(await drive(id)).toBe("cancelled");
    expect(itemsSent()).toHaveLength(40);
    expect((await ask("POST", `/${id}/resume`)).status).toBe(409);
  });
});

describe("what is refused", () => {
  it.each([
    ["an integration that is not there", { integration_id: "int_none" }, 404],
    ["a range that ends before it begins", { from: RANGE.to, to: RANGE.from }, 400],
    ["a time that is none", { from: "yesterday" }, 400],
    ["a version of the pipelines that is not there", { version: 7 }, 400],
    ["a rate beyond all measure", { events_per_second: 1_000_000 }, 400],
    ["what nobody knows", { dry_run: "maybe" }, 400],
  ])("%s", async (_, given, status) => {
    expect((await ask("POST", "", order(given))).status).toBe(status);
  });

  it("a disabled integration, and a start before the count is whole", async () => {
    const disabled = await publishIntegration({ enabled: false, destination: testVendor.name });
    const url = environment_id;
    environment_id = environmentOf(disabled);
    expect((await ask("POST", "", order({ integration_id: disabled.id }))).status).toBe(409);
    environment_id = url;
    vi.spyOn(Object.getPrototypeOf(env.REPLAYS) as Workflow, "create").mockResolvedValue({} as never);
    const { body } = await ask("POST", "", order());
    expect((await ask("POST", `/${body.id}/start`)).status).toBe(409);
    expect((await ask("POST", "/rpl_none/start")).status).toBe(404);
  });
});
