import { expect, it } from "vitest";
import { laneOf } from "./lane.ts";
import { LANES } from "./queue-messages.ts";

it("is the one that an integration is pinned to", () => {
  expect([0, 1, 2, 3].map((lane) => laneOf({ id: "int_ga4", lane }))).toEqual([0, 1, 2, 3]);
});

it("is else by hash of the id: always the same, and spread over all of them", () => {
  const lanes = Array.from({ length: 400 }, (_, i) => laneOf({ id: `int_${i}` }));
  expect(lanes).toEqual(Array.from({ length: 400 }, (_, i) => laneOf({ id: `int_${i}` })));
  for (let lane = 0; lane < LANES; lane++) {
    expect(lanes.filter((one) => one === lane).length).toBeGreaterThan(70);
  }
});
