import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

const HOUR = 3_600_000;
let now: number;

beforeEach(() => {
  now = Date.parse("2026-11-20T10:00:00.000Z");
  vi.spyOn(Date, "now").mockImplementation(() => now);
});
afterEach(() => vi.restoreAllMocks());

let gates = 0;
const newGate = () => env.INTEGRATION_GATE.getByName(`int_gate_${++gates}`);
const failure = (reason: string, message_id = "m") => ({
  at: "2026-11-20T10:00:00.000Z",
  message_id,
  event: "e",
  reason,
});
const failed = (n: number) => ({ requests: n, failed_requests: n, failures: [failure("HTTP 503")] });

describe("the token bucket", () => {
  it("holds one second of the vendor's rate, and refills at it", async () => {
    const gate = newGate();
    expect(await gate.claim(8, 10)).toMatchObject({ granted: 8, retry_in_ms: 0, state: "open_for_business" });
    expect(await gate.claim(5, 10)).toMatchObject({ granted: 2, retry_in_ms: 300, state: "rate_limited" });
    expect(await gate.claim(1, 10)).toMatchObject({ granted: 0, retry_in_ms: 100, state: "rate_limited" });
    now += 500;
    expect(await gate.claim(9, 10)).toMatchObject({ granted: 5 });
    now += HOUR;
    expect(await gate.claim(99, 10)).toMatchObject({ granted: 10, retry_in_ms: 8_900 });
  });

  it("of a vendor that takes less than one request a second holds one", async () => {
    const gate = newGate();
    expect(await gate.claim(2, 0.5)).toMatchObject({ granted: 1, retry_in_ms: 2_000 });
    now += 1_999;
    expect((await gate.claim(1, 0.5)).granted).toBe(0);
    now += 1;
    expect((await gate.claim(1, 0.5)).granted).toBe(1);
  });
});

describe("the circuit", () => {
  it("opens after five failed requests in a row, not counting those that others came between", async () => {
    const gate = newGate();
    await gate.report(failed(4));
    await gate.report({ requests: 3, failed_requests: 2 });
    await gate.report(failed(4));
    expect(await gate.claim(1, 10)).toMatchObject({ granted: 1 });
    await gate.report(failed(1));
    expect(await gate.claim(1, 10)).toMatchObject({ granted: 0, retry_in_ms: 10_000, state: "circuit_open" });
    expect(await gate.stats()).toMatchObject({ state: "circuit_open", reason: "HTTP 503" });
  });

  it("lets one probe through after the pause, whoever asks, and closes when it is answered", async () => {
    const gate = newGate();
    await gate.report(failed(5));
    now += 10_000;
    expect(await gate.claim(7, 10)).toMatchObject({ granted: 1, retry_in_ms: 2_000, state: "circuit_open" });
    expect(await gate.claim(7, 10)).toMatchObject({ granted: 0, retry_in_ms: 2_000, state: "circuit_open" });
    expect((await gate.stats()).state).toBe("circuit_open");
    await gate.report({ requests: 1, failed_requests: 0 });
    expect(await gate.claim(7, 10)).toMatchObject({ granted: 7, state: "open_for_business" });
    expect(await gate.stats()).toMatchObject({ state: "open_for_business", reason: null });
  });

  it("sends another probe where nothing was heard of the first for 30 seconds", async () => {
    const gate = newGate();
    await gate.report(failed(5));
    now += 10_000;
    await gate.claim(1, 10);
    now += 29_999;
    expect((await gate.claim(1, 10)).granted).toBe(0);
    now += 1;
    expect((await gate.claim(1, 10)).granted).toBe(1);
  });

  it("pauses twice as long after each failed probe, at most five minutes, and begins anew after a good one", async () => {
    const gate = newGate();
    const pauses: number[] = [];
    await gate.report(failed(5));
    for (let i = 0; i < 7; i++) {
      const { retry_in_ms } = await gate.claim(1, 10);
      pauses.push(retry_in_ms / 1_000);
      now += retry_in_ms;
      expect((await gate.claim(1, 10)).granted).toBe(1);
      await gate.report(failed(1));
    }
    expect(pauses).toEqual([10, 20, 40, 80, 160, 300, 300]);
    now += 300_000;
    await gate.report({ requests: 1 });
    await gate.report(failed(5));
    expect((await gate.claim(1, 10)).retry_in_ms).toBe(10_000);
  });

  it("is not opened further by requests that were under way when it opened", async () => {
    const gate = newGate();
    for (let i = 0; i < 6; i++) await gate.report(failed(5));
    expect((await gate.claim(1, 10)).retry_in_ms).toBe(10_000);
  });
});

describe("refused credentials", () => {
  it("pause the integration for five minutes, in the vendor's words, until a probe is taken", async () => {
    const gate = newGate();
    await gate.report({ requests: 4, unauthorised: "token expired", failures: [failure("other")] });
    expect(await gate.claim(1, 10)).toMatchObject({ granted: 0, retry_in_ms: 300_000, state: "unauthorised" });
    expect(await gate.stats()).toMatchObject({ state: "unauthorised", reason: "token expired" });
    now += 300_000;
    // Named until it is mended, though the pause is over: nothing was sent meanwhile.
    expect(await gate.stats()).toMatchObject({ state: "unauthorised", reason: "token expired" });
    expect(await gate.claim(2, 10)).toMatchObject({ granted: 1, state: "unauthorised" });
    await gate.report({ requests: 1, unauthorised: "token revoked" });
    expect(await gate.stats()).toMatchObject({ reason: "token revoked", paused_until: "2026-11-20T10:15:00.000Z" });
    now += 600_000;
    await gate.claim(1, 10);
    await gate.report({ requests: 1, delivered: 1 });
    expect(await gate.claim(3, 10)).toMatchObject({ granted: 3, state: "open_for_business" });
  });
});

describe("a refusal that is about one event", () => {
  const refused = { requests: 1, refused_requests: 1, unauthorised: "HTTP 403" };

  it("pauses nothing while others are accepted; five in a row are about the credentials", async () => {
    const gate = newGate();
    await gate.report({ requests: 3, refused_requests: 1, unauthorised: "HTTP 403" });
    for (let i = 0; i < 4; i++) await gate.report(refused);
    expect(await gate.claim(2, 10)).toMatchObject({ granted: 2, state: "open_for_business", accepted_at: now });
    await gate.report(refused);
    expect(await gate.claim(1, 10)).toMatchObject({ granted: 0, retry_in_ms: 300_000, state: "unauthorised" });
  });

  it("pauses at once where nothing was accepted for a minute", async () => {
    const gate = newGate();
    await gate.report({ requests: 1 });
    now += 60_001;
    await gate.report(refused);
    expect(await gate.claim(1, 10)).toMatchObject({ granted: 0, state: "unauthorised" });
  });

  it("lets other events go first when the pause is over, for half a minute", async () => {
    const gate = newGate();
    await gate.report(refused);
    now += 300_000;
    expect(await gate.claim(1, 10, { suspects: true })).toMatchObject({ granted: 0, retry_in_ms: 30_000 });
    expect(await gate.claim(1, 10)).toMatchObject({ granted: 1 });
    await gate.report({ requests: 1 });
    expect(await gate.claim(1, 10, { suspects: true })).toMatchObject({ granted: 1, state: "open_for_business" });
  });
});

describe("a vendor that hangs", () => {
  it("opens the circuit with its second request", async () => {
    const gate = newGate();
    await gate.report({ requests: 1, failed_requests: 1, hung_requests: 1 });
    expect((await gate.stats()).state).toBe("open_for_business");
    await gate.report({ requests: 1, failed_requests: 1, hung_requests: 1 });
    expect((await gate.stats()).state).toBe("circuit_open");
  });

  it("is probed by the recovery queue and by nobody else", async () => {
    const gate = newGate();
    await gate.report(failed(5));
    now += 10_000;
    expect(await gate.claim(1, 10, { may_probe: false })).toMatchObject({ granted: 0, state: "circuit_open" });
    expect(await gate.claim(1, 10, { may_probe: true })).toMatchObject({ granted: 1, state: "circuit_open" });
  });
});

describe("settings that cannot be used", () => {
  it("give the state its name and reason until somebody asks who has better ones", async () => {
    const gate = newGate();
    await gate.report({ blocked: { state: "credentials_missing", reason: "access_token is missing" } });
    expect(await gate.stats()).toMatchObject({ state: "credentials_missing", reason: "access_token is missing" });
    await evictDurableObject(gate);
    expect(await gate.stats()).toMatchObject({ state: "credentials_missing" });
    expect(await gate.claim(1, 10)).toMatchObject({ granted: 1, state: "open_for_business" });
  });
});

describe("failures that spike", () => {
  it("are an alert while they last, said once in the log", async () => {
    const gate = newGate();
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    const over = vi.spyOn(console, "info").mockImplementation(() => {});
    now += 50 * 60_000;
    await gate.report({ delivered: 100 });
    now += 20 * 60_000;
    expect((await gate.stats()).alert).toBeNull();
    await gate.report({ retried: 30, failures: [failure("HTTP 503")] });
    await gate.report({ retried: 30, failures: [failure("HTTP 503")] });
    expect((await gate.stats()).alert).toEqual({
      kind: "delivery_failure_spike",
      failed_share: 1,
      tries: 60,
      before: 0,
    });
    expect(said).toHaveBeenCalledTimes(1);
    now += 16 * 60_000;
    await gate.report({ delivered: 30 });
    expect((await gate.stats()).alert).toBeNull();
    expect(over).toHaveBeenCalledTimes(1);
  });
});

describe("chunks of a replay", () => {
  it("pass once, and again in the same queue message only", async () => {
    const gate = newGate();
    const chunk = (name: string, queue_message: string) => ({ chunk: name, queue_message });
    expect(await gate.knownChunks([chunk("r1/0", "q1"), chunk("r1/1", "q2")])).toEqual([]);
    expect(await gate.knownChunks([chunk("r1/0", "q1"), chunk("r1/0", "q3"), chunk("r2/0", "q4")])).toEqual(["q3"]);
    await evictDurableObject(gate);
    expect(await gate.knownChunks([chunk("r1/1", "q9")])).toEqual(["q9"]);
  });
});

describe("the delivery board", () => {
  const from = Date.parse("2026-11-20T00:00:00.000Z");
  const day = { from, to: from + 24 * HOUR };

  it("tells by hour and by event what came, went, was tried again, was given up, and why", async () => {
    const gate = newGate();
    const order = { received: 3, delivered: 2, retried: 1, dead_lettered: 1, latencies_ms: [100, 3_000] };
    await gate.report({
      delivered: 2,
      retried: 1,
      dead_lettered: 1,
      requests: 2,
      failed_requests: 1,
      answer_ms: [80, 90],
      events: { Order: { ...order, failed: { "no currency": 1 } } },
    });
    await gate.report({ filtered: { no_consent: 4 }, events: { Page: { filtered: { no_consent: 4 } } } });
    now += HOUR;
    await gate.report({ events: { Page: { received: 5, delivered: 5, latencies_ms: [10, 10, 10, 10, 10] } } });

    const byHour = await gate.board({ ...day, by: "hour" });
    expect(byHour.lines).toMatchObject([
      { at: "2026-11-20T10:00:00.000Z", received: 7, delivered: 2, retried: 1, failed: 1, filtered: 4 },
      { at: "2026-11-20T11:00:00.000Z", received: 5, delivered: 5, success_rate: 1 },
    ]);
    expect(byHour.total).toMatchObject({
      received: 12,
      delivered: 7,
      success_rate: 7 / 8,
      requests: 2,
      failed_requests: 1,
    });
    expect(byHour.total.answer_ms.p95).toBeGreaterThan(70);
    expect(byHour.total.answer_ms.p95).toBeLessThan(110);

    const byEvent = await gate.board({ ...day, by: "event" });
    expect(byEvent.lines).toMatchObject([
      { event: "Page", received: 9, filtered: 4, delivered: 5, why: { filtered: { no_consent: 4 } } },
      { event: "Order", received: 3, success_rate: 2 / 3, why: { failed: { "no currency": 1 } } },
    ]);
    const latency = byEvent.lines[1]!.latency_ms;
    expect(latency.p95! / 3_000).toBeGreaterThan(0.8);
    expect(latency.p95! / 3_000).toBeLessThan(1.2);

    const byMinute = await gate.board({ ...day, by: "minute" });
    expect(byMinute.lines.map((line) => [line.received, line.delivered, line.filtered])).toEqual([
      [7, 2, 4],
      [5, 5, 0],
    ]);
    await evictDurableObject(gate);
    expect(await gate.board({ ...day, by: "event" })).toEqual(byEvent);
  });

  it("keeps minutes for the hour under way and the one before", async () => {
    const gate = newGate();
    for (let i = 0; i < 4; i++) {
      await gate.report({ delivered: 1 });
      now += HOUR;
    }
    const { lines } = await gate.board({ ...day, by: "minute" });
    expect(lines.map((line) => "at" in line && line.at.slice(11, 13))).toEqual(["12", "13"]);
  });

  it("counts a hundred names of events in an hour, and the others together", async () => {
    const gate = newGate();
    for (let i = 0; i < 120; i++) await gate.report({ events: { [`e${i}`]: { received: 1, delivered: 1 } } });
    const { lines } = await gate.board({ ...day, by: "event" });
    expect(lines).toHaveLength(101);
    expect(lines[0]).toMatchObject({ event: "(others)", received: 20 });
  });

  it("tells which identifiers the delivered events held, as shares", async () => {
    const gate = newGate();
    await gate.report({ delivered: 3, matched: { of: 3, with: { em: 1, fbp: 3 } } });
    await gate.report({ delivered: 1, matched: { of: 1, with: { em: 1 } } });
    const { match_quality } = await gate.board({ ...day, by: "hour" });
    expect(match_quality).toEqual([{ at: "2026-11-20T10:00:00.000Z", events: 4, with: { em: 0.5, fbp: 0.75 } }]);
  });
});

describe("what it counts", () => {
  it("adds up, and keeps the last fifty failures", async () => {
    const gate = newGate();
    for (let i = 0; i < 30; i++) {
      const failures = [failure("a", `m${i}a`), failure("b", `m${i}b`)];
      await gate.report({ delivered: 2, retried: 1, requests: 2, filtered: { no_consent: 1 }, failures });
    }
    await gate.report({ dead_lettered: 3, filtered: { no_consent: 1, too_old: 4 } });
    const stats = await gate.stats();
    expect(stats).toMatchObject({ delivered: 60, retried: 30, requests: 60, dead_lettered: 3 });
    expect(stats.filtered).toEqual({ no_consent: 31, too_old: 4 });
    expect(stats.failures).toHaveLength(50);
    expect(stats.failures.at(-1)!.message_id).toBe("m29b");
    expect(stats.failures[0]!.message_id).toBe("m5a");
  });

  it("is forgotten after 90 days", async () => {
    const gate = newGate();
    await gate.report({ delivered: 1 });
    now += 24 * HOUR;
    await gate.report({ delivered: 10 });
    now += 89 * 24 * HOUR + HOUR;
    await gate.report({ delivered: 100 });
    expect((await gate.stats()).delivered).toBe(110);
  });

  it("survives an eviction, and so do pause and reason", async () => {
    const gate = newGate();
    await gate.report({ ...failed(5), retried: 5 });
    await gate.report({ requests: 1, unauthorised: "no such key" });
    const before = await gate.stats();
    await evictDurableObject(gate);
    expect(await gate.stats()).toEqual(before);
    expect(await gate.claim(1, 10)).toMatchObject({ granted: 0, state: "unauthorised" });
  });
});
