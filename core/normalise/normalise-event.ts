/** The fields of an event whose meaning is known, each written in one way. */
import { compiledOnce } from "../compiled-once.ts";
import type { Event } from "../event.ts";
import type { Kind, Normalise } from "../org-data-layer/normalise.ts";
import { changeAt, GONE, type PathTree, pathTree } from "../path-tree.ts";
import { pick, record } from "../values.ts";
import { normaliseValue } from "./normalise-value.ts";

/** https://segment.com/docs/connections/spec/identify/#traits and https://segment.com/docs/connections/spec/ecommerce/v2/ */
const KNOWN: Record<string, Kind> = {
  "properties.currency": "currency",
  "properties.products.*.currency": "currency",
  "properties.country": "country",
  "properties.email": "email",
  "properties.phone": "phone",
  "properties.birthday": "date",
  ...Object.fromEntries(
    ["traits", "context.traits"].flatMap((where) => [
      [`${where}.email`, "email"],
      [`${where}.phone`, "phone"],
      [`${where}.country`, "country"],
      [`${where}.address.country`, "country"],
      [`${where}.birthday`, "date"],
      [`${where}.created_at`, "timestamp"],
      [`${where}.createdAt`, "timestamp"],
    ]),
  ),
};

const compiled = compiledOnce(({ known_fields, fields }: Normalise): PathTree<Kind> | undefined => {
  const all = { ...(known_fields && KNOWN), ...fields };
  return Object.keys(all).length ? pathTree(Object.entries(all)) : undefined;
});

/** The same event where there was nothing to do; `changed` gets the paths. `country` is where the request came from. */
export function normaliseEvent(event: Event, rules: Normalise, country: string | undefined, changed: string[]): Event {
  const tree = compiled(rules);
  if (!tree) return event;
  let around: Parameters<typeof normaliseValue>[2] | undefined;
  return changeAt(event, tree, (value, kind, path) => {
    around ??= { country: countryOf(event, country ?? rules.default_country), gmail_canonical: rules.gmail_canonical };
    const read = normaliseValue(value, kind, around);
    if (read === value || (read === undefined && rules.unreadable === "keep")) return value;
    changed.push(path);
    return read ?? GONE;
  });
}

/** A person's own country outranks that of the network they are in now. */
function countryOf({ traits, context }: Event, otherwise: string | undefined): string | undefined {
  const who = { ...record(context.traits), ...traits };
  const told = pick(record(who.address), "country") ?? pick(who, "country") ?? context.location?.country;
  const code =
    told === undefined ? undefined : normaliseValue(told, "country", { country: undefined, gmail_canonical: false });
  return typeof code === "string" ? code : otherwise;
}
