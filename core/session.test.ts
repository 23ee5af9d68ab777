import { describe, expect, it } from "vitest";
import { anEvent } from "../test/an-event.ts";
import {
  addToSession,
  engagedMs,
  GAP_MS,
  isBounce,
  MOST_SESSIONS,
  placeInSession,
  REMEMBER_MS,
  type Session,
  type Visit,
  visitOf,
} from "./session.ts";

const MINUTE = 60_000;
const TIMEOUT = 30 * MINUTE;
const START = Date.parse("2026-11-20T23:50:00.000Z");

interface Given {
  minute: number;
  visit?: Visit;
  campaign?: string;
}

/** One visitor's sessions after these events, with the number of the session that each event was given. */
function afterEvents(events: Given[], { byCampaign = false, start = START } = {}) {
  let sessions: Session[] = [];
  let last = 0;
  const final: Session[] = [];
  const numbers = events.map(({ minute, campaign, visit = { kind: "other" } }) => {
    const at = start + minute * MINUTE;
    const all = campaign === undefined ? visit : { ...visit, campaign: { key: campaign } };
    const place = placeInSession(sessions, last, at, TIMEOUT, byCampaign ? campaign : undefined);
    const added = addToSession(sessions, place, at, all);
    sessions = added.sessions;
    final.push(...added.final);
    last = Math.max(last, place.number);
    return place.number;
  });
  return { numbers, sessions, final };
}

const numbers = (...minutes: number[]) => afterEvents(minutes.map((minute) => ({ minute }))).numbers;
const view = (page: string, referrer?: string): Visit => ({ kind: "view", page, ...(referrer && { referrer }) });

/** All orders of a few things. */
function orders<T>(all: T[]): T[][] {
  if (all.length < 2) return [all];
  return all.flatMap((one, i) => orders(all.toSpliced(i, 1)).map((rest) => [one, ...rest]));
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
    ["that lies between two sessions joins the one before, whichever was found first", [0, 50, 25], [1, 2, 1]],
    ["that lies between two sessions joins the one before, also when that was found last", [50, 0, 25], [1, 2, 2]],
    ["that is nearer to the session after, and out of reach of the one before, joins that", [0, 70, 45], [1, 2, 2]],
    ["that repeats a time stays", [0, 0, 0], [1, 1, 1]],
  ])("%s", (_, minutes, expected) => {
    expect(numbers(...minutes)).toEqual(expected);
  });

  it.each([
    ["the last minutes of a year", "2025-12-31T23:59:00.000Z"],
    ["the leap day", "2028-02-28T23:59:00.000Z"],
    // All times are UTC, where no hour is missing or comes twice: in Brussels it is 01:59 and then 03:00 here, in New York 01:59 and 01:00.
    ["the hour that is missing in Europe", "2026-03-29T00:59:00.000Z"],
    ["the hour that comes twice in America", "2026-11-01T05:59:00.000Z"],
  ])("is placed in %s as at any other time", (_, start) => {
    const minutes = [0, 29, 59, 95, 20, 130].map((minute) => ({ minute }));
    expect(afterEvents(minutes, { start: Date.parse(start) }).numbers).toEqual(afterEvents(minutes).numbers);
  });
});

describe("where a campaign begins a new session", () => {
  it.each<[string, [minute: number, campaign?: string][], number[]]>([
    [
      "another campaign does, within the timeout",
      [
        [0, "a"],
        [5, "b"],
      ],
      [1, 2],
    ],
    [
      "the same campaign again does not",
      [
        [0, "a"],
        [5, "a"],
        [34, "a"],
      ],
      [1, 1, 1],
    ],
    [
      "the same campaign does after the timeout",
      [
        [0, "a"],
        [31, "a"],
      ],
      [1, 2],
    ],
    ["no campaign does not", [[0, "a"], [5], [10]], [1, 1, 1]],
    ["a campaign in a session that had begun without one does", [[0], [5, "a"], [6]], [1, 2, 2]],
    [
      "an event without campaign belongs to the session that had begun last",
      [[0, "a"], [5, "b"], [3], [7]],
      [1, 2, 1, 2],
    ],
    [
      "a late event finds the session of its campaign",
      [
        [0, "a"],
        [5, "b"],
        [3, "a"],
        [8, "b"],
      ],
      [1, 2, 1, 2],
    ],
    [
      "two tabs that take turns are two sessions, not one for each turn",
      [
        [0, "a"],
        [1, "b"],
        [2, "a"],
        [3, "b"],
      ],
      [1, 2, 1, 2],
    ],
    ["an arrival that comes late gives its campaign to what followed", [[1], [2], [0, "a"], [3, "a"]], [1, 1, 1, 1]],
    ["a campaign at the very time of the first event is that session's", [[0], [0, "a"], [4, "a"]], [1, 1, 1]],
  ])("%s", (_, events, expected) => {
    const given = events.map(([minute, campaign]) => ({ minute, ...(campaign && { campaign }) }));
    expect(afterEvents(given, { byCampaign: true }).numbers).toEqual(expected);
  });

  it("does not where the environment did not ask for it, and the first campaign is the session's", () => {
    const { numbers, sessions } = afterEvents([
      { minute: 5, campaign: "b" },
      { minute: 0, campaign: "a" },
    ]);
    expect(numbers).toEqual([1, 1]);
    expect(sessions[0]!.campaign).toEqual({ key: "a", at: START });
  });

  it("keeps 100 sessions of a robot that invents a campaign each time, and gives up those that ended first", () => {
    const events = Array.from({ length: 150 }, (_, i) => ({ minute: i / 100, campaign: `c${i}` }));
    const { sessions, final } = afterEvents(events, { byCampaign: true });
    expect(sessions).toHaveLength(MOST_SESSIONS);
    expect(final.map((s) => s.number)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  });
});

it("says when a session was opened, and never changes it", () => {
  const first = afterEvents([{ minute: 0 }]);
  expect(first.sessions).toMatchObject([{ number: 1, opened: START, start: START, end: START }]);
  const { sessions, numbers } = afterEvents([{ minute: 0 }, { minute: -1 }]);
  expect(numbers).toEqual([1, 1]);
  expect(sessions).toMatchObject([{ number: 1, opened: START, start: START - MINUTE, end: START }]);
});

it("numbers go on from the highest that the visitor ever had, though those sessions are forgotten", () => {
  expect(placeInSession([], 41, START, TIMEOUT)).toEqual({ number: 42, opened: START, isNew: true });
});

it("gives up sessions that ended over 24 hours before the newest event, and tells them", () => {
  const day = REMEMBER_MS / MINUTE;
  const within = afterEvents([{ minute: 0 }, { minute: day }]);
  expect([within.sessions, within.final].map((all) => all.map((s) => s.number))).toEqual([[1, 2], []]);
  const later = afterEvents([{ minute: 0 }, { minute: day + 1 }]);
  expect([later.sessions, later.final].map((all) => all.map((s) => s.number))).toEqual([[2], [1]]);
});

it("keeps the session that a very late event opens, for the events that follow it", () => {
  const late = (-3 * REMEMBER_MS) / MINUTE;
  const { numbers, sessions } = afterEvents([{ minute: 0 }, { minute: late }, { minute: late + 1 }]);
  expect(numbers).toEqual([1, 2, 2]);
  expect(sessions.map((s) => s.number)).toEqual([1, 2]);
});

it("mutates nothing", () => {
  const before = afterEvents([{ minute: 0, visit: view("/"), campaign: "a" }, { minute: 20 }]).sessions;
  const copy = structuredClone(before);
  for (const minute of [-1, 5, 21, 90]) {
    const at = START + minute * MINUTE;
    addToSession(before, placeInSession(before, 1, at, TIMEOUT), at, { ...view("/a"), campaign: { key: "b" } });
  }
  expect(before).toEqual(copy);
});

it("puts every event within the timeout of its session, whatever the order of arrival", () => {
  // A fixed sequence that looks random: 500 events over 12 hours.
  const minutes = Array.from({ length: 500 }, (_, i) => ({ minute: (i * 7_919) % 720 }));
  const { numbers, sessions } = afterEvents(minutes);
  expect(sessions.reduce((sum, s) => sum + s.events!, 0)).toBe(500);
  minutes.forEach(({ minute }, i) => {
    const session = sessions.find((s) => s.number === numbers[i])!;
    expect(START + minute * MINUTE).toBeGreaterThanOrEqual(session.start);
    expect(START + minute * MINUTE).toBeLessThanOrEqual(session.end);
  });
  expect(sessions.length).toBeLessThan(24);
});

describe("a session", () => {
  const shopping: Given[] = [
    { minute: 0, visit: view("/landing", "https://search.example/"), campaign: "spring" },
    { minute: 1, visit: { kind: "action" } },
    { minute: 8, visit: view("/shoes", "https://shop.example/landing") },
    { minute: 8, visit: view("/boots"), campaign: "summer" },
    { minute: 10, visit: { kind: "other" } },
    { minute: 25, visit: view("/basket") },
  ];

  it("is the same whatever the order its events came in", () => {
    const seen = orders(shopping).map((events) => {
      const [session, ...others] = afterEvents(events).sessions;
      const { opened: _, stretches: __, ...same } = session!;
      return JSON.stringify([others, engagedMs(session!), isBounce(session!), Object.entries(same).sort()]);
    });
    expect(seen).toHaveLength(720);
    expect(new Set(seen).size).toBe(1);
    expect(afterEvents(shopping).sessions[0]).toMatchObject({
      events: 6,
      views: 4,
      actions: 1,
      entry: { at: START, page: "/landing", referrer: "https://search.example/" },
      exit: { page: "/basket" },
      campaign: { key: "spring" },
    });
  });

  it.each<[string, number[], number]>([
    ["nothing, of a single event", [0], 0],
    ["the time between events", [0, 1, 3], 3],
    ["of a gap over five minutes, five", [0, 20], 5],
    ["each gap by itself", [0, 1, 11, 13, 20, 20], 1 + 5 + 2 + 5],
    ["a gap of exactly five minutes whole", [0, 5, 10], 10],
    ["what an event that comes late fills", [0, 8, 4], 8],
    ["events at the same time once", [0, 0, 2, 2], 2],
  ])("counts as engaged %s", (_, minutes, expected) => {
    for (const order of orders(minutes)) {
      const { sessions } = afterEvents(order.map((minute) => ({ minute })));
      expect(sessions.map(engagedMs)).toEqual([expected * MINUTE]);
    }
  });

  it("counts as engaged what a naive sum over its sorted times says, of 2,000 events in any order", () => {
    let seed = 5;
    const random = () => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed / 2 ** 32;
    };
    for (let round = 0; round < 20; round++) {
      const times = [0];
      while (times.length < 100) times.push(times.at(-1)! + random() * 14);
      const naive = times.slice(1).reduce((sum, t, i) => sum + Math.min((t - times[i]!) * MINUTE, GAP_MS), 0);
      const shuffled = times.map((minute) => ({ minute, key: random() })).sort((a, b) => a.key - b.key);
      // Shuffled only within reach of the timeout, so that it is one session whatever comes first.
      const near = shuffled.sort((a, b) => Math.floor(a.minute / 15) - Math.floor(b.minute / 15));
      const { sessions } = afterEvents(near);
      expect(sessions).toHaveLength(1);
      expect(Math.abs(engagedMs(sessions[0]!) - naive)).toBeLessThan(1);
    }
  });

  it("takes the client's word for it where there is one", () => {
    const events = [0, 10, 20].map((minute) => ({ minute, visit: { kind: "other" as const, engaged_ms: 7_000 } }));
    expect(engagedMs(afterEvents([...events, { minute: 25 }]).sessions[0]!)).toBe(21_000);
  });

  it("that never ends stays small, and counts all of its time", () => {
    // A robot that comes every six minutes for ten days; every event is 20 hours late or not at all.
    const minutes = Array.from({ length: 2_400 }, (_, i) => i * 6);
    const late = minutes.map((minute, i) => ({ minute, arrives: minute + (i % 3 === 1 ? 20 * 60 : 0) }));
    const { sessions } = afterEvents(late.sort((a, b) => a.arrives - b.arrives));
    expect(sessions).toHaveLength(1);
    expect(engagedMs(sessions[0]!)).toBe(2_399 * GAP_MS);
    expect(JSON.stringify(sessions).length).toBeLessThan(8_000);
  });

  it.each<[string, Given[], boolean]>([
    ["one view and nothing else", [{ minute: 0, visit: view("/") }], true],
    [
      "one view, and who it was",
      [
        { minute: 0, visit: view("/") },
        { minute: 0.1, visit: { kind: "other" } },
      ],
      true,
    ],
    [
      "one view of ten seconds",
      [
        { minute: 0, visit: view("/") },
        { minute: 1 / 6, visit: { kind: "other" } },
      ],
      true,
    ],
    [
      "one view of over ten seconds",
      [
        { minute: 0, visit: view("/") },
        { minute: 0.2, visit: { kind: "other" } },
      ],
      false,
    ],
    ["one view that was read for a minute", [{ minute: 0, visit: { ...view("/"), engaged_ms: 60_000 } }], false],
    [
      "two views",
      [
        { minute: 0, visit: view("/") },
        { minute: 0, visit: view("/a") },
      ],
      false,
    ],
    ["something done", [{ minute: 0, visit: { kind: "action" } }], false],
  ])("bounced or not: %s", (_, events, expected) => {
    expect(afterEvents(events).sessions.map(isBounce)).toEqual([expected]);
  });
});

describe("of an event a session wants to know", () => {
  const page = (given: Record<string, string>) => anEvent({ type: "page", context: { page: given } });

  it.each<[string, Parameters<typeof visitOf>[0], Visit]>([
    ["a page's path", page({ path: "/shoes", url: "https://shop.example/shoes?size=4" }), view("/shoes")],
    [
      "where there is no path, the address without its query",
      page({ url: "https://shop.example/shoes?email=a@b.example#x" }),
      view("https://shop.example/shoes"),
    ],
    [
      "no query, wherever it hides",
      page({ path: "/a?token=1", referrer: "https://b.example/?q=x" }),
      { ...view("/a", "https://b.example/"), is_linked: true },
    ],
    [
      "whether it was linked from elsewhere",
      page({ path: "/a", url: "https://a.example/a", referrer: "https://a.example/" }),
      view("/a", "https://a.example/"),
    ],
    ["no more than 256 letters of a page", page({ path: `/${"x".repeat(9_000)}` }), view(`/${"x".repeat(255)}`)],
    ["that a page has no address", page({}), { kind: "view" }],
    ["a screen's name", anEvent({ type: "screen", properties: { name: "Basket" } }), view("Basket")],
    ["that something was done", anEvent({ context: { page: { path: "/a" } } }), { kind: "action" }],
    ["that it is neither", anEvent({ type: "identify" }), { kind: "other" }],
    [
      "how long the page was in use",
      anEvent({ properties: { engagement_time_msec: 4_200.4 } }),
      { kind: "action", engaged_ms: 4_200 },
    ],
    [
      "at most 30 minutes of it",
      anEvent({ properties: { engagement_time_msec: 1e15 } }),
      { kind: "action", engaged_ms: 1_800_000 },
    ],
    ["nothing that is no time", anEvent({ properties: { engagement_time_msec: "long" } }), { kind: "action" }],
  ])("%s", (_, event, expected) => {
    expect(visitOf(event)).toEqual(expected);
  });

  it("that somebody did something, but not that they left the page: only how long it was looked at", () => {
    const tracked = (event: string) =>
      visitOf(anEvent({ type: "track", event, properties: { engagement_time_msec: 4_200 } }));
    expect(tracked("Signed Up")).toEqual({ kind: "action", engaged_ms: 4_200 });
    expect(tracked("Page Left")).toEqual({ kind: "other", engaged_ms: 4_200 });
  });

  it("its campaign: utm parameters, and the kinds of click ids", () => {
    const context = {
      campaign: { source: "google", medium: "cpc", name: "spring", id: "7" },
      page: { search: "?gclid=Cj0&size=4" },
    };
    expect(visitOf(anEvent({ context })).campaign).toEqual({
      key: expect.stringMatching(/^[0-9a-z]{8,14}$/),
      source: "google",
      medium: "cpc",
      name: "spring",
      clicks: ["gclid"],
    });
  });

  it("whether it is the same campaign: every parameter and every click id counts", () => {
    const keyOf = (campaign: Record<string, string>, search = "") =>
      visitOf(anEvent({ context: { campaign, page: { search } } })).campaign?.key;
    const google = { source: "google", medium: "cpc" };
    expect(keyOf({ medium: "cpc", source: "google" })).toBe(keyOf(google));
    const long = "x".repeat(300);
    const all = [
      keyOf(google),
      keyOf({ ...google, term: "shoes" }),
      keyOf({ ...google, content: "shoes" }),
      keyOf(google, "?gclid=1"),
      keyOf(google, "?gclid=2"),
      keyOf({}, "?fbclid=1"),
      keyOf({ name: `${long}a` }),
      keyOf({ name: `${long}b` }),
    ];
    expect(new Set(all).size).toBe(all.length);
    expect([keyOf({}), keyOf({ source: "" })]).toEqual([undefined, undefined]);
  });
});
