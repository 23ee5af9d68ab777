import { expect, it } from "vitest";
import { isConfusable, skeleton } from "./look-alikes.ts";

it.each<[string, string, boolean]>([
  ["admin", "admin", false],
  ["аdmin", "admin", true],
  ["сосо", "coco", true],
  ["ΑΒΕ", "ABE", true],
  ["ada\u200bl", "adal", true],
  ["и\u00adван", "ив\u0061н", true],
  ["paypal-иван", "paypal-ив\u0061н", true],
  ["иван", "ив\u0061н", false],
  ["josé", "josé", false],
  ["山田", "山田", false],
  ["", "", false],
])("of %j the skeleton is %j, confusable: %s", (written, seen, confusable) => {
  expect(skeleton(written)).toBe(seen);
  expect(isConfusable(written)).toBe(confusable);
});
