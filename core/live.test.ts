import { describe, expect, it } from "vitest";
import { anEvent } from "../test/an-event.ts";
import { type LiveItem, liveFilter, matches } from "./live.ts";

const event = anEvent({ message_id: "m1", type: "page", user_id: "u1", anonymous_id: "a1" });
const facts = { source_id: "src_a", type: "page", anonymous_id: "a1", user_id: "u1" };
const factsOf = (id: string) => (id === "m1" ? facts : undefined);
const integrations = [{ integration_id: "int_a", integration: "A", outcome: "queued" as const }];
const receipt = { configuration: 1, shard: "s0", steps: [], integrations };
const received: LiveItem = { kind: "received", source_id: "src_a", event };
const processed: LiveItem = { kind: "processed", source_id: "src_a", received: event, event, receipt };
const deliveryOf = (message_id: string): LiveItem => ({
  kind: "delivered",
  integration_id: "int_a",
  integration: "A",
  at: "2026-11-20T10:00:00.000Z",
  attempt: 1,
  events: [{ message_id, event: "page", received_at: "2026-11-20T10:00:00.000Z", outcome: "delivered" }],
  request: { url: "https://a.example", method: "POST", body: "" },
  response: { status: 200, body: "", ms: 1 },
});

describe("a filter", () => {
  it.each([
    ["source_id", "src_a", "src_b"],
    ["type", "page", "track"],
    ["user", "u1", "u2"],
    ["user", "a1", "a2"],
  ])("of %s keeps what is of %s, through all three stages, and not %s", (name, own, other) => {
    for (const item of [received, processed, deliveryOf("m1")]) {
      expect(matches(item, { [name]: own }, factsOf)).toBe(true);
      expect(matches(item, { [name]: other }, factsOf)).toBe(false);
    }
  });

  it("of an integration keeps what goes there; where a received event goes nobody knows", () => {
    const shown = (integration_id: string) =>
      [received, processed, deliveryOf("m1")].map((item) => matches(item, { integration_id }, factsOf));
    expect(shown("int_a")).toEqual([false, true, true]);
    expect(shown("int_b")).toEqual([false, false, false]);
  });

  it("keeps what matches all of it, and what is about the stream itself", () => {
    expect(matches(processed, { type: "page", user: "u2" }, factsOf)).toBe(false);
    expect(matches({ kind: "sampled", left_out: 1 }, { type: "track" }, factsOf)).toBe(true);
  });

  it("does not guess whose a delivery is that is no longer remembered", () => {
    expect(matches(deliveryOf("m2"), { user: "u1" }, factsOf)).toBe(false);
    expect(matches(deliveryOf("m2"), { integration_id: "int_a" }, factsOf)).toBe(true);
  });

  it("with a name that is none is refused", () => {
    expect(liveFilter.safeParse({ sauce_id: "x" }).success).toBe(false);
  });
});
