import { expect, it } from "vitest";
import * as z from "zod";
import { anEvent } from "../../test/an-event.ts";
import { chosenEvents, standardEvents } from "./event-names.ts";

const nameOf = standardEvents<string>({ "Order Completed": "PURCHASE" }, { page: "PAGE_VIEW" });

it.each([
  ["a track by its name, however written", { event: " order completed" }, undefined, "PURCHASE"],
  ["a page by its type", { type: "page" as const }, undefined, "PAGE_VIEW"],
  ["not a track that is called page", { event: "page" }, undefined, undefined],
  ["not an unknown event", { event: "Quiz finished" }, undefined, undefined],
  ["what the customer chose", { event: "Quiz finished" }, { "Quiz finished": "LEAD" }, "LEAD"],
  ["the customer's choice before the standard", { event: "Order Completed" }, { "Order Completed": "LEAD" }, "LEAD"],
  ["the customer's choice for a type", { type: "identify" as const }, { identify: "SIGN_UP" }, "SIGN_UP"],
  ["nothing that JavaScript gives to every object", { event: "constructor" }, {}, undefined],
])("names %s", (_, event, chosen, name) => {
  expect(nameOf(anEvent(event), chosen as Record<string, string> | undefined)).toBe(name);
});

it("takes no name that the vendor does not know", () => {
  const setting = chosenEvents(z.enum(["PURCHASE"]));
  expect(setting.safeParse({ "Order Completed": "PURCHASE" }).success).toBe(true);
  expect(setting.safeParse({ "Order Completed": "BUY" }).success).toBe(false);
  expect(setting.safeParse(undefined).success).toBe(true);
});
