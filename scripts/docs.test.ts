import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { event as eventSchema } from "../core/event.ts";
import { STANDARD_EVENTS, sampleEvent } from "../core/standard-events.ts";
import { ga4 } from "../workers/delivery/destinations/ga4.ts";
import { destinations } from "../workers/delivery/destinations/index.ts";
import { meta } from "../workers/delivery/destinations/meta.ts";
import { eventMap, vendorName } from "./docs/event-map.ts";

describe("docs/event-map.md", () => {
  it("is current: npm run docs", async () => {
    expect(await readFile(resolve(import.meta.dirname, "../docs/event-map.md"), "utf8")).toBe(eventMap());
  });

  it("has every destination of the registry, and every standard event", () => {
    const [head, , ...rows] = eventMap()
      .split("\n")
      .filter((line) => line.startsWith("|"));
    for (const { title } of Object.values(destinations)) expect(head).toContain(` ${title} `);
    expect(rows.slice(0, 28).map((line) => line.split("|")[1]!.trim())).toEqual(Object.keys(STANDARD_EVENTS));
  });
});

describe("standard events", () => {
  it("are the 28 of the spec, each a valid event", () => {
    expect(Object.keys(STANDARD_EVENTS)).toHaveLength(28);
    for (const [name, properties] of Object.entries(STANDARD_EVENTS))
      expect(eventSchema.safeParse(sampleEvent("track", name, properties)).error).toBeUndefined();
  });

  it.each([
    [ga4, "Order Completed", "`purchase`"],
    [ga4, "Coupon Denied", "`Coupon_Denied`"],
    [meta, "Order Completed", "`Purchase`"],
    [meta, "Coupon Denied", "sent"],
  ])("%o calls %s %s", (destination, name, called) => {
    expect(vendorName(destination, sampleEvent("track", name, STANDARD_EVENTS[name]))).toBe(called);
  });
});
