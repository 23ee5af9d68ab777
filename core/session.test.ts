import { describe, expect, it } from "vitest";
import { placeInSession, REMEMBER_MS, type Session } from "./session.ts";

const MINUTE = 60_000;
const TIMEOUT = 30 * MINUTE;
const START = Date.parse("2026-11-20T23:50:00.000Z");

/** Places events at these minutes one after the other, and tells the session number that each was given. */
function numbers(...minutes: number[]): number[] {
  let sessions: Session[] = [];
  let last = 0;
  return minutes.map((minute) => {
    const placed = placeInSession(sessions, last, START + minute * MINUTE, TIMEOUT);
    sessions = placed.sessions;
    last = Math.max(last, placed.session.number);
    return placed.session.number;
  });
}

describe("an event", () => {
  it.each<[string, number[], number[]]>([
    ["opens the first session", [0], [1]],
    ["stays in it within the timeout, to the millisecond", [0, 30], [1, 1]],
    ["opens another after the timeout", [0, 31], [1, 2]],
    ["keeps it alive: every event counts from the last", [0, 29, 58, 87], [1, 1, 1, 1]],
    ["does not care about midnight", [0, 5, 15], [1, 1, 1]],
    ["that is late finds the session in which it happened", [0, 90, 10], [1, 2, 1]],
    ["that is earlier than all others moves the session's start", [0, -20, -45], [1, 1, 1]],
    ["that is earlier by more than the timeout opens a session of its own", [0, -31], [1, 2]],
    ["that lies between two sessions joins the first that it touches", [0, 50, 25], [1, 2, 1]],
    ["that repeats a time stays", [0, 0, 0], [1, 1, 1]],
  ])("%s", (_, minutes, expected) => {
    expect(numbers(...minutes)).toEqual(expected);
  });
});

it("says when a session was opened, and never changes it", () => {
  const first = placeInSession([], 0, START, TIMEOUT);
  expect(first).toEqual({
    sessions: [{ number: 1, opened: START, start: START, end: START }],
    session: { number: 1, opened: START, start: START, end: START },
    isNew: true,
  });
  const earlier = placeInSession(first.sessions, 1, START - MINUTE, TIMEOUT);
  expect(earlier.session).toEqual({ number: 1, opened: START, start: START - MINUTE, end: START });
  expect(earlier.isNew).toBe(false);
});

it("numbers go on from the highest that the visitor ever had, though those sessions are forgotten", () => {
  expect(placeInSession([], 41, START, TIMEOUT).session.number).toBe(42);
});

it("forgets sessions that ended over 24 hours before the newest event", () => {
  const old = { number: 1, opened: START, start: START, end: START };
  const within = placeInSession([old], 1, START + REMEMBER_MS, TIMEOUT);
  expect(within.sessions.map((s) => s.number)).toEqual([1, 2]);
  const after = placeInSession([old], 1, START + REMEMBER_MS + 1, TIMEOUT);
  expect(after.sessions.map((s) => s.number)).toEqual([2]);
});

it("keeps the session that a very late event opens, for the events that follow it", () => {
  const now = { number: 1, opened: START, start: START, end: START };
  const late = placeInSession([now], 1, START - 3 * REMEMBER_MS, TIMEOUT);
  expect(late).toMatchObject({ isNew: true, session: { number: 2 } });
  const next = placeInSession(late.sessions, 2, START - 3 * REMEMBER_MS + MINUTE, TIMEOUT);
  expect(next).toMatchObject({ isNew: false, session: { number: 2 } });
  expect(next.sessions.map((s) => s.number)).toEqual([1, 2]);
});

it("mutates nothing", () => {
  const sessions: readonly Session[] = Object.freeze([
    Object.freeze({ number: 1, opened: START, start: START, end: START }),
  ]);
  placeInSession(sessions, 1, START + MINUTE, TIMEOUT);
  placeInSession(sessions, 1, START + 90 * MINUTE, TIMEOUT);
  expect(sessions).toEqual([{ number: 1, opened: START, start: START, end: START }]);
});

it("puts every event within the timeout of its session, whatever the order of arrival", () => {
  // A fixed sequence that looks random: 500 events over 12 hours.
  const minutes = Array.from({ length: 500 }, (_, i) => (i * 7_919) % 720);
  let sessions: Session[] = [];
  let last = 0;
  for (const minute of minutes) {
    const at = START + minute * MINUTE;
    const placed = placeInSession(sessions, last, at, TIMEOUT);
    sessions = placed.sessions;
    last = Math.max(last, placed.session.number);
    expect(at).toBeGreaterThanOrEqual(placed.session.start);
    expect(at).toBeLessThanOrEqual(placed.session.end);
    expect(placed.sessions.filter((s) => s.number === placed.session.number)).toEqual([placed.session]);
  }
  expect(last).toBeLessThan(24);
});
