import { describe, expect, it } from "vitest";
import { anEvent } from "../test/an-event.ts";
import { Seeded } from "../test/seeded.ts";
import { type ComputedTrait, computedTrait } from "./computed-traits.ts";
import type { Event } from "./event.ts";
import { identityRules } from "./identity-rules.ts";
import { PROFILE_LIMITS, Profile } from "./profile.ts";
import { type ProfileEvent, profileEventOf } from "./profile-event.ts";

const RULES = identityRules.parse({});
const START = Date.parse("2026-11-20T10:00:00.000Z");
const DAY = 86_400_000;

const DECLARED: ComputedTrait[] = [
  { name: "orders", kind: "count", event: "Order Completed" },
  { name: "orders_30d", kind: "count", event: "Order Completed", window_days: 30 },
  { name: "spent", kind: "sum", event: "Order Completed", property: "total" },
  { name: "cheapest", kind: "min", event: "Order Completed", property: "total" },
  { name: "dearest_30d", kind: "max", event: "Order Completed", property: "total", window_days: 30 },
  { name: "first_category", kind: "first", event: "Order Completed", property: "category" },
  { name: "first_category_30d", kind: "first", event: "Order Completed", property: "category", window_days: 30 },
  { name: "last_category", kind: "last", event: "Order Completed", property: "category" },
  { name: "categories", kind: "unique", event: "Order Completed", property: "category" },
  { name: "favourite", kind: "most_frequent", event: "Order Completed", property: "category" },
  { name: "favourite_30d", kind: "most_frequent", event: "Order Completed", property: "category", window_days: 30 },
  { name: "days_since_order", kind: "days_since", event: "Order Completed" },
];

interface Given extends Partial<Event> {
  /** Days after START. */
  day?: number;
}

function given({ day = 0, ...event }: Given): ProfileEvent {
  const at = new Date(START + day * DAY).toISOString();
  const whole = anEvent({ user_id: "u-1", timestamp: at, received_at: at, ...event });
  return profileEventOf(whole, "src", RULES, DECLARED)!;
}

const identify = (traits: Record<string, unknown>, day = 0, message_id?: string) =>
  given({ type: "identify", traits, day, ...(message_id !== undefined && { message_id }) });
const order = (properties: Record<string, unknown>, day = 0) => given({ event: "Order Completed", properties, day });

function fold(events: Iterable<ProfileEvent>): Profile {
  const profile = new Profile();
  for (const event of events) profile.add(event);
  return profile;
}

const join = (...profiles: Profile[]) => {
  const joined = new Profile();
  for (const one of profiles) joined.join(one);
  return joined;
};

const computed = (profile: Profile, name: string, day = 0) =>
  profile.computed.read(DECLARED.find((one) => one.name === name)!, START + day * DAY);

/** A life of 500 days in which every rule and limit has its say. */
function aLife(seed: number): ProfileEvent[] {
  const chance = new Seeded(seed);
  const hosts = ["https://shop.example/a", "https://search.example/", undefined] as const;
  return Array.from({ length: 400 }, (_, k) => {
    const day = chance.below(500) + chance.below(1_000) / 1_000;
    const message_id = `life-${seed}-${k}`;
    const context: Event["context"] = {
      ...(chance.below(3) === 0 && { consent: { analytics: chance.below(2) === 0, marketing: chance.below(2) === 0 } }),
    };
    const referrer = chance.one(hosts);
    const kind = chance.below(4);
    if (kind === 0) {
      const traits = Object.fromEntries(
        Array.from({ length: 1 + chance.below(60) }, () => [
          `t${chance.below(1_500)}`,
          chance.one([
            1,
            0.5,
            "text",
            null,
            true,
            { in: ["side"] },
            "x".repeat(300 + chance.below(200)),
            "y".repeat(9_000),
          ]),
        ]),
      );
      return given({ type: "identify", traits, day, message_id, context });
    }
    if (kind === 1) {
      const properties = { total: chance.below(1_000) / 7, category: chance.one([1, "1", `c${chance.below(40)}`]) };
      return given({ event: "Order Completed", properties, day, message_id, context });
    }
    if (kind === 2) return given({ event: `Event ${chance.below(150)}`, day, message_id, context });
    const page = { url: "https://shop.example/a", path: `/${chance.below(5)}`, ...(referrer && { referrer }) };
    const campaign = chance.below(2) ? { source: `s${chance.below(3)}` } : undefined;
    return given({ type: "page", day, message_id, context: { ...context, page, ...(campaign && { campaign }) } });
  });
}

describe("the same events", () => {
  it.each([1, 2, 3, 4])("make the same profile in any order, seed %i", (seed) => {
    const life = aLife(seed);
    const expected = JSON.stringify(fold(life));
    const chance = new Seeded(seed * 1_000);
    for (let k = 0; k < 4; k++) expect(JSON.stringify(fold(chance.shuffled(life)))).toBe(expected);
  });

  it.each([5, 6, 7])("make the same profile in parts that are joined, in any order, seed %i", (seed) => {
    const life = aLife(seed);
    const chance = new Seeded(seed * 1_000);
    const parts: ProfileEvent[][] = [[], [], []];
    for (const event of chance.shuffled(life)) chance.one(parts).push(event);
    const joined = join(...parts.map(fold));
    expect(JSON.stringify(joined)).toBe(JSON.stringify(fold(life)));
    expect(joined.view()).toEqual(fold(life).view());
  });

  it.each([8, 9])("make the same profile when it was stored after any of them, seed %i", (seed) => {
    const life = aLife(seed);
    const chance = new Seeded(seed);
    let profile = new Profile();
    for (const event of life) {
      profile.add(event);
      if (chance.below(10) === 0) profile = Profile.fromJSON(JSON.parse(JSON.stringify(profile)));
    }
    expect(JSON.stringify(profile)).toBe(JSON.stringify(fold(life)));
  });
});

describe("traits", () => {
  it("are what was written last by event time, typed as they came", () => {
    const profile = fold([
      identify({ plan: "pro", seats: 5, tags: ["a"], gone: null, vip: true }, 2),
      identify({ plan: "free", seats: "4", city: "Ghent" }, 1),
    ]);
    expect(profile.view().traits).toEqual({ city: "Ghent", gone: null, plan: "pro", seats: 5, tags: ["a"], vip: true });
  });

  it("of one time are those of the greater message id", () => {
    const events = [identify({ plan: "a" }, 0, "m-b-2"), identify({ plan: "b" }, 0, "m-b-1")];
    expect(fold(events).view().traits).toEqual({ plan: "a" });
  });

  it("of a context count, those of a group do not", () => {
    const profile = fold([
      given({ context: { traits: { plan: "pro" } } }),
      given({ type: "group", group_id: "g", traits: { plan: "company" } }),
    ]);
    expect(profile.view().traits).toEqual({ plan: "pro" });
  });

  it("may be named after what every object has", () => {
    const traits = JSON.parse('{"__proto__": {"admin": true}, "constructor": 1}');
    const stored = Profile.fromJSON(JSON.parse(JSON.stringify(fold([identify(traits)]))));
    expect(Object.entries(stored.view().traits)).toEqual([
      ["__proto__", { admin: true }],
      ["constructor", 1],
    ]);
    expect(({} as Record<string, unknown>).admin).toBeUndefined();
  });

  it.each<[string, Record<string, unknown>, object]>([
    ["a value of 9 KB", { big: "x".repeat(9_000) }, { reason: "trait_too_large", events: 1 }],
    ["a name of 300 characters", { ["n".repeat(300)]: 1 }, { reason: "trait_name_too_long", events: 1 }],
    [
      "10,000 keys",
      Object.fromEntries(Array.from({ length: 10_000 }, (_, k) => [`k${k}`, 1])),
      { reason: "too_many_traits" },
    ],
    [
      "40 KB in all",
      Object.fromEntries(Array.from({ length: 10 }, (_, k) => [`k${k}`, "x".repeat(4_000)])),
      { reason: "traits_too_large" },
    ],
    [
      "70 values of 300 bytes",
      Object.fromEntries(Array.from({ length: 70 }, (_, k) => [`k${k}`, "x".repeat(300)])),
      { reason: "too_many_large_traits" },
    ],
  ])("say that %s were too much, and keep what else there is", (_, traits, refusal) => {
    const view = fold([identify(traits), identify({ plan: "pro" }, 1)]).view();
    expect(view.traits.plan).toBe("pro");
    expect(view.refused).toEqual([refusal]);
    expect(JSON.stringify(view.traits).length).toBeLessThanOrEqual(PROFILE_LIMITS.TRAIT_BYTES);
  });

  it("that were displaced by a small value do not come back from a large one that was written before", () => {
    const profile = fold([identify({ note: "x".repeat(500) }, 0), identify({ note: "short" }, 1)]);
    expect(profile.view().traits).toEqual({ note: "short" });
  });
});

describe("touches", () => {
  const view = (day: number, path: string, more: Event["context"] = {}) =>
    given({ type: "page", day, context: { page: { url: `https://shop.example${path}`, path }, ...more } });

  it("are the first page of all, and the last that somebody else sent the person to", () => {
    const events = [
      view(0, "/landing"),
      view(1, "/sale", { campaign: { source: "newsletter", name: "sale" } }),
      view(2, "/typed-in"),
    ];
    expect(fold(events).view()).toMatchObject({
      first_touch: { at: START, page: "/landing" },
      last_touch: { at: START + DAY, page: "/sale", campaign: { source: "newsletter", name: "sale" } },
    });
  });

  it("by a link are from another host, not from page to page", () => {
    const linked = (day: number, referrer: string) =>
      given({ type: "page", day, context: { page: { url: "https://shop.example/p", path: "/p", referrer } } });
    const events = [linked(0, "https://blog.example/post?x=1"), linked(1, "https://shop.example/before")];
    expect(fold(events).view().last_touch).toMatchObject({ at: START, referrer: "https://blog.example/post" });
  });

  it("begin with what brought the visitor before they said who they are", () => {
    const first_touch = { at: START - DAY, message_id: "m0", touch: { page: "/ad", is_referred: true as const } };
    const events = [view(0, "/landing"), { ...given({ day: 1 }), first_touch }, { ...given({ day: 2 }), first_touch }];
    const expected = { first_touch: { at: START - DAY, page: "/ad" }, last_touch: null };
    expect(fold(events).view()).toMatchObject(expected);
    expect(fold(events.toReversed()).toJSON()).toEqual(fold(events).toJSON());
  });

  it("are none where no page was seen", () => {
    expect(fold([given({})]).view()).toMatchObject({ first_touch: null, last_touch: null });
  });
});

describe("computed traits", () => {
  const orders = [
    order({ total: 10, category: "shoes" }, -100),
    order({ total: 0.1, category: "hats" }, -20),
    order({ total: "0.2", category: "hats" }, -10),
    order({ total: "much", category: "coats" }, 0),
  ];

  it.each<[string, unknown]>([
    ["orders", 4],
    ["orders_30d", 3],
    ["spent", 10.3],
    ["cheapest", 0.1],
    ["dearest_30d", 0.2],
    ["first_category", "shoes"],
    ["first_category_30d", "hats"],
    ["last_category", "coats"],
    ["categories", 3],
    ["favourite", "hats"],
    ["favourite_30d", "hats"],
    ["days_since_order", 0],
  ])("know %s", (name, value) => {
    expect(computed(fold(orders), name)).toEqual({ value });
  });

  it.each<[string, number, unknown]>([
    ["orders_30d", 10, { value: 2 }],
    ["orders_30d", 40, undefined],
    ["orders", 4_000, { value: 4 }],
    ["dearest_30d", 25, undefined],
    ["days_since_order", 40, { value: 40 }],
  ])("change with the days that pass: %s after %i", (name, day, expected) => {
    expect(computed(fold(orders), name, day)).toEqual(expected);
  });

  it("are sums to the millionth, whatever the order", () => {
    const profile = fold(Array.from({ length: 1_000 }, () => order({ total: 0.1 })));
    expect(computed(profile, "spent")).toEqual({ value: 100 });
  });

  it("count different values exactly up to 500, and then say at least", () => {
    const values = (n: number) => fold(Array.from({ length: n }, (_, k) => order({ category: `c${k}` })));
    expect(computed(values(500), "categories")).toEqual({ value: 500 });
    expect(computed(values(501), "categories")).toEqual({ value: 500, at_least: true });
  });

  it.each<[string, unknown]>([
    ["a count with a property", { name: "n", kind: "count", event: "e", property: "p" }],
    ["a sum without one", { name: "n", kind: "sum", event: "e" }],
    ["a window of no day", { name: "n", kind: "count", event: "e", window_days: 0 }],
    ["a window of two years", { name: "n", kind: "count", event: "e", window_days: 730 }],
    ["a kind that there is not", { name: "n", kind: "median", event: "e", property: "p" }],
  ])("are not declared as %s", (_, declaration) => {
    expect(computedTrait.safeParse(declaration).success).toBe(false);
  });
});

describe("counters", () => {
  it("are of the last 90 days before the newest event, by name and day", () => {
    const profile = fold([given({ event: "A", day: -90 }), given({ event: "A", day: -89 }), given({ event: "A" })]);
    expect(profile.view().counters).toEqual({ A: { "2026-08-23": 1, "2026-11-20": 1 } });
  });

  it("are of 100 names, and say so where there are more", () => {
    const { counters, refused } = fold(Array.from({ length: 150 }, (_, k) => given({ event: `E${k}` }))).view();
    expect(Object.keys(counters)).toHaveLength(100);
    expect(refused).toEqual([{ reason: "too_many_event_names" }]);
  });
});

describe("consent", () => {
  const answer = (day: number, marketing: boolean, message_id: string) =>
    given({ day, message_id, context: { consent: { marketing } } });

  it("is the latest answer by event time, with every change of mind and who said it", () => {
    const events = [
      answer(2, true, "c3"),
      answer(0, true, "c1"),
      answer(1, false, "c2"),
      answer(2.2, true, "c4"),
      given({ day: 3, context: { consent: { analytics: false } } }),
    ];
    const { consent } = fold(events).view();
    expect(consent.current).toEqual({ analytics: false, marketing: true });
    expect(consent.answers.slice(0, 3)).toEqual([
      { at: START, message_id: "c1", source_id: "src", answer: { marketing: true } },
      { at: START + DAY, message_id: "c2", source_id: "src", answer: { marketing: false } },
      { at: START + 2 * DAY, message_id: "c3", source_id: "src", answer: { marketing: true } },
    ]);
    expect(consent.answers).toHaveLength(4);
    expect(consent.given).toBe(5);
  });

  it("keeps 200 answers, and what the folded ones said", () => {
    const events = Array.from({ length: 300 }, (_, k) => answer(k, k % 2 === 0, `c${k}`));
    const profile = fold([given({ day: -1, context: { consent: { analytics: true } } }), ...events]);
    const { consent } = Profile.fromJSON(JSON.parse(JSON.stringify(profile))).view();
    expect(consent.answers).toHaveLength(200);
    expect(consent.current).toEqual({ analytics: true, marketing: false });
    expect(consent.given).toBe(301);
  });
});

describe("a profile", () => {
  it.each<[string, Partial<Event>, string | undefined]>([
    ["nobody", {}, undefined],
    ["whoever has a user id", { user_id: "u-2" }, "user_id u-2"],
    ["nobody whose user id is a placeholder", { user_id: "null" }, undefined],
    ["nobody whose user id is a megabyte", { user_id: "x".repeat(1_000_000) }, undefined],
    ["nobody who identifies without ids", { type: "identify", traits: { plan: "pro" } }, undefined],
    ["nobody whose address came with a track", { context: { traits: { email: "ann@shop.example" } } }, undefined],
  ])("begins for %s", (_, event, home) => {
    const found = profileEventOf(anEvent(event), "src", RULES, []);
    expect(found && `${found.home.kind} ${found.home.value}`).toBe(home);
  });

  it("begins for whoever leaves an address, and then for the person that a user id names", () => {
    const left = profileEventOf(anEvent({ type: "identify", traits: { email: "Ann@Shop.example" } }), "src", RULES, []);
    expect(left?.home).toEqual({ kind: "email", value: expect.stringMatching(/^[0-9a-f]{64}$/) });
    const named = anEvent({ type: "identify", user_id: "u-3", traits: { email: "ann@shop.example" } });
    expect(profileEventOf(named, "src", RULES, [])?.home).toEqual({ kind: "user_id", value: "u-3" });
  });

  it("of an alias is that of the later user id", () => {
    const alias = anEvent({ type: "alias", user_id: "new", previous_id: "old" });
    expect(profileEventOf(alias, "src", RULES, [])?.home).toEqual({ kind: "user_id", value: "new" });
  });

  it("of another version is refused rather than misread", () => {
    const json = JSON.parse(JSON.stringify(fold([given({})])));
    expect(() => Profile.fromJSON({ ...json, v: 2 })).toThrow(/version 2/);
  });
});
