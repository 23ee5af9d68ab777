import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { environmentOf, publishIntegration } from "../../../test/a-delivery.ts";
import { bury, type DeadLetter } from "../../dead-letters.ts";
import { api } from "../index.ts";

let environment_id: string;
beforeAll(async () => {
  environment_id = environmentOf(await publishIntegration());
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
