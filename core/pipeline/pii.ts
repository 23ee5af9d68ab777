/**
 * What one vendor is told of a person: rules by class or by path, the path outranking the class. Classes are told by a field's name, and
 * e-mail addresses also by how they look. Layer 1 has classified and treated everything for the organisation before; this is the
 * stricter rule for one vendor.
 */
import * as z from "zod";
import type { Event } from "../event.ts";
import { sha256 } from "../hash.ts";
import { isRecord, text } from "../values.ts";
import type { Draft } from "./draft.ts";
import { path, read, segmentsOf } from "./path.ts";

export const PII_CLASSES = [
  "email",
  "phone",
  "name",
  "address",
  "birthday",
  "gender",
  "ip",
  "user_agent",
  "user_id",
] as const;
export type PiiClass = (typeof PII_CLASSES)[number];

/** `hash`: SHA-256 in hex of the value in small letters without white space around it; of a phone number, of its digits after a plus. */
const treatment = z.enum(["allow", "hash", "strip"]);

export const piiRule = z.union(
  [z.strictObject({ class: z.enum(PII_CLASSES), do: treatment }), z.strictObject({ path, do: treatment })],
  "a rule is {class, do} or {path, do}",
);
export type PiiRule = z.infer<typeof piiRule>;

const CLASS_OF_NAME = new Map<string, PiiClass>(
  Object.entries({
    email: "email mail emailaddress useremail customeremail",
    phone: "phone phonenumber mobile mobilephone telephone tel cell",
    name: "firstname lastname fullname surname givenname familyname middlename username nickname",
    address: "address street line1 line2 postalcode zip zipcode postcode houseno housenumber streetaddress",
    birthday: "birthday dateofbirth dob birthdate",
    gender: "gender sex",
    ip: "ip ipaddress",
    user_agent: "useragent",
    user_id: "userid customerid",
  } satisfies Record<PiiClass, string>).flatMap(([of, names]) =>
    names.split(" ").map((name) => [name, of as PiiClass] as const),
  ),
);
const EMAIL = /^[^\s@]{1,64}@[^\s@]{1,255}\.[^\s@]{2,}$/;

/** `isTrait`: among traits `name` is a person's, elsewhere a product's or page's. */
function classOf(name: string, held: unknown, isTrait: boolean): PiiClass | undefined {
  if (isTrait && name === "name") return "name";
  const of = CLASS_OF_NAME.get(name.toLowerCase().replace(/[_\s-]/g, ""));
  return of ?? (typeof held === "string" && held.length < 330 && EMAIL.test(held) ? "email" : undefined);
}

type Treat = (draft: Draft<Event>, segments: readonly string[], held: unknown, of: PiiClass | undefined) => void;

const TREAT: Record<z.infer<typeof treatment>, Treat> = {
  allow: () => {},
  strip: (draft, segments) => void draft.remove(segments),
  hash: (draft, segments, held, of) => {
    const written = text(held);
    // What is no text or number has no hash that anybody could compare.
    if (written === undefined) draft.remove(segments);
    else if (!/^[0-9a-f]{64}$/i.test(written)) draft.set(segments, sha256(normal(written, of)));
  },
};

function normal(written: string, of: PiiClass | undefined): string {
  if (of === "phone") return `+${written.replace(/\D/g, "").replace(/^0+/, "")}`;
  return written.trim().toLowerCase();
}

/** Where an event may name a person. A group's traits are a company's, but may hold addresses all the same. */
const PLACES: { segments: string[]; isTrait: boolean }[] = [
  { segments: ["properties"], isTrait: false },
  { segments: ["traits"], isTrait: true },
  { segments: ["context", "traits"], isTrait: true },
];
const OWN: [PiiClass, string[]][] = [
  ["ip", ["context", "ip"]],
  ["user_agent", ["context", "user_agent"]],
  ["user_id", ["user_id"]],
];

/** A function that treats an event's draft by these rules. */
export function compilePii(rules: PiiRule[]): (draft: Draft<Event>) => void {
  const byPath = rules.flatMap((rule) =>
    "path" in rule ? [{ segments: segmentsOf(rule.path), key: rule.path, do: rule.do }] : [],
  );
  const byClass = new Map(rules.flatMap((rule) => ("class" in rule ? [[rule.class, rule.do] as const] : [])));
  const spoken = new Set(byPath.map(({ key }) => key));

  return (draft) => {
    if (byClass.size) {
      const before = draft.value;
      const visit = (of: PiiClass | undefined, segments: readonly string[], held: unknown) => {
        const what = of && byClass.get(of);
        if (!what || what === "allow" || isSpoken(spoken, segments)) return;
        TREAT[what](draft, segments, held, of);
      };
      for (const [of, segments] of OWN) {
        const held = read(before, segments);
        if (held !== undefined) visit(of, segments, held);
      }
      for (const { segments, isTrait } of PLACES) walk(read(before, segments), segments, isTrait, visit);
    }
    for (const rule of byPath) {
      const held = read(draft.value, rule.segments);
      if (held !== undefined)
        TREAT[rule.do](
          draft,
          rule.segments,
          held,
          classOf(rule.segments.at(-1)!, held, rule.segments.includes("traits")),
        );
    }
  };
}

/** A path outranks the class of what stands there and below it. */
function isSpoken(spoken: Set<string>, segments: readonly string[]): boolean {
  if (spoken.size === 0) return false;
  return segments.some((_, i) => spoken.has(segments.slice(0, i + 1).join(".")));
}

/** Lists from their end, so that what is removed moves nothing that is still to be visited. */
function walk(
  held: unknown,
  segments: readonly string[],
  isTrait: boolean,
  visit: (of: PiiClass | undefined, segments: readonly string[], held: unknown) => void,
): void {
  if (Array.isArray(held)) {
    for (let i = held.length - 1; i >= 0; i--) {
      const at = [...segments, String(i)];
      if (typeof held[i] === "object") walk(held[i], at, isTrait, visit);
      else visit(classOf("", held[i], false), at, held[i]);
    }
  } else if (isRecord(held)) {
    for (const [name, inner] of Object.entries(held)) {
      const at = [...segments, name];
      const of = classOf(name, inner, isTrait);
      if (of) visit(of, at, inner);
      else if (typeof inner === "object" && inner !== null) walk(inner, at, isTrait, visit);
    }
  }
}
