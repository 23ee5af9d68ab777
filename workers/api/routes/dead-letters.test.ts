import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Purpose } from "../../../core/consent.ts";
import { laneOf } from "../../../core/lane.ts";
import type { DeliveryMessage, RawMessage } from "../../../core/queue-messages.ts";
import { aDelivery, anItem, environmentOf, publishIntegration } from "../../../test/a-delivery.ts";
import { anEvent } from "../../../test/an-event.ts";
import { bury, type DeadLetter } from "../../dead-letters.ts";
import { api } from "../index.ts";

let environment_id: string;
let integration_id: string;
beforeAll(async () => {
  const integration = await publishIntegration();
  integration_id = integration.id;
  environment_id = environmentOf(integration);
});
beforeEach(() => env.DB.exec("DELETE FROM dead_letters"));
afterEach(() => vi.restoreAllMocks());

const aLetter = (given: Partial<DeadLetter> = {}): DeadLetter => ({
  environment_id,
  stage: "delivery",
  integration_id: "int_1",
  message_id: "m1",
  event: "Order Completed",
  reason: "rejected",
  detail: "no currency",
  attempts: 3,
  payload: { value: 1 },
  ...given,
});

type Row = Record<string, unknown> & { id: string; message_id: string };

async function get(path: string, query: Record<string, string> = {}) {
  const url = `/api/v1/dead-letters${path}?${new URLSearchParams({ environment_id, ...query })}`;
  const response = await api.request(url, { headers: { authorization: "Bearer test-admin-token" } }, env);
  return { status: response.status, body: await response.json<Row & { dead_letters: Row[]; error: unknown }>() };
}

/** Each at a moment of its own, the last one last. */
async function buryMany(...deliveries: [origin: string, letters: DeadLetter[]][]) {
  let now = Date.parse("2026-11-20T10:00:00.000Z");
  for (const [origin, letters] of deliveries) {
    vi.useFakeTimers({ now: ++now, toFake: ["Date"] });
    await bury(env, origin, letters);
    vi.useRealTimers();
  }
}

describe("the list", () => {
  it("has the newest first, of one environment", async () => {
    await buryMany(
      ["q1", [aLetter({ message_id: "old" })]],
      ["q2", [aLetter({ message_id: "new" })]],
      ["q3", [aLetter({ message_id: "elsewhere", environment_id: "env_other" })]],
    );
    const { status, body } = await get("");
    expect(status).toBe(200);
    expect(body.dead_letters.map((row) => row.message_id)).toEqual(["new", "old"]);
    expect(body.dead_letters[0]).toMatchObject({
      environment_id,
      stage: "delivery",
      integration_id: "int_1",
      event: "Order Completed",
      reason: "rejected",
      detail: "no currency",
      attempts: 3,
    });
  });

  it("shows those that name no environment, for else nobody would learn of them", async () => {
    await bury(env, "q1", [aLetter({ environment_id: "unknown", reason: "unreadable_message" })]);
    expect((await get("")).body.dead_letters).toMatchObject([{ environment_id: "unknown" }]);
  });

  it("can be of one integration", async () => {
    await buryMany(["q1", [aLetter(), aLetter({ integration_id: "int_2", message_id: "m2" })]]);
    const { body } = await get("", { integration_id: "int_2" });
    expect(body.dead_letters.map((row) => row.message_id)).toEqual(["m2"]);
  });

  it.each([1, 2, 3, 7, 500])(
    "shows each of them once in pages of %i, though many died at the same time",
    async (limit) => {
      const seven = Array.from({ length: 7 }, (_, i) => `m${i}`);
      const letters = seven.map((message_id) => aLetter({ message_id }));
      await buryMany(["q1", letters.slice(0, 5)], ["q2", letters.slice(5)]);
      const seen: string[] = [];
      let before: string | undefined;
      for (let pages = 0; pages < 10; pages++) {
        const { body } = await get("", { limit: String(limit), ...(before && { before }) });
        seen.push(...body.dead_letters.map((row) => row.message_id));
        before = body.dead_letters.at(-1)?.id;
        if (body.dead_letters.length < limit) break;
      }
      expect([...seen].sort()).toEqual(seven);
      expect(seen.slice(0, 2).sort()).toEqual(["m5", "m6"]);
    },
  );

  it.each([{ limit: "0" }, { limit: "501" }, { limit: "many" }])("refuses %o", async (query) => {
    expect(await get("", query)).toMatchObject({ status: 400, body: { error: { code: "invalid_request" } } });
  });

  it("of an environment that is not there is not empty but not found", async () => {
    expect(await get("", { environment_id: "env_nowhere" })).toMatchObject({ status: 404 });
  });
});

describe("a letter", () => {
  it("is shown with its own payload and its whole detail", async () => {
    const detail = "why ".repeat(500);
    await bury(env, "q1", [aLetter(), aLetter({ message_id: "m2", payload: { value: "mine" }, detail })]);
    const { body } = await get("");
    const id = body.dead_letters.find((row) => row.message_id === "m2")!.id;
    const letter = await get(`/${id}`);
    expect(letter.status).toBe(200);
    expect(letter.body).toMatchObject({ id, message_id: "m2", payload: { value: "mine" }, detail, attempts: 3 });
    expect(letter.body).toHaveProperty("dead_at");
  });

  it.each(["not in the index", "gone from the bucket"])("that is %s is not found", async (where) => {
    await bury(env, "q1", [aLetter()]);
    const [row] = (await get("")).body.dead_letters;
    if (where === "gone from the bucket") await env.LAKE.delete(row!.r2_key as string);
    const { status, body } = await get(`/${where === "not in the index" ? "nobody" : row!.id}`);
    expect([status, body.error]).toMatchObject([404, { code: "not_found" }]);
  });
});

describe("filters", () => {
  it.each<[Record<string, string>, string[]]>([
    [{ reason: "gave_up" }, ["m2"]],
    [{ event: "Signed Up" }, ["m3"]],
    [{ stage: "processor" }, ["m3"]],
    [{ message_id: "m1" }, ["m1"]],
    [{ from: "2026-11-20T10:00:00.002Z" }, ["m3", "m2"]],
    [{ to: "2026-11-20T10:00:00.002Z" }, ["m1"]],
    [{ reason: "rejected", event: "Order Completed" }, ["m1"]],
    [{ retried: "yes" }, []],
    [{ retried: "no" }, ["m3", "m2", "m1"]],
  ])("%o", async (given, ids) => {
    await buryMany(
      ["q1", [aLetter()]],
      ["q2", [aLetter({ message_id: "m2", reason: "gave_up" })]],
      ["q3", [aLetter({ message_id: "m3", reason: "too_old", event: "Signed Up", stage: "processor" })]],
    );
    expect((await get("", given)).body.dead_letters.map((row) => row.message_id)).toEqual(ids);
  });
});

describe("what people do with them", () => {
  const sent: { queue: string; body: DeliveryMessage & RawMessage }[] = [];
  const api_env = () => {
    sent.length = 0;
    const queues = ["DELIVERY_0", "DELIVERY_1", "DELIVERY_2", "DELIVERY_3", "RAW_EVENTS"].map((queue) => {
      const send = async (text: string) => sent.push({ queue, body: JSON.parse(text) });
      return [queue, { send }];
    });
    return { ...env, ...Object.fromEntries(queues) };
  };
  async function ask(method: string, path: string, body?: unknown) {
    const url = `/api/v1/dead-letters${path}?${new URLSearchParams({ environment_id })}`;
    const headers = { authorization: "Bearer test-admin-token" };
    const response = await api.request(
      url,
      { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) },
      api_env(),
    );
    return { status: response.status, body: await response.json<Record<string, unknown>>() };
  }
  const aDeliveryLetter = (message_id: string, given: Partial<DeadLetter> = {}) =>
    aLetter({ integration_id, message_id, payload: anItem({ message_id }), ...given });
  const idOf = async (message_id: string) => (await get("", { message_id })).body.dead_letters[0]!.id;

  it("one goes back to its lane with all its attempts before it, and is listed as retried", async () => {
    await buryMany(["q1", [aDeliveryLetter("m1"), aDeliveryLetter("m2")]]);
    expect(await ask("POST", `/${await idOf("m1")}/retry`)).toEqual({ status: 200, body: { retried: 1 } });
    expect(sent).toMatchObject([{ body: { attempt: 1, integration_id, items: [{ message_id: "m1" }] } }]);
    expect(sent[0]!.queue).toBe(`DELIVERY_${laneOf({ id: integration_id })}`);
    expect((await get("", { retried: "yes" })).body.dead_letters.map((row) => row.message_id)).toEqual(["m1"]);
  });

  it("an edited payload is what is sent; the message_id stays", async () => {
    await buryMany(["q1", [aDeliveryLetter("m1"), aDeliveryLetter("m2")]]);
    const id = await idOf("m1");
    const about = { message_id: "m1", user_id: "u1", versions: ["pip_meta@7"] };
    const payload = anItem({ ...about, payload: { id: "m1", text: "mended" } });
    expect((await ask("PATCH", `/${id}`, { payload: { ...payload, message_id: "other" } })).status).toBe(400);
    expect((await ask("PATCH", `/${id}`, { payload: { text: "no item" } })).status).toBe(400);
    expect(await ask("PATCH", `/${id}`, { payload })).toMatchObject({ status: 200, body: { payload } });
    expect((await get(`/${id}`)).body).toMatchObject({ payload, edited_at: expect.any(String) });
    expect((await get(`/${await idOf("m2")}`)).body.payload).toMatchObject({ message_id: "m2" });
    await ask("POST", `/${id}/retry`);
    expect(sent[0]!.body.items).toEqual([payload]);
  });

  it("all of a filter go together, up to forty in a message, and once", async () => {
    const many = Array.from({ length: 95 }, (_, i) => aDeliveryLetter(`m${i}`));
    await buryMany(
      ["q1", many.slice(0, 50)],
      ["q2", many.slice(50)],
      ["q3", [aDeliveryLetter("x", { reason: "gave_up" })]],
    );
    expect(await ask("POST", "/retry", { reason: "rejected" })).toEqual({
      status: 200,
      body: { retried: 95, failed: [], left: 0 },
    });
    expect(sent.map(({ body }) => body.items.length)).toEqual([40, 40, 15]);
    expect((await ask("POST", "/retry", { reason: "rejected" })).body).toMatchObject({ retried: 0, left: 0 });
    expect((await get("", { retried: "no" })).body.dead_letters.map((row) => row.message_id)).toEqual(["x"]);
  });

  it("what could not be mapped is mapped anew; what could not be read goes the whole way again", async () => {
    const context = { purposes: ["functional", "analytics"] as Purpose[] };
    const event = anEvent({ message_id: "m1", user_id: "u1", context });
    await buryMany(
      [
        "q1",
        [aLetter({ integration_id, stage: "processor", reason: "mapping_failed", source_id: "src", payload: event })],
      ],
      [
        "q2",
        [
          {
            ...withoutIntegration(aLetter({ message_id: "m2", stage: "processor", reason: "invalid_event" })),
            source_id: "src",
          },
        ],
      ],
      ["q3", [{ ...withoutIntegration(aLetter({ message_id: "m3", stage: "processor", reason: "invalid_event" })) }]],
    );
    const { body } = await ask("POST", "/retry", { all: true });
    expect(body).toMatchObject({
      retried: 2,
      failed: [{ reason: "it is not known which source it came from" }],
      left: 1,
    });
    expect(sent).toMatchObject([
      { queue: "RAW_EVENTS", body: { environment_id, source_id: "src", events: [{ value: 1 }] } },
      { body: { integration_id, items: [{ message_id: "m1", user_id: "u1", payload: { id: "unused" } }] } },
    ]);
  });

  it("a queue's own letters go back to their queue", async () => {
    const message = aDelivery({ id: integration_id }, { attempt: 7 });
    await buryMany(
      ["q1", [aLetter({ stage: "queue", reason: "queue_gave_up", payload: JSON.stringify(message) })]],
      ["q2", [aLetter({ stage: "queue", reason: "queue_gave_up", payload: "hello {" })]],
    );
    expect((await ask("POST", "/retry", { stage: "queue" })).body).toMatchObject({
      retried: 1,
      failed: [{ reason: "it is not a message that anybody could read" }],
    });
    expect(sent).toMatchObject([{ body: { attempt: 1, items: message.items } }]);
  });

  it("are deleted with what they hold, one or by filter; the others of their message stay", async () => {
    await buryMany(["q1", [aDeliveryLetter("m1"), aDeliveryLetter("m2")]], ["q2", [aDeliveryLetter("m3")]]);
    const { r2_key } = (await get("", { message_id: "m1" })).body.dead_letters[0] as Row & { r2_key: string };
    expect((await ask("DELETE", `/${await idOf("m1")}`)).body).toEqual({ deleted: 1 });
    expect((await (await env.LAKE.get(r2_key))!.json<{ letters: object[] }>()).letters).toMatchObject([
      { message_id: "m2" },
    ]);
    expect((await ask("POST", "/delete", {})).status).toBe(400);
    expect((await ask("POST", "/delete", { all: true })).body).toEqual({ deleted: 2, left: 0 });
    expect(await env.LAKE.get(r2_key)).toBeNull();
  });

  it.each([
    ["GET", "/none"],
    ["PATCH", "/none"],
    ["POST", "/none/retry"],
    ["DELETE", "/none"],
  ])("%s %s is not found", async (method, path) => {
    expect((await ask(method, path, method === "PATCH" ? { payload: 1 } : undefined)).status).toBe(404);
  });
});

function withoutIntegration({ integration_id: _, ...letter }: DeadLetter): DeadLetter {
  return letter;
}
