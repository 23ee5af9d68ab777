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
    expect(await gate.claim(8, 10)).toEqual({ granted: 8, retry_in_ms: 0, state: "open_for_business" });
    expect(await gate.claim(5, 10)).toEqual({ granted: 2, retry_in_ms: 300, state: "rate_limited" });
    expect(await gate.claim(1, 10)).toEqual({ granted: 0, retry_in_ms: 100, state: "rate_limited" });
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
    expect(await gate.claim(1, 10)).toEqual({ granted: 0, retry_in_ms: 10_000, state: "circuit_open" });
    expect(await gate.stats()).toMatchObject({ state: "circuit_open", reason: "HTTP 503" });
  });

  it("lets one probe through after the pause, whoever asks, and closes when it is answered", async () => {
    const gate = newGate();
    await gate.report(failed(5));
    now += 10_000;
    expect(await gate.claim(7, 10)).toEqual({ granted: 1, retry_in_ms: 2_000, state: "circuit_open" });
    expect(await gate.claim(7, 10)).toEqual({ granted: 0, retry_in_ms: 2_000, state: "circuit_open" });
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
    expect(await gate.claim(1, 10)).toEqual({ granted: 0, retry_in_ms: 300_000, state: "unauthorised" });
    expect(await gate.stats()).toMatchObject({ state: "unauthorised", reason: "token expired" });
    now += 300_000;
    // Named until it is mended, though the pause is over: nothing was sent meanwhile.
    expect(await gate.stats()).toMatchObject({ state: "unauthorised", reason: "token expired" });
    expect(await gate.claim(2, 10)).toMatchObject({ granted: 1, state: "unauthorised" });
    await gate.report({ requests: 1, unauthorised: "token revoked" });
    expect(await gate.stats()).toMatchObject({ reason: "token revoked" });
    now += 300_000;
    await gate.claim(1, 10);
    await gate.report({ requests: 1, delivered: 1 });
    expect(await gate.claim(3, 10)).toMatchObject({ granted: 3, state: "open_for_business" });
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
