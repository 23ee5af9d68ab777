import { describe, expect, it } from "vitest";
import { type CountedShape, monthlyBill } from "./monthly-bill.ts";
import { type Operation, type Operations, PRICES } from "./prices.ts";

/** As if every operation took 2 a thousand events, 3 a thousand requests and 4 a thousand events and destination. */
function counted(events_a_request: number, integrations: 1 | 2 | 3): CountedShape {
  const count = 1_000 * (2 + 3 / events_a_request + 4 * integrations);
  const operations = Object.fromEntries((Object.keys(PRICES) as Operation[]).map((name) => [name, count]));
  return {
    events_a_request,
    integrations,
    lake_bytes_per_event: 100,
    operations_per_million_events: operations as Operations,
  };
}
const shapes = [counted(10, 3), counted(5, 3), counted(10, 1)];

describe("the bill of a month", () => {
  it("takes apart what requests, events and destinations need, and adds it up for another mix", () => {
    const lines = monthlyBill(shapes, { events: 1e9, destinations: 6, events_a_request: 2, months_kept: 1 });
    for (const { name, count } of lines) {
      if (name in PRICES) expect(count).toBe(1e6 * (2 + 3 / 2 + 4 * 6));
    }
  });

  it("leaves out what the plan includes", () => {
    const lines = monthlyBill(shapes, { events: 1e9, destinations: 1, events_a_request: 10, months_kept: 1 });
    const queue = lines.find(({ name }) => name === "queue_operations")!;
    expect(queue.count).toBe(6_300_000);
    expect(queue.dollars).toBeCloseTo((5_300_000 * 0.4) / 1e6, 10);
    expect(lines.find(({ name }) => name === "rows_written")!.dollars).toBe(0);
  });

  it("counts every month that the lake keeps", () => {
    const lines = monthlyBill(shapes, { events: 1e9, destinations: 1, events_a_request: 10, months_kept: 12 });
    const lake = lines.find(({ name }) => name === "lake_storage_gb")!;
    expect(lake.count).toBe(1_200);
    expect(lake.dollars).toBeCloseTo(1_190 * 0.015, 10);
  });

  it("says which run is missing", () => {
    expect(() =>
      monthlyBill([counted(10, 3)], { events: 1, destinations: 1, events_a_request: 1, months_kept: 1 }),
    ).toThrow("no run with 5 events a request and 3 destinations was counted");
  });
});
