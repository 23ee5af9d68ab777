/** The promise of the door under bad luck: what was answered 200 is in the queue or in R2, whatever fails in between. */
import { env } from "cloudflare:workers";
import { expect, it, vi } from "vitest";
import { aDoor } from "../../test/a-door.ts";
import { drainSpill } from "./enqueue.ts";

const REQUESTS = 1_000;
const AT_ONCE = 50;

/** Numbers in [0, 1), the same ones in every run. */
function luck(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

it("loses no accepted event while the queue fails one time in ten and hangs one in a hundred, and R2 fails one in five", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const random = luck(20_261_121);
  const queued: string[] = [];
  const faults = { failed: 0, hung: 0, hungAfterSending: 0, notSpilled: 0 };
  const queue = {
    send: async (text: string) => {
      const chance = random();
      if (chance < 0.1) {
        faults.failed++;
        throw new Error("the queue fails");
      }
      if (chance < 0.11) {
        faults.hung++;
        // Half of those that hang have taken the message all the same.
        if (random() < 0.5) {
          faults.hungAfterSending++;
          queued.push(text);
        }
        await new Promise(() => {});
      }
      queued.push(text);
    },
  } as unknown as Queue;
  const lake = new Proxy(env.LAKE, {
    get: (bucket, name) =>
      name === "put" && random() < 0.2
        ? () => {
            faults.notSpilled++;
            return Promise.reject(new Error("R2 fails"));
          }
        : (Reflect.get(bucket, name) as (...args: unknown[]) => unknown).bind(bucket),
  });
  const door = await aDoor({}, { RAW_EVENTS: queue, LAKE: lake });
  for (const { key } of (await env.LAKE.list({ prefix: "spill/" })).objects) await env.LAKE.delete(key);

  const accepted = new Set<string>();
  const statuses: Record<number, number> = {};
  const send = async (i: number) => {
    // One request in ten is so large that it makes several queue messages: all of it must be safe, or none of it accepted.
    const events = Array.from({ length: i % 10 ? 1 : 5 }, (_, k) => ({
      type: "track",
      event: "x",
      message_id: `fault-${i}-${k}`,
      properties: { text: "x".repeat(i % 10 ? 10 : 30_000) },
    }));
    const response = await door.post("/v1/batch", { batch: events });
    statuses[response.status] = (statuses[response.status] ?? 0) + 1;
    await response.body?.cancel();
    if (response.status === 200) for (const { message_id } of events) accepted.add(message_id);
  };
  for (let i = 0; i < REQUESTS; i += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, k) => send(i + k)));
  }

  const drained: string[] = [];
  const healthy = { send: async (text: string) => void drained.push(text) } as unknown as Queue;
  while ((await drainSpill({ LAKE: env.LAKE, RAW_EVENTS: healthy })) > 0);
  const idsIn = (texts: string[]) =>
    texts.flatMap((text) => (JSON.parse(text) as { events: { message_id: string }[] }).events.map((e) => e.message_id));
  const safe = new Set([...idsIn(queued), ...idsIn(drained)]);
  expect([...accepted].filter((id) => !safe.has(id))).toEqual([]);

  // The luck was bad enough to mean something: every kind of fault struck, and the spill was needed.
  expect(Object.keys(statuses)).toEqual(["200", "503"]);
  expect(accepted.size).toBeGreaterThan(REQUESTS);
  expect(drained.length).toBeGreaterThan(5);
  for (const struck of Object.values(faults)) expect(struck).toBeGreaterThan(0);
  vi.restoreAllMocks();
}, 120_000);
