import { expect, it } from "vitest";
import { clickIdsOf } from "./click-ids.ts";

it.each<[string, unknown, Record<string, string>]>([
  ["as our script carries them", { click_ids: { gclid: "G1", fbclid: "F1" } }, { gclid: "G1", fbclid: "F1" }],
  ["in the query of the page", { page: { search: "?utm_source=x&fbclid=IwAR0abc&y=1" } }, { fbclid: "IwAR0abc" }],
  ["in the address of the page", { page: { url: "https://shop.example/?ScCid=s1#fbclid=no" } }, { ScCid: "s1" }],
  [
    "with the carried one first",
    { click_ids: { gclid: "G1" }, page: { search: "?gclid=G2&ttclid=T2" } },
    { gclid: "G1", ttclid: "T2" },
  ],
  ["decoded", { page: { search: "?ttclid=E.C.P.a%2Db" } }, { ttclid: "E.C.P.a-b" }],
  ["where there are none", { page: { search: "?notgclid=1&q=gclid", url: "https://shop.example/gclid=1" } }, {}],
  ["of other names", { click_ids: { mine: "1", constructor: "2" } }, {}],
  ["that are no text", { click_ids: { gclid: { a: 1 }, fbclid: ["x"] } }, {}],
  ["where the context is none", null, {}],
  ["where its parts are none", { click_ids: "gclid", page: [1] }, {}],
])("finds click ids %s", (_, context, expected) => {
  expect(clickIdsOf(context)).toEqual(expected);
});
