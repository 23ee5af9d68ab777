/** One way to write what people and shops write in many. */
import { parsePhoneNumberFromString } from "libphonenumber-js/min";
import { countryCode } from "../country.ts";
import { ALPHA_2_OF_ALPHA_3 } from "../country-alpha-3.ts";
import type { Kind } from "../org-data-layer/normalise.ts";
import { currencyCode } from "./currency.ts";
import { readBoolean } from "./read-boolean.ts";
import { readDate, readTimestamp } from "./read-time.ts";

export interface Surroundings {
  /** Where the event happened, ISO 3166-1 alpha-2. */
  country: string | undefined;
  gmail_canonical: boolean;
}

/** Undefined where it cannot be read. Never throws. */
export function normaliseValue(value: unknown, kind: Kind, around: Surroundings): unknown {
  switch (kind) {
    case "country":
      return typeof value === "string" ? readCountry(value) : undefined;
    case "currency":
      return typeof value === "string" ? currencyCode(value, around.country) : undefined;
    case "email":
      return typeof value === "string" ? readEmail(value, around.gmail_canonical) : undefined;
    case "phone":
      return typeof value === "string" || typeof value === "number"
        ? readPhone(String(value), around.country)
        : undefined;
    case "boolean":
      return readBoolean(value);
    case "date":
      return readDate(value);
    case "timestamp":
      return readTimestamp(value);
  }
}

function readEmail(written: string, gmailCanonical: boolean): string | undefined {
  const email = written
    .trim()
    .replace(/^mailto:/i, "")
    .toLowerCase();
  const [local, host, ...more] = email.split("@");
  if (!local || !host || more.length || email.length > 320 || /\s/.test(email) || !/^[^.].*\.[^.]{2,}$/.test(host))
    return undefined;
  if (!gmailCanonical || !/^(gmail|googlemail)\.com$/.test(host)) return email;
  const inbox = local.replace(/\+.*$/, "").replaceAll(".", "");
  return inbox === "" ? email : `${inbox}@gmail.com`;
}

const readCountry = remembered((written: string) => {
  const text = written.trim();
  return ALPHA_2_OF_ALPHA_3.get(text.toUpperCase()) ?? countryCode(text);
});

/** E.164. Without a country code the number is one of the event's country; one that no network there can have is unreadable. */
function readPhone(written: string, country: string | undefined): string | undefined {
  if (/^\+[1-9]\d{6,14}$/.test(written)) return readNumber(written);
  return readNumber(country === undefined ? written : `${country} ${written}`);
}

const readNumber = remembered((asked: string) => {
  const [, country, written = ""] = /^(?:([A-Z]{2}) )?(.*)$/s.exec(asked) ?? [];
  // "00" is how "+" is dialled from most countries.
  const dialled = written.trim().replace(/^00(?=[1-9])/, "+");
  try {
    const read = parsePhoneNumberFromString(dialled, country as Parameters<typeof parsePhoneNumberFromString>[1]);
    return read?.isPossible() && !read.ext ? read.number : undefined;
  } catch {
    return undefined;
  }
});

/** Parsing takes microseconds and the same values come again: the whole memory is dropped when it is full. */
const MOST_REMEMBERED = 10_000;
const LONGEST = 64;

function remembered(read: (text: string) => string | undefined): (text: string) => string | undefined {
  const known = new Map<string, string | undefined>();
  return (text) => {
    if (text.length > LONGEST) return undefined;
    if (known.has(text)) return known.get(text);
    const value = read(text);
    if (known.size >= MOST_REMEMBERED) known.clear();
    known.set(text, value);
    return value;
  };
}
