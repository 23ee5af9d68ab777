import { describe, expect, it } from "vitest";
import { bucketsOf, comparisonOf, type Interval, startOfDate, Zone } from "./time-buckets.ts";

const DAY = 86_400_000;

function starts(timeZone: string, from: string, days: number, interval: Interval, weekStart = 1) {
  const near = Date.parse(from);
  const zone = new Zone(timeZone, near - 400 * DAY, near + (days + 2) * DAY);
  const range = { from: startOfDate(from, zone), to: startOfDate(from, zone, days) };
  return bucketsOf(range, interval, zone, weekStart).map((bucket) => zone.iso(bucket.from));
}

describe("days and hours of a time zone", () => {
  it.each([
    ["Asia/Kolkata", "2026-03-01", "2026-03-01T00:00:00+05:30", 24],
    ["Asia/Kathmandu", "2026-03-01", "2026-03-01T00:00:00+05:45", 24],
    ["America/New_York", "2026-03-08", "2026-03-08T00:00:00-05:00", 23],
    ["America/New_York", "2026-11-01", "2026-11-01T00:00:00-04:00", 25],
    // The clock goes back by half an hour at 2, and forward by half an hour.
    ["Australia/Lord_Howe", "2026-04-05", "2026-04-05T00:00:00+11:00", 25],
    ["Australia/Lord_Howe", "2026-10-04", "2026-10-04T00:00:00+10:30", 24],
    // At midnight, so that the day begins at 1.
    ["America/Santiago", "2026-09-06", "2026-09-06T01:00:00-03:00", 23],
  ])("%s on %s begins %s and has %i hours", (zone, date, begins, count) => {
    const hours = starts(zone, date, 1, "hour");
    expect(hours[0]).toBe(begins);
    expect(hours).toHaveLength(count);
    expect(new Set(hours).size).toBe(count);
  });

  it("ends a day where the next one begins, though it have 23 hours", () => {
    expect(starts("America/New_York", "2026-03-07", 3, "day")).toEqual([
      "2026-03-07T00:00:00-05:00",
      "2026-03-08T00:00:00-05:00",
      "2026-03-09T00:00:00-04:00",
    ]);
  });

  it("begins weeks on the day that the site says, the first one where the range begins", () => {
    expect(starts("UTC", "2026-11-18", 10, "week", 1)).toEqual([
      "2026-11-18T00:00:00+00:00",
      "2026-11-23T00:00:00+00:00",
    ]);
    expect(starts("UTC", "2026-11-18", 10, "week", 0)[1]).toBe("2026-11-22T00:00:00+00:00");
  });

  it("refuses a zone that nobody knows", () => {
    expect(() => new Zone("Mars/Olympus", 0, DAY)).toThrow(RangeError);
  });
});

it("compares with as many days before, by the clock on the wall, or with the same dates of the year before", () => {
  const near = Date.parse("2026-03-10");
  const zone = new Zone("America/New_York", near - 800 * DAY, near + 10 * DAY);
  const range = { from: startOfDate("2026-03-08", zone), to: startOfDate("2026-03-08", zone, 3) };
  const before = comparisonOf(range, "previous_period", zone);
  expect([zone.iso(before.from), before.to]).toEqual(["2026-03-05T00:00:00-05:00", range.from]);
  const year = comparisonOf(range, "previous_year", zone);
  expect([zone.iso(year.from), zone.iso(year.to)]).toEqual(["2025-03-08T00:00:00-05:00", "2025-03-11T00:00:00-04:00"]);
});
