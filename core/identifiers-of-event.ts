/**
 * Which identifiers an event speaks of, and which of them it says are one person's: the edges of the identity graph
 * (identity-graph.ts). Nothing here throws: what cannot be used is named, with its reason, and the event goes on as it
 * is.
 */
import { isNobodysEmail, isNobodysId, isNobodysPhone } from "./denied-identifiers.ts";
import type { Event } from "./event.ts";
import { personOf, identifier as vendorIdentifier } from "./identifiers.ts";
import { type Edge, type EdgeKind, edgeOf, type Identifier, type IdentifierKind } from "./identity-graph.ts";
import type { IdentityReason, IdentityRules } from "./identity-rules.ts";
import { isConfusable } from "./look-alikes.ts";
import { isRecord, record, text } from "./values.ts";

/** A longer value is no id; `written` is not even looked at beyond four times this. */
const VALUE_LENGTH = 256;
/** Of UTF-8, so that a full cluster fits into one row (identity-cluster.ts). */
const VALUE_BYTES = 512;
/** External ids that one event may bring. */
const EXTERNAL_IDS = 20;

export type ReadIdentifier =
  | { ok: true; identifier: Identifier; confusable: boolean }
  | { ok: false; kind: IdentifierKind; reason: IdentityReason };

/**
 * A value as somebody wrote it to the identifier that it is everywhere here, also where an API looks a person up.
 * Trimmed and in Unicode's NFKC, so that one name typed on two keyboards is one; letters keep their case, because ids
 * may differ by it alone. UUIDs of devices do not: Apple writes them in capitals, others in small letters, and RFC 9562
 * counts both alike. E-mail and phone become the SHA-256 that advertising vendors compare, so that what a customer
 * hashed beforehand is the same person as what came in clear.
 */
export function readIdentifier(kind: IdentifierKind, written: string, rules: IdentityRules): ReadIdentifier {
  const refused = (reason: IdentityReason): ReadIdentifier => ({ ok: false, kind, reason });
  if (written.length > 4 * VALUE_LENGTH) return refused("too_long_identifier");
  if (!written.isWellFormed()) return refused("malformed_identifier");
  const value = (PLAIN.test(written) ? written : written.normalize("NFKC")).trim();
  if (value.length > VALUE_LENGTH || !fitsBytes(value)) return refused("too_long_identifier");
  if (isDenied(kind, value, rules)) return refused("denied_identifier");
  if (CONTROL.test(value)) return refused("malformed_identifier");
  const form = formOf(kind, value);
  if (form === undefined) return refused("malformed_identifier");
  return { ok: true, identifier: { kind, value: form }, confusable: isConfusable(value) };
}

const PLAIN = /^[\x20-\x7e]*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what no id may hold
const CONTROL = /[\x00-\x1f\x7f-\x9f]/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function fitsBytes(value: string): boolean {
  return value.length * 3 <= VALUE_BYTES || new TextEncoder().encode(value).length <= VALUE_BYTES;
}

function formOf(kind: IdentifierKind, value: string): string | undefined {
  if (kind === "email") return vendorIdentifier("meta", "em", value);
  if (kind === "phone") return vendorIdentifier("meta", "ph", value);
  return kind === "device_id" && UUID.test(value) ? value.toLowerCase() : value;
}

function isDenied(kind: IdentifierKind, value: string, { denied }: IdentityRules): boolean {
  if (kind === "email") return isNobodysEmail(value, denied.email);
  if (kind === "phone") return isNobodysPhone(value, denied.phone);
  return isNobodysId(value, isExternal(kind) ? denied.external : denied[kind]);
}

function isExternal(kind: IdentifierKind): kind is `external:${string}` {
  return kind.startsWith("external:");
}

export interface SpokenOf {
  /** The surest first: user id, anonymous id, external ids, e-mail, phone, device. */
  identifiers: Identifier[];
  edges: Edge[];
  /** Never with the value: it may be an address in clear, or a megabyte. */
  refused: { kind: IdentifierKind | "event"; reason: IdentityReason }[];
  /** Those that look like another id (look-alikes.ts). They are used all the same. */
  confusable: Identifier[];
}

/**
 * All edges of an event start at its surest identifier. A page view without a login speaks of one, and makes none.
 *
 * Only traits are read, which say who the person is, not properties: an order's address may be that of whoever gets the
 * present. `source_id` is the source that the event came by. The time of an edge is the event's, and never later than
 * its receipt: a wrong clock could otherwise make evidence of next year, which no `unmerge` would reach.
 */
export function identifiersOfEvent(event: Event, source_id: string, rules: IdentityRules): SpokenOf {
  const said: SpokenOf = { identifiers: [], edges: [], refused: [], confusable: [] };
  const read = (kind: IdentifierKind, written: string | undefined): Identifier | undefined => {
    if (written === undefined) return undefined;
    const found = readIdentifier(kind, written, rules);
    if (!found.ok) {
      said.refused.push({ kind, reason: found.reason });
      return undefined;
    }
    const { identifier } = found;
    if (said.identifiers.some((known) => isSame(known, identifier))) return identifier;
    said.identifiers.push(identifier);
    if (found.confusable) said.confusable.push(identifier);
    return identifier;
  };

  const user = read("user_id", event.user_id);
  // The door gives a server's event without an anonymous id its user id as one, so that it has a session. It is no second id.
  if (event.anonymous_id !== event.user_id) read("anonymous_id", event.anonymous_id);
  for (const [kind, written] of externalIds(event, rules, said)) read(kind, written);
  const { email, phone } = event.traits || event.context.traits ? personOf({ ...event, properties: {} }) : {};
  read("email", email);
  read("phone", phone);
  read("device_id", text(record(event.context.device).id));

  const [centre, ...others] = said.identifiers;
  const at = Math.min(Date.parse(event.timestamp), Date.parse(event.received_at));
  const link = (kind: EdgeKind, a: Identifier, b: Identifier): void => {
    said.edges.push(edgeOf(kind, a, b, { at, message_id: event.message_id, source_id }));
  };
  const stated: EdgeKind = !user ? "contact" : event.type === "identify" ? "identify" : "event";
  if (centre) for (const other of others) link(other.kind === "device_id" ? "device" : stated, centre, other);
  if (event.type === "alias") alias(event, read, said, link);
  if (!said.identifiers.length) said.refused.push({ kind: "event", reason: "no_identifier" });
  return said;
}

/**
 * `previous_id` is whatever the person was known by (https://segment.com/docs/connections/spec/alias/): the anonymous
 * id of this very browser, which is what Segment's script sends by default, or else a user id.
 */
function alias(
  event: Event,
  read: (kind: IdentifierKind, written: string | undefined) => Identifier | undefined,
  said: SpokenOf,
  link: (kind: EdgeKind, a: Identifier, b: Identifier) => void,
): void {
  if (event.previous_id === undefined) {
    said.refused.push({ kind: "event", reason: "alias_without_previous_id" });
    return;
  }
  const now = said.identifiers.find(({ kind }) => kind === "user_id" || kind === "anonymous_id");
  const isAnonymous = event.previous_id === event.anonymous_id && event.anonymous_id !== event.user_id;
  const previous = read(isAnonymous ? "anonymous_id" : "user_id", event.previous_id);
  if (!now || !previous) return;
  if (isSame(now, previous)) said.refused.push({ kind: "event", reason: "self_alias" });
  else link("alias", now, previous);
}

/**
 * Declared ones: from the trait that carries them, and from `context.external_ids`, as a record or as Segment's list of
 * `{id, type}`.
 */
function externalIds(event: Event, rules: IdentityRules, said: SpokenOf): [IdentifierKind, string][] {
  const traits = { ...record(event.context.traits), ...(event.type === "group" ? {} : record(event.traits)) };
  const written: [string, unknown][] = rules.external_ids
    .filter(({ trait }) => trait !== undefined && Object.hasOwn(traits, trait))
    .map(({ name, trait }) => [name, traits[trait!]]);
  const given = event.context.external_ids ?? event.context.externalIds;
  if (Array.isArray(given))
    for (const one of given) written.push([String(text(record(one).type) ?? ""), record(one).id]);
  else if (isRecord(given)) written.push(...Object.entries(given));
  if (written.length > EXTERNAL_IDS) said.refused.push({ kind: "event", reason: "too_many_external_ids" });
  const found: [IdentifierKind, string][] = [];
  for (const [name, held] of written.slice(0, EXTERNAL_IDS)) {
    const value = text(held);
    if (!rules.external_ids.some((declared) => declared.name === name)) {
      said.refused.push({ kind: "event", reason: "undeclared_external_id" });
    } else if (value === undefined) {
      if (held !== null && held !== undefined)
        said.refused.push({ kind: `external:${name}`, reason: "malformed_identifier" });
    } else found.push([`external:${name}`, value]);
  }
  return found;
}

function isSame(a: Identifier, b: Identifier): boolean {
  return a.kind === b.kind && a.value === b.value;
}
