import { describe, expect, it } from "vitest";
import { anEvent } from "../test/an-event.ts";
import { columnsOf, EVENT_COLUMNS, type PropertyColumns, propertyColumns, rowOf } from "./event-row.ts";

it("holds what an event says, under columns that are all in the table", () => {
  const own: PropertyColumns = { plan: "string" };
  const row = rowOf(anEvent({ message_id: "m1", user_id: "u1", properties: { plan: "pro", revenue: 5 } }), own);
  expect(row).toMatchObject({
    message_id: "m1",
    user_id: "u1",
    plan: "pro",
    revenue: 5,
    properties: { plan: "pro", revenue: 5 },
  });
  const names = columnsOf(own).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const name of Object.keys(row)) expect(names).toContain(name);
  expect(JSON.parse(JSON.stringify(row))).toEqual(row);
});

it("never loses or retypes a column: tables of customers have them", () => {
  expect(EVENT_COLUMNS.map(({ name, type }) => `${name} ${type}`).join(", ")).toBe(
    "received_at timestamp, timestamp timestamp, message_id string, type string, event string, anonymous_id string, " +
      "user_id string, session_id string, session_number integer, page_url string, page_referrer string, utm_source string, " +
      "utm_medium string, utm_campaign string, country string, city string, device_type string, browser string, os string, " +
      "revenue number, currency string, group_id string, properties json, traits json, context json",
  );
});

describe("a column of the customer's own", () => {
  it.each<[PropertyColumns[string], unknown, unknown]>([
    ["string", " pro ", "pro"],
    ["string", 7, "7"],
    ["string", false, "false"],
    ["string", { a: 1 }, undefined],
    ["number", "1.5", 1.5],
    ["number", "1,5", undefined],
    ["integer", 3, 3],
    ["integer", 3.5, undefined],
    ["boolean", true, true],
    ["boolean", "yes", undefined],
    ["timestamp", "2026-11-20", "2026-11-20T00:00:00.000Z"],
    ["timestamp", "2026-11-20T10:00:00+02:00", "2026-11-20T08:00:00.000Z"],
    ["timestamp", "soon", undefined],
    ["json", [1, { a: null }], [1, { a: null }]],
    ["json", null, undefined],
  ])("of type %s makes %j %j", (type, value, expected) => {
    const row = rowOf(anEvent({ properties: { own: value } }), { own: type });
    expect(row.own).toEqual(expected);
    expect(row.properties).toEqual({ own: value });
  });

  it.each(["message_id", "properties", "Plan", "1st", "a b", 'x"; drop', ""])("cannot be named %j", (name) => {
    expect(propertyColumns.safeParse({ [name]: "string" }).success).toBe(false);
  });
});
