import { expect, it } from "vitest";
import { anEvent } from "../../test/an-event.ts";
import { clickOf, isLimited, visitOf } from "./visit.ts";

it("knows pages by addresses of http only", () => {
  const context = { ip: "203.0.113.7", page: { url: "HTTPS://shop.example/", referrer: "android-app://com.example" } };
  expect(visitOf(anEvent({ context }))).toEqual({
    url: "HTTPS://shop.example/",
    referrer: undefined,
    ip: "203.0.113.7",
    user_agent: undefined,
  });
});

it.each([
  ["of this visit", { click_ids: { ttclid: "new" }, vendor_ids: { ttclid: "old" } }, "new"],
  ["in the page's address", { page: { url: "https://shop.example/?ttclid=new" } }, "new"],
  ["in the cookie", { vendor_ids: { ttclid: "old" } }, "old"],
  ["that nobody made", {}, undefined],
])("finds the click %s", (_, context, found) => {
  expect(clickOf(anEvent({ context }), "ttclid")).toBe(found);
});

it.each([
  ["by the customer's rule", {}, true, true],
  ["by a person who wants no personal ads", { ad_personalization: "denied" as const }, undefined, true],
  ["by a person whose data are not to be shared", { ad_user_data: "denied" as const }, false, true],
  ["by nobody", { ad_user_data: "granted" as const, ad_personalization: "granted" as const }, undefined, false],
])("is limited %s", (_, consent, everybody, limited) => {
  expect(isLimited(anEvent({ context: { consent } }), everybody)).toBe(limited);
});
