/** What a vendor's outage does to its own events, and to those of its neighbours on the same lane. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  aDelivery,
  anItem,
  defineTestVendor,
  fakeVendor,
  gateOf,
  publishIntegrations,
  someItems,
} from "../../test/a-delivery.ts";
import { SomeLanes } from "../../test/some-lanes.ts";

beforeEach(() => {
  for (const method of ["error", "warn", "info"] as const) vi.spyOn(console, method).mockImplementation(() => {});
});
afterEach(() => vi.restoreAllMocks());

const LANES = ["delivery-0", "delivery-recovery"];

describe("an outage of sixty seconds (by a clock of the test's own)", () => {
  it.each([
    ["answers 503", () => new Response("down", { status: 503 })],
    ["answers 429 and asks for a while", () => new Response("", { status: 429, headers: { "retry-after": "7" } })],
    ["cuts every connection", () => Promise.reject(new Error("connection reset"))],
  ])(
    "in which the vendor %s loses no event, and none comes twice",
    async (_, answer) => {
      const began = Date.parse("2026-11-20T10:00:00.000Z");
      let now = began;
      vi.spyOn(Date, "now").mockImplementation(() => now);
      const [broken, sound] = await publishIntegrations({ name: "broken", lane: 0 }, { name: "sound", lane: 0 });
      const isDown = () => now >= began + 10_000 && now < began + 70_000;
      const taken: string[] = [];
      let asked = 0;
      fakeVendor(({ ids }) => {
        if (ids[0]!.startsWith("broken") && isDown()) {
          asked++;
          return answer();
        }
        taken.push(...ids);
        return 200;
      });
      const lanes = new SomeLanes(() => now);
      // Ten events a second for each, for 90 seconds: into the outage, through it, and beyond it.
      for (let second = 0; second < 90; second++) {
        const due = began + second * 1_000;
        for (const one of [broken!, sound!]) {
          const items = Array.from({ length: 10 }, (_, i) => anItem({ message_id: `${one.name} ${second} ${i}` }));
          const body = aDelivery(one, { items, first_queued_at: new Date(due).toISOString() });
          lanes.waiting.push({ queue: "delivery-0", body, due });
        }
      }
      let drained = now;
      for (let due = lanes.nextDue; due !== undefined; due = lanes.nextDue) {
        now = Math.max(now, due);
        for (const lane of LANES) await lanes.consume(lane);
        drained = now;
      }
      expect(taken).toHaveLength(1_800);
      expect(new Set(taken).size).toBe(1_800);
      expect(await gateOf(broken!)).toMatchObject({
        received: 900,
        delivered: 900,
        dead_lettered: 0,
        state: "open_for_business",
      });
      expect(await gateOf(sound!)).toMatchObject({ delivered: 900, retried: 0 });
      // No storm while it is down: five requests until the circuit opens, then a probe at a time, later each time.
      expect(asked).toBeLessThanOrEqual(12);
      expect(drained).toBeLessThan(began + 70_000 + 90_000);
    },
    30_000,
  );
});

describe("a neighbour that hangs on the same lane", () => {
  const limits = { eventsPerRequest: 10, requestsPerSecond: 1_000, giveUpAfterHours: 1, timeoutMs: 1_000 };
  const EVENTS = 300;
  const EVERY_MS = 15;
  const ANSWER_MS = 40;

  it("leaves the p95 of a vendor in good health within 1.5 times of what it is alone", async () => {
    const alone = await run({ withDeadNeighbour: false });
    const beside = await run({ withDeadNeighbour: true });
    expect(beside.probes).toBeGreaterThanOrEqual(2);
    expect(beside.p95 / alone.p95, `${beside.p95} ms beside it, ${alone.p95} ms alone`).toBeLessThan(1.5);
    // While the circuit was still closed each request that hung cost the lane a part of the timeout: two requests, two at a time.
    expect(beside.hungBefore).toBeLessThanOrEqual(4);
  }, 60_000);

  /**
   * Milliseconds from the queue to the vendor's answer, on one lane with one consumer, in real time. The neighbour answers at first, then
   * never: what a firewall that drops packets looks like. It is known to be down when the clock starts, and probed twice meanwhile.
   */
  async function run({ withDeadNeighbour }: { withDeadNeighbour: boolean }) {
    let ahead = 0;
    const realNow = Date.now.bind(Date);
    const clock = vi.spyOn(Date, "now").mockImplementation(() => realNow() + ahead);
    const destination = defineTestVendor({ limits });
    const [sound, dead] = await publishIntegrations(
      { name: "sound", lane: 0, destination },
      { name: "dead", lane: 0, destination },
    );
    const queued = new Map<string, number>();
    const took: number[] = [];
    let isDown = false;
    let hung = 0;
    vi.spyOn(globalThis, "fetch").mockImplementation(async (_, init) => {
      const { events } = JSON.parse(init!.body as string) as { events: { id: string }[] };
      if (events[0]!.id.startsWith("dead") && isDown) {
        hung++;
        return new Promise<Response>((_, reject) => {
          init!.signal!.addEventListener("abort", () => reject(init!.signal!.reason));
        });
      }
      await scheduler.wait(ANSWER_MS);
      for (const { id } of events) if (queued.has(id)) took.push(performance.now() - queued.get(id)!);
      return new Response(null, { status: 200 });
    });
    const lanes = new SomeLanes(() => Date.now());
    const addDead = () => lanes.add(aDelivery(dead!, { items: someItems(1, { payload: { id: "dead" } }) }));
    let isOver = false;
    const consumers = LANES.map(async (lane) => {
      while (!isOver) if (!(await lanes.consume(lane))) await scheduler.wait(1);
    });
    addDead();
    await vi.waitFor(async () => expect((await gateOf(dead!)).delivered).toBe(1), 10_000);
    isDown = true;
    for (let i = 0; withDeadNeighbour && (await gateOf(dead!)).state !== "circuit_open" && i < 500; i++) {
      addDead();
      await scheduler.wait(10);
    }
    const hungBefore = hung;
    for (let i = 0; i < EVENTS; i++) {
      queued.set(`sound ${i}`, performance.now());
      lanes.add(aDelivery(sound!, { items: [anItem({ message_id: `sound ${i}` })] }));
      if (withDeadNeighbour) addDead();
      // The pauses of 10 and then 20 seconds are over: somebody is the probe.
      if (i === 50 || i === 180) ahead += 21_000;
      await scheduler.wait(EVERY_MS);
    }
    await vi.waitFor(() => expect(took).toHaveLength(EVENTS), 10_000);
    isOver = true;
    await Promise.all(consumers);
    clock.mockRestore();
    took.sort((a, b) => a - b);
    return { p95: Math.round(took[Math.floor(EVENTS * 0.95)]!), hungBefore, probes: hung - hungBefore };
  }
});
