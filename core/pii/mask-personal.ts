/** Personal data out of sight of people who may work with events and profiles, but not see whose they are. */
import { PII_CLASSES, type PiiClass } from "../org-data-layer/pii.ts";
import { isRecord } from "../values.ts";
import { classOfName } from "./class-of-name.ts";
import { findInText } from "./find-in-text.ts";

/** What a role without `pii:read` does not see. */
export const PERSONAL: ReadonlySet<PiiClass> = new Set(PII_CLASSES);

export const MASK = "•••";

/** As deep as an event may be; what lies deeper is masked whole. */
const MOST_DEPTH = 32;

/**
 * A copy of `json` in which every value of these classes is `•••`: by the name of its field, whatever it holds, and in any text by
 * how it looks. Texts that are JSON themselves (a vendor's request) are masked within. Structure, keys and numbers of other fields stay.
 */
export function maskPersonal<T>(json: T, classes: ReadonlySet<PiiClass>): T {
  return masked(json, classes, 0) as T;
}

/** `within`: the key under which the value stands. */
function masked(value: unknown, classes: ReadonlySet<PiiClass>, depth: number, within = ""): unknown {
  if (depth > MOST_DEPTH) return MASK;
  if (typeof value === "string") return maskedText(value, classes, depth);
  if (Array.isArray(value)) return value.map((one) => masked(one, classes, depth + 1));
  if (!isRecord(value)) return value;
  // `{kind: "email", value: "…"}`: how people's identifiers are written.
  const { kind } = value;
  const kindIsPersonal = typeof kind === "string" && isPersonal(kind, classes);
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => {
      const hides =
        isPersonal(key, classes) ||
        (key === "value" && kindIsPersonal) ||
        // Of a person; elsewhere products and integrations have names.
        (key === "name" && within === "traits" && classes.has("name"));
      return [key, hides ? hidden(one) : masked(one, classes, depth + 1, key)];
    }),
  );
}

function isPersonal(name: string, classes: ReadonlySet<PiiClass>): boolean {
  const found = classOfName(name);
  return found !== undefined && classes.has(found);
}

/** That there is something may be seen. */
function hidden(value: unknown): unknown {
  return value === null || value === undefined || value === "" || typeof value === "boolean" ? value : MASK;
}

function maskedText(text: string, classes: ReadonlySet<PiiClass>, depth: number): string {
  if (/^\s*[{[]/.test(text)) {
    try {
      return JSON.stringify(masked(JSON.parse(text), classes, depth + 1));
    } catch {
      // Text that only begins like JSON.
    }
  }
  return findInText(text, classes)
    .toSorted((a, b) => b.start - a.start)
    .reduce((rest, { start, end }) => rest.slice(0, start) + MASK + rest.slice(end), text);
}
