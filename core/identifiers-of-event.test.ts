import { expect, it } from "vitest";
import { anEvent } from "../test/an-event.ts";
import type { Event } from "./event.ts";
import { sha256 } from "./hash.ts";
import { identifiersOfEvent, readIdentifier } from "./identifiers-of-event.ts";
import { type IdentifierKind, keyOf } from "./identity-graph.ts";
import { identityRules } from "./identity-rules.ts";

const RULES = identityRules.parse({
  denied: { user_id: ["demo"] },
  external_ids: [{ name: "card", trait: "loyaltyCard" }, { name: "crm_id" }],
});
const ADA = sha256("ada@shop.example");
const PHONE = sha256("4930901820");

function read(kind: IdentifierKind, written: string): string {
  const found = readIdentifier(kind, written, RULES);
  return found.ok ? found.identifier.value : found.reason;
}

it.each<[string, IdentifierKind, string, string]>([
  ["is trimmed", "user_id", "  u 1\n", "u 1"],
  ["is one however it was typed", "user_id", "ｕ１", "u1"],
  ["keeps its case", "user_id", "Ada", "Ada"],
  ["may be 256 characters", "user_id", "x".repeat(256), "x".repeat(256)],
  ["may be no longer", "user_id", "x".repeat(257), "too_long_identifier"],
  ["may be 512 bytes", "user_id", "山".repeat(171), "too_long_identifier"],
  ["may not grow by being normalised", "user_id", "ﷺ".repeat(20), "too_long_identifier"],
  ["may not be a megabyte", "user_id", "x".repeat(1_000_000), "too_long_identifier"],
  ["may not be a megabyte of space", "user_id", " ".repeat(1_000_000), "too_long_identifier"],
  ["may not be half a letter", "user_id", "u\ud800", "malformed_identifier"],
  ["may not hold control characters", "user_id", "u\u00001", "malformed_identifier"],
  ["may not be empty", "anonymous_id", " ", "denied_identifier"],
  ["may not be a placeholder", "user_id", "NULL", "denied_identifier"],
  ["may not be one of the environment's", "user_id", "Demo", "denied_identifier"],
  ["may be what another kind denies", "anonymous_id", "demo", "demo"],
  [
    "of a device is a UUID in small letters",
    "device_id",
    "3F2A0001-AAAA-4BBB-8CCC-0123456789AB",
    "3f2a0001-aaaa-4bbb-8ccc-0123456789ab",
  ],
  ["of a device may be none", "device_id", "00000000-0000-0000-0000-000000000000", "denied_identifier"],
  ["of a device that is no UUID keeps its case", "device_id", "AbC1", "AbC1"],
  ["may be an address", "email", " Ada@Shop.Example ", ADA],
  ["may be an address that was hashed before", "email", ADA.toUpperCase(), ADA],
  ["may not be half an address", "email", "ada@shop", "malformed_identifier"],
  ["may not be an address a megabyte long", "email", `${"a@".repeat(500_000)}x.de`, "too_long_identifier"],
  ["may not be a robot's address", "email", "noreply@shop.de", "denied_identifier"],
  ["may be a phone", "phone", "+49 (0)30 901820", PHONE],
  ["may not be a phone of no country", "phone", "030 901820", "malformed_identifier"],
  ["may not be no phone", "phone", "none", "malformed_identifier"],
  ["may not be a phone of zeroes", "phone", "0000000", "denied_identifier"],
])("an identifier %s", (_, kind, written, expected) => {
  expect(read(kind, written)).toBe(expected);
});

/** `kind: a – b` of each edge, hashes cut short. */
function edgesOf(given: Partial<Event>): string[] {
  const short = (key: string) => key.replace(ADA, "ada").replace(PHONE, "phone");
  return identifiersOfEvent(anEvent(given), "s1", RULES).edges.map(
    ({ kind, a, b }) => `${kind}: ${short(keyOf(a))} – ${short(keyOf(b))}`,
  );
}

const TRAITS = {
  email: "ada@shop.example",
  phone: "+49 30 901820",
  loyaltyCard: 77,
  crm_id: "not declared as a trait",
};

it.each<[string, Partial<Event>, string[]]>([
  ["a page view speaks of one", { type: "page", anonymous_id: "a1" }, []],
  [
    "a page view of a user joins both",
    { type: "page", anonymous_id: "a1", user_id: "u1" },
    ["event: anonymous_id a1 – user_id u1"],
  ],
  [
    "identify joins all to the user id",
    { type: "identify", anonymous_id: "a1", user_id: "u1", traits: TRAITS, context: { device: { id: "D1" } } },
    [
      "identify: anonymous_id a1 – user_id u1",
      "identify: external:card 77 – user_id u1",
      "identify: email ada – user_id u1",
      "identify: phone phone – user_id u1",
      "device: device_id D1 – user_id u1",
    ],
  ],
  [
    "identify without a user id leaves an address with the visitor",
    { type: "identify", anonymous_id: "a1", traits: { email: "ada@shop.example" } },
    ["contact: anonymous_id a1 – email ada"],
  ],
  ["an order's address does not count", { anonymous_id: "a1", properties: { email: "gift@shop.example" } }, []],
  [
    "traits in the context do",
    { anonymous_id: "a1", context: { traits: { email: "ada@shop.example" } } },
    ["contact: anonymous_id a1 – email ada"],
  ],
  [
    "a group's traits are a company's",
    { type: "group", anonymous_id: "a1", user_id: "u1", traits: TRAITS },
    ["event: anonymous_id a1 – user_id u1"],
  ],
  ["a server's event without an anonymous id speaks of one", { anonymous_id: "u1", user_id: "u1" }, []],
  [
    "an app's external ids, as Segment lists them",
    {
      anonymous_id: "a1",
      context: { externalIds: [{ id: "C1", type: "crm_id", collection: "users", encoding: "none" }] },
    },
    ["contact: anonymous_id a1 – external:crm_id C1"],
  ],
  [
    "external ids as a record",
    { anonymous_id: "a1", context: { external_ids: { crm_id: "C1" } } },
    ["contact: anonymous_id a1 – external:crm_id C1"],
  ],
  [
    "an alias joins two user ids",
    { type: "alias", anonymous_id: "a1", user_id: "u2", previous_id: "u1" },
    ["event: anonymous_id a1 – user_id u2", "alias: user_id u1 – user_id u2"],
  ],
  [
    "an alias of this browser's own id joins it",
    { type: "alias", anonymous_id: "a1", user_id: "u1", previous_id: "a1" },
    ["event: anonymous_id a1 – user_id u1", "alias: anonymous_id a1 – user_id u1"],
  ],
  [
    "an alias of a visitor joins a user id",
    { type: "alias", anonymous_id: "a1", previous_id: "u1" },
    ["alias: anonymous_id a1 – user_id u1"],
  ],
  ["a placeholder joins nobody", { anonymous_id: "a1", user_id: "undefined" }, []],
  ["a device's placeholder neither", { anonymous_id: "a1", context: { device: { id: "0000" } } }, []],
])("%s", (_, given, expected) => {
  expect(edgesOf(given)).toEqual(expected);
});

it.each<[string, Partial<Event>, unknown[]]>([
  ["a placeholder", { user_id: "null" }, [{ kind: "user_id", reason: "denied_identifier" }]],
  [
    "a megabyte",
    { context: { device: { id: "x".repeat(1e6) } } },
    [{ kind: "device_id", reason: "too_long_identifier" }],
  ],
  [
    "an event of nobody",
    { type: "identify", anonymous_id: "null", user_id: "null" },
    [
      { kind: "user_id", reason: "denied_identifier" },
      { kind: "event", reason: "no_identifier" },
    ],
  ],
  [
    "an alias without an id",
    { type: "alias", user_id: "u1" },
    [{ kind: "event", reason: "alias_without_previous_id" }],
  ],
  [
    "an alias of itself",
    { type: "alias", user_id: "u1", previous_id: "u1" },
    [{ kind: "event", reason: "self_alias" }],
  ],
  [
    "an alias of itself, typed another way",
    { type: "alias", user_id: "u1", previous_id: "ｕ1 " },
    [{ kind: "event", reason: "self_alias" }],
  ],
  [
    "an alias of a placeholder",
    { type: "alias", user_id: "u1", previous_id: "guest" },
    [{ kind: "user_id", reason: "denied_identifier" }],
  ],
  [
    "an external id that nobody declared",
    { context: { external_ids: { other: "1" } } },
    [{ kind: "event", reason: "undeclared_external_id" }],
  ],
  [
    "an external id that is none",
    { context: { external_ids: { crm_id: {} } } },
    [{ kind: "external:crm_id", reason: "malformed_identifier" }],
  ],
  [
    "a list of what is none",
    { context: { external_ids: [null] } },
    [{ kind: "event", reason: "undeclared_external_id" }],
  ],
])("names the reason for %s", (_, given, expected) => {
  expect(identifiersOfEvent(anEvent(given), "s1", RULES).refused).toEqual(expected);
});

it("reads 20 external ids of an event, and says that there were more", () => {
  const external_ids = Array.from({ length: 1_000 }, (_, k) => ({ type: "crm_id", id: k + 1 }));
  const said = identifiersOfEvent(anEvent({ context: { external_ids } }), "s1", RULES);
  expect(said.edges).toHaveLength(20);
  expect(said.refused).toEqual([{ kind: "event", reason: "too_many_external_ids" }]);
});

it("dates an edge by its event, but never later than it was received", () => {
  const at = (timestamp: string) =>
    identifiersOfEvent(anEvent({ user_id: "u1", timestamp, received_at: "2026-01-02T00:00:00.000Z" }), "s1", RULES)
      .edges[0]!.at;
  expect(at("2026-01-01T00:00:00.000Z")).toBe(Date.UTC(2026, 0, 1));
  expect(at("2099-01-01T00:00:00.000Z")).toBe(Date.UTC(2026, 0, 2));
});

it("tells which identifiers look like others, and never shows an address in a reason", () => {
  const said = identifiersOfEvent(anEvent({ user_id: "аda", traits: { email: "noreply@shop.de" } }), "s1", RULES);
  expect(said.confusable).toEqual([{ kind: "user_id", value: "аda" }]);
  expect(JSON.stringify(said)).not.toContain("shop.de");
});

it("names its message and source, and a message id of any length shortly", () => {
  const [edge] = identifiersOfEvent(anEvent({ user_id: "u1", message_id: "ж".repeat(256) }), "src_9", RULES).edges;
  expect(edge).toMatchObject({ source_id: "src_9", message_id: expect.stringMatching(/^sha256:[0-9a-f]{32}$/) });
});
