import { describe, expect, it } from "vitest";
import { anEvent } from "../../test/an-event.ts";
import type { Event } from "../event.ts";
import { sha256 } from "../hash.ts";
import { type PipelineDocument, pipelineDocument, problemsOf } from "../pipeline.ts";
import type { LookupTable } from "./lookup-table.ts";
import { isAmong } from "./published.ts";
import { compilePipeline, type Trace } from "./run.ts";

type Written = { [K in keyof PipelineDocument]?: unknown };

const hats: LookupTable = {
  name: "hats",
  version: 1,
  key: "sku",
  columns: ["brand", "margin"],
  rows: { "hat-1": ["Ascot", 0.4] },
};

const context = (trace?: Trace) => ({
  source_id: "src_web",
  resources: { tables: new Map([["hats", hats]]) },
  ...(trace && { trace }),
});

const shape = (document: Written, event: Event, trace?: Trace) =>
  compilePipeline("pip_1", document).shape(event, context(trace));

/** The event that comes out. */
async function shaped(document: Written, given: Partial<Event>): Promise<Event> {
  const outcome = await shape(document, frozen(anEvent(given)));
  if (outcome.outcome !== "kept") throw new Error(outcome.detail);
  return outcome.value;
}

function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) for (const held of Object.values(Object.freeze(value))) frozen(held);
  return value;
}

const order: Partial<Event> = {
  event: "Order Completed",
  properties: {
    order_id: "o1",
    revenue: "49.90",
    code: "DE",
    items: [
      { sku: "hat-1", title: "Bowler", cost: "19.90", n: 1 },
      { sku: "hat-2", title: "Cap", cost: "15", n: 2 },
    ],
  },
};

describe("a step", () => {
  it.each<[string, Written, Partial<Event>["properties"], string?]>([
    [
      "sets constants",
      { map: [{ set: { "properties.currency": "EUR", "properties.n": 1, "properties.x": { constant: [1] } } }] },
      { a: 1, currency: "EUR", n: 1, x: [1] },
    ],
    [
      "sets what another path holds, the first that does",
      { map: [{ set: { "properties.b": { from: ["properties.nothing", "properties.a"] } } }] },
      { a: 1, b: 1 },
    ],
    [
      "sets nothing of what is missing, or a default",
      {
        map: [
          {
            set: {
              "properties.b": { from: "properties.nothing" },
              "properties.c": { from: "properties.nothing", default: 0 },
            },
          },
        ],
      },
      { a: 1, c: 0 },
    ],
    ["converts", { map: [{ set: { "properties.a": { from: "properties.a", as: "text" } } }] }, { a: "1" }],
    [
      "fills templates",
      {
        map: [
          {
            set: {
              "properties.t": { template: "{{event}}: {{ properties.a }}!" },
              "properties.u": { template: "{{properties.nothing}}" },
            },
          },
        ],
      },
      { a: 1, t: "Test: 1!" },
    ],
    [
      "looks up cases",
      {
        map: [
          {
            set: {
              "properties.b": { case_of: "properties.a", cases: { "1": "one" } },
              "properties.c": { case_of: "properties.a", cases: { "2": "two" }, otherwise: "many" },
            },
          },
        ],
      },
      { a: 1, b: "one", c: "many" },
    ],
    [
      "computes",
      {
        map: [
          {
            set: {
              "properties.b": { cel: "event.properties.a * 10" },
              "properties.c": { cel: "event.properties.nothing" },
            },
          },
        ],
      },
      { a: 1, b: 10 },
    ],
    [
      "removes and moves",
      { map: [{ move: { "properties.a": "properties.deep.b" } }, { remove: ["properties.nothing"] }] },
      { deep: { b: 1 } },
    ],
    [
      "is for events by name",
      {
        map: [
          { events: ["other", "Product *"], set: { "properties.b": 1 } },
          { events: ["TEST"], set: { "properties.c": 1 } },
        ],
      },
      { a: 1, c: 1 },
    ],
    [
      "is for events for which a condition holds",
      {
        map: [
          { when: "event.properties.a > 1", set: { "properties.b": 1 } },
          { when: "event.properties.nothing > 1", set: { "properties.c": 1 } },
          { when: 'source_id == "src_web"', set: { "properties.d": 1 } },
        ],
      },
      { a: 1, d: 1 },
    ],
    ["renames, by name", { map: [{ rename_event: { test: "Tested", other: "Nobody" } }] }, { a: 1 }, "Tested"],
    ["renames", { map: [{ rename_event: "Anything" }] }, { a: 1 }, "Anything"],
    ["reshapes by JSONata", { map: [{ jsonata: '{"properties": {"twice": properties.a * 2}}' }] }, { twice: 2 }],
    [
      "finds the rows of a table",
      {
        enrich: [
          { lookup: { table: "hats", key: "hat-1", into: "properties.hat" } },
          { lookup: { table: "hats", key: { from: "properties.a" }, into: "properties.none" } },
        ],
      },
      { a: 1, hat: { brand: "Ascot", margin: 0.4 } },
    ],
  ])("%s", async (_, document, properties, name = "Test") => {
    expect(await shaped(document, { event: "Test", properties: { a: 1 } })).toMatchObject({ event: name, properties });
    expect(Object.keys((await shaped(document, { event: "Test", properties: { a: 1 } })).properties).sort()).toEqual(
      Object.keys(properties!).sort(),
    );
  });

  it("makes products of line items of any shape", async () => {
    const document = {
      map: [
        {
          list: {
            from: "properties.items",
            to: "properties.products",
            fields: {
              product_id: { from: "sku" },
              name: { from: "title" },
              price: { from: "cost", as: "number" },
              quantity: { from: "n" },
              currency: "EUR",
            },
          },
        },
      ],
    };
    expect((await shaped(document, order)).properties.products).toEqual([
      { product_id: "hat-1", name: "Bowler", price: 19.9, quantity: 1, currency: "EUR" },
      { product_id: "hat-2", name: "Cap", price: 15, quantity: 2, currency: "EUR" },
    ]);
  });

  it("runs after the stages before it, in their order, whatever the document's", async () => {
    const document = {
      enrich_for_vendor: [{ set: { "properties.trail": { template: "{{properties.trail}}4" } } }],
      map: [{ set: { "properties.trail": { template: "{{properties.trail}}3" } } }],
      enrich: [{ set: { "properties.trail": { template: "{{properties.trail}}2" } } }],
      transform: [{ set: { "properties.trail": { template: "{{properties.trail}}1" } } }],
    };
    expect((await shaped(document, { properties: { trail: "0" } })).properties.trail).toBe("01234");
  });

  it("waits for nothing unless it must", () => {
    expect(shape({ map: [{ set: { "properties.a": 1 } }] }, anEvent())).not.toBeInstanceOf(Promise);
    expect(shape({ map: [{ jsonata: '{"properties": {}}' }] }, anEvent())).toBeInstanceOf(Promise);
  });

  it("cannot give an event consent, or another identity", async () => {
    const consent = { marketing: false };
    const event = await shaped(
      {
        transform: [
          { jsonata: '{"context": {"consent": {"marketing": true}, "purposes": ["marketing"], "other": 1}}' },
        ],
      },
      { context: { consent, purposes: ["functional"] } },
    );
    expect(event.context).toEqual({ consent, purposes: ["functional"], other: 1 });
    const outcome = await shape({ transform: [{ jsonata: '{"anonymous_id": "somebody else"}' }] }, anEvent());
    expect(outcome).toMatchObject({ outcome: "failed", detail: expect.stringContaining("anonymous_id") });
  });
});

describe("a step that fails", () => {
  const failing = { set: { "properties.b": { from: "properties.a", as: "number" } } };

  it.each<[string, object]>([
    ["skip", { outcome: "kept", skipped: 1, value: { properties: { a: "x", c: 1 } } }],
    ["drop", { outcome: "failed", policy: "drop", detail: 'map, 1. set: properties.b: "x" is no number' }],
    ["quarantine", { outcome: "failed", policy: "quarantine" }],
  ])("follows the policy %s, its own or the pipeline's", async (policy, outcome) => {
    const event = anEvent({ properties: { a: "x" } });
    const after = { set: { "properties.c": 1 } };
    expect(await shape({ map: [{ ...failing, on_error: policy }, after] }, event)).toMatchObject(outcome);
    expect(await shape({ on_error: policy, map: [failing, after] }, event)).toMatchObject(outcome);
  });

  it.each<[string, Written]>([
    ["a list that is none", { map: [{ list: { from: "properties.a", to: "properties.b", fields: {} } }] }],
    [
      "a row that must be there",
      { enrich: [{ lookup: { table: "hats", key: "nobody", into: "properties.b", required: true } }] },
    ],
    ["a table that is not there", { enrich: [{ lookup: { table: "gone", key: "a", into: "properties.b" } }] }],
    ["an expression that fails", { map: [{ jsonata: "$error('no')" }] }],
    ["an expression without end", { map: [{ jsonata: "($f := function($n) { $f($n + 1) }; $f(0))" }] }],
    ["a result that is no object", { map: [{ jsonata: "42" }] }],
    ["properties that are none", { map: [{ jsonata: '{"properties": 42}' }] }],
    ["a name that is none", { map: [{ set: { event: { constant: 42 } } }] }],
    ["a time that is none", { map: [{ set: { timestamp: "tomorrow" } }] }],
    ["a condition that is none", { map: [{ when: "event.properties.a", set: { "properties.b": 1 } }] }],
    ["a function without Worker Loader", { transform: [{ function: { code: "export default (e) => e" } }] }],
  ])("%s: for that event only, with the place", async (_, document) => {
    const outcome = await shape(document, anEvent({ properties: { a: "x" } }));
    expect(outcome).toMatchObject({
      outcome: "failed",
      policy: "quarantine",
      detail: expect.stringMatching(/^(map|enrich|transform), 1\. \w+: \S/),
    });
  });

  it("half-way leaves nothing of what it did", async () => {
    const document = {
      on_error: "skip",
      map: [{ set: { "properties.b": 1, "properties.c": { from: "properties.a", as: "number" } } }],
    };
    expect(await shaped(document, { properties: { a: "x" } })).toMatchObject({ properties: { a: "x" } });
    expect((await shaped(document, { properties: { a: "x" } })).properties).not.toHaveProperty("b");
  });
});

describe("selection", () => {
  it("keeps only what the condition and the filters want", async () => {
    const small = anEvent({ properties: { value: 1 } });
    const large = anEvent({ properties: { value: 100 } });
    for (const document of [
      { when: "event.properties.value > 10" },
      { transform: [{ filter: "event.properties.value > 10" }] },
    ]) {
      expect(await shape(document, small)).toMatchObject({ outcome: "filtered", reason: "filtered_by_pipeline" });
      expect(await shape(document, large)).toMatchObject({ outcome: "kept", value: large });
    }
  });

  it("samples visitors, not events, and keeps those it had when the share grows", () => {
    const visitors = Array.from({ length: 5_000 }, (_, i) => `visitor-${i}`);
    const of = (percent: number) => new Set(visitors.filter((visitor) => isAmong("sample pip_1", visitor, percent)));
    const [ten, twenty] = [of(10), of(20)];
    expect(ten.size / visitors.length).toBeCloseTo(0.1, 1);
    expect([...ten].every((visitor) => twenty.has(visitor))).toBe(true);
    expect([of(0).size, of(100).size]).toEqual([0, 5_000]);
    const [inside] = ten;
    const outside = visitors.find((visitor) => !ten.has(visitor))!;
    const document = { sample: { percent: 10 } };
    expect(shape(document, anEvent({ anonymous_id: inside! }))).toMatchObject({ outcome: "kept" });
    expect(shape(document, anEvent({ anonymous_id: outside }))).toMatchObject({
      outcome: "filtered",
      reason: "sampled_out",
    });
  });
});

describe("personal data", () => {
  const person: Partial<Event> = {
    type: "identify",
    user_id: "u1",
    properties: {
      email: " Jane@Example.com ",
      name: "Blue hat",
      note: "jane@example.com",
      friends: [{ email: "a@example.com" }],
      mails: ["b@example.com", "no mail"],
    },
    traits: { name: "Jane", phone: "+49 (0)89 123456", address: { city: "Munich" }, plan: "pro" },
    context: { ip: "203.0.113.7", user_agent: "Mozilla", traits: { first_name: "Jane", birthday: "1990-01-02" } },
  };

  it("of a class is stripped wherever it stands", async () => {
    const pii = ["email", "phone", "name", "address", "birthday", "ip", "user_agent", "user_id"].map((of) => ({
      class: of,
      do: "strip",
    }));
    const event = await shaped({ pii }, person);
    expect(event).toMatchObject({
      properties: { name: "Blue hat", friends: [{}], mails: ["no mail"] },
      traits: { plan: "pro" },
      context: { traits: {} },
    });
    expect(JSON.stringify(event)).not.toMatch(/jane|example\.com|Munich|203\.0|Mozilla|1990|u1/i);
  });

  it("is hashed as vendors compare it", async () => {
    const { properties, traits } = await shaped(
      {
        pii: [
          { class: "email", do: "hash" },
          { class: "phone", do: "hash" },
        ],
      },
      person,
    );
    expect(properties.email).toBe(sha256("jane@example.com"));
    expect(properties.friends).toEqual([{ email: sha256("a@example.com") }]);
    expect(traits!.phone).toBe(sha256("+49089123456"));
  });

  it("by path outranks its class", async () => {
    const event = await shaped(
      {
        pii: [
          { class: "email", do: "strip" },
          { path: "properties.email", do: "allow" },
          { path: "traits.plan", do: "strip" },
        ],
      },
      person,
    );
    expect(event.properties).toMatchObject({ email: " Jane@Example.com " });
    expect(event.properties).not.toHaveProperty("note");
    expect(event.traits).not.toHaveProperty("plan");
  });
});

describe("a document", () => {
  it("may be empty", () => {
    expect(pipelineDocument.parse({})).toMatchObject({
      on_error: "quarantine",
      transform: [],
      output: { on_error: "quarantine" },
    });
    const event = anEvent();
    expect(shape({}, event)).toEqual({ outcome: "kept", value: event, skipped: 0 });
  });

  it.each<[string, object, string, RegExp]>([
    ["a misspelt section", { maps: [] }, "", /maps/],
    ["a step that does nothing", { map: [{ when: "true" }] }, "map.0", /does one of .*; this one does none/],
    [
      "a step that does two things",
      { map: [{ remove: ["user_id"], rename_event: "x" }] },
      "map.0",
      /rename_event and remove/,
    ],
    ["a condition that loops without bounds", { when: 'event.event.matches("a")' }, "when", /character 1: .*matches/],
    ["a condition that is none", { map: [{ when: '"text"', remove: ["user_id"] }] }, "map.0.when", /true or false/],
    [
      "JSONata that reads the clock",
      { map: [{ jsonata: '{"timestamp": $now()}' }] },
      "map.0.jsonata",
      /character 15: \$now/,
    ],
    [
      "writing consent",
      { transform: [{ set: { "context.consent.marketing": true } }] },
      "transform.0.set.context.consent.marketing",
      /decided before/,
    ],
    [
      "a prototype",
      { transform: [{ set: { "properties.__proto__.x": 1 } }] },
      "transform.0.set.properties.__proto__.x",
      /path/,
    ],
    [
      "a value that is none",
      { map: [{ set: { "properties.a": { form: "b" } } }] },
      "map.0.set.properties.a",
      /a value is/,
    ],
    [
      "a function in a stage of lookups",
      { enrich: [{ function: { code: "x" } }] },
      "enrich.0.function",
      /does not belong/,
    ],
    ["a sample of more than all", { sample: { percent: 101 } }, "sample.percent", /100/],
    ["an unknown class", { pii: [{ class: "soul", do: "strip" }] }, "pii.0", /rule/],
  ])("with %s is refused with its place", (_, document, place, message) => {
    const { error } = pipelineDocument.safeParse(document);
    expect(problemsOf(error!)).toContainEqual({ path: place, message: expect.stringMatching(message) });
  });
});

it("tells a preview each step with what was before and after", async () => {
  const seen: string[] = [];
  await shape(
    {
      transform: [{ name: "price", set: { "properties.price": 5 } }],
      map: [{ on_error: "skip", set: { "properties.x": { from: "event", as: "number" } } }],
    },
    anEvent({ event: "Test" }),
    ({ stage, step, before, after, outcome }) =>
      seen.push(JSON.stringify([stage, step, (before as Event).properties, (after as Event).properties, outcome])),
  );
  expect(seen).toEqual([
    '["transform","price",{},{"price":5},"kept"]',
    '["map","1. set",{"price":5},{"price":5},"skipped"]',
  ]);
});
