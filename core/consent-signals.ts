/**
 * What a person allowed, in every form in which it arrives, brought to ours: analytics and marketing, yes or no.
 *
 * `context.consent` may hold, alone or together:
 * - our own form, `{ analytics: true, marketing: "denied" }`; it outranks the others;
 * - Segment's, `{ categoryPreferences: { Advertising: true, Analytics: false } }`, also with OneTrust's ids (`C0002`, `C0004`)
 *   (https://segment.com/docs/privacy/consent-management/consent-in-segment-connections/#consent-object);
 * - Google's Consent Mode, `{ ad_storage: "granted", analytics_storage: "denied" }`, or `{ gcs: "G110" }`
 *   (https://developers.google.com/tag-platform/security/concepts/consent-mode);
 * - a TC string of the IAB's framework, `{ tcf: "CP…" }`.
 *
 * A request may say the same in `x-consent`, a structured dictionary (RFC 9651): `analytics=?1, marketing=?0`,
 * `gcs="G110"`, `tcf="CP…"`. It holds for those of its events that say nothing themselves.
 *
 * Where several of the other forms speak of a purpose, one that denies it wins. What was said of a purpose and cannot be
 * understood denies it; a form that cannot be read at all says nothing. Either is named in `unreadable`. No event is lost.
 */
import { BitLength, FieldSequence, Segment } from "@iabtcf/core";
import type { Consent } from "./event.ts";
import { isRecord } from "./values.ts";

/** What can have decided for a purpose. `categories`: Segment's preferences. */
export const CONSENT_SIGNALS = ["categories", "consent_mode", "tcf", "header"] as const;
type Signal = (typeof CONSENT_SIGNALS)[number];

/** Longer TC strings are not kept. */
export const TCF_LENGTH = 8_192;

const ASKED = ["analytics", "marketing"] as const;
type Asked = (typeof ASKED)[number];

/** What one signal says, and what of it could not be understood. */
interface Said extends Partial<Record<Asked, boolean>> {
  unreadable?: string[];
}

/** The consent that an event brings, whatever its form. Undefined where nothing was said. Never throws. */
export function readConsent(raw: unknown): Consent | undefined {
  if (raw === undefined || raw === null) return undefined;
  if (!isRecord(raw)) return fromOneValue(raw);
  const unreadable: string[] = [];
  const mode = fromConsentMode(raw);
  const tcf = fromTcf(raw.tcf);
  const others: [Signal, Said][] = [
    ["categories", fromCategories(raw.categoryPreferences ?? raw.category_preferences)],
    ["consent_mode", mode],
    ["tcf", tcf],
  ];
  const consent: Consent = {};
  const source: Consent["source"] = {};
  for (const purpose of ASKED) {
    const stated = answer(raw[purpose], purpose, unreadable);
    if (stated !== undefined) {
      consent[purpose] = stated;
      continue;
    }
    const speaking = others.filter(([, said]) => said[purpose] !== undefined);
    const decisive = speaking.find(([, said]) => said[purpose] === false) ?? speaking[0];
    if (!decisive) continue;
    consent[purpose] = decisive[1][purpose]!;
    source[purpose] = decisive[0];
  }
  for (const [, said] of others) if (said.unreadable) unreadable.push(...said.unreadable);
  if (typeof raw.tcf === "string" && raw.tcf && raw.tcf.length <= TCF_LENGTH) consent.tcf = raw.tcf;
  for (const field of ["ad_user_data", "ad_personalization"] as const) {
    const said = [mode[field], tcf[field]].filter((value) => value !== undefined);
    if (said.length) consent[field] = said.every(Boolean) ? "granted" : "denied";
  }
  if (Object.keys(source).length) consent.source = source;
  if (unreadable.length) consent.unreadable = unreadable;
  return Object.keys(consent).length ? consent : undefined;
}

/** Of `x-consent`. Undefined where there is none. Never throws. */
export function consentFromHeader(value: string | null): Consent | undefined {
  const text = value?.trim();
  if (!text) return undefined;
  const members = dictionary(text);
  // `granted` and a bare TC string are no dictionaries of ours, and mean something all the same.
  const consent = readConsent(members && KNOWN.some((key) => key in members) ? members : text);
  if (!consent) return undefined;
  const source = Object.fromEntries(ASKED.flatMap((p) => (consent[p] === undefined ? [] : [[p, "header" as const]])));
  return { ...consent, ...(Object.keys(source).length && { source }) };
}

/** The event's own consent; where it says nothing of either purpose, what its request said. */
export function consentOf(own: Consent | undefined, ofRequest: Consent | undefined): Consent | undefined {
  if (!ofRequest || own?.analytics !== undefined || own?.marketing !== undefined) return own;
  const unreadable = [...(own?.unreadable ?? []), ...(ofRequest.unreadable ?? [])];
  return { ...own, ...ofRequest, ...(unreadable.length && { unreadable }) };
}

const GRANTED = new Set(["true", "1", "yes", "granted"]);
const DENIED = new Set(["false", "0", "no", "denied"]);

/** Yes or no; anything else that was said is a no that is marked. What is empty was not asked. */
function answer(value: unknown, name: string, unreadable: string[]): boolean | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const word = String(typeof value === "object" ? "" : value).trim();
  if (GRANTED.has(word.toLowerCase())) return true;
  if (!DENIED.has(word.toLowerCase())) unreadable.push(name);
  return false;
}

/** One value for everything: `true`, `"denied"`, a TC string, a `gcs`. */
function fromOneValue(value: unknown): Consent | undefined {
  if (value === "" || (Array.isArray(value) && value.length === 0)) return undefined;
  if (typeof value === "string" && GCS.test(value)) return readConsent({ gcs: value });
  if (typeof value === "string" && purposesOfTcf(value)) return readConsent({ tcf: value });
  const unreadable: string[] = [];
  const all = answer(value, "consent", unreadable) ?? false;
  return { analytics: all, marketing: all, ...(unreadable.length && { unreadable }) };
}

/** By name without case, spaces and signs. Categories that are not listed speak of neither purpose. */
const CATEGORIES = new Map<string, Asked>([
  ["analytics", "analytics"],
  ["performance", "analytics"],
  ["statistics", "analytics"],
  ["measurement", "analytics"],
  // Segment's own consent manager asks about these two together, and about advertising by itself.
  ["marketingandanalytics", "analytics"],
  ["advertising", "marketing"],
  ["ads", "marketing"],
  ["marketing", "marketing"],
  ["targeting", "marketing"],
  ["socialmedia", "marketing"],
  // OneTrust's ids: performance, targeting, social media.
  ["c0002", "analytics"],
  ["c0004", "marketing"],
  ["c0005", "marketing"],
]);

function fromCategories(preferences: unknown): Said {
  if (preferences === undefined || preferences === null) return {};
  if (!isRecord(preferences)) return { unreadable: ["categoryPreferences"] };
  const said: Said = {};
  const unreadable: string[] = [];
  for (const [category, value] of Object.entries(preferences)) {
    const purpose = CATEGORIES.get(category.toLowerCase().replace(/[^a-z0-9]/g, ""));
    const given = purpose && answer(value, `categoryPreferences.${category}`.slice(0, NAME_LENGTH), unreadable);
    if (purpose && given !== undefined) said[purpose] = (said[purpose] ?? true) && given;
  }
  if (unreadable.length) said.unreadable = unreadable.slice(0, MOST_NAMES);
  return said;
}

/** Customers choose the names of their categories. */
const NAME_LENGTH = 64;
const MOST_NAMES = 8;

type GoogleSaid = Said & { ad_user_data?: boolean; ad_personalization?: boolean };

/** Consent Mode's fields, and of which purpose each speaks. Its other storage types concern neither. */
const CONSENT_MODE = {
  analytics_storage: "analytics",
  ad_storage: "marketing",
  ad_user_data: "marketing",
  ad_personalization: "marketing",
} as const;

/** Google writes the state of advertising first, then of analytics; `-` where a page did not say. */
const GCS = /^G1([01-])([01-])$/;

function fromConsentMode(raw: Record<string, unknown>): GoogleSaid {
  const said: GoogleSaid = {};
  const unreadable: string[] = [];
  const say = (purpose: Asked, given: boolean) => {
    said[purpose] = (said[purpose] ?? true) && given;
  };
  for (const field of Object.keys(CONSENT_MODE) as (keyof typeof CONSENT_MODE)[]) {
    const given = answer(raw[field], field, unreadable);
    if (given === undefined) continue;
    say(CONSENT_MODE[field], given);
    if (field === "ad_user_data" || field === "ad_personalization") said[field] = given;
  }
  if (raw.gcs !== undefined && raw.gcs !== null && raw.gcs !== "") {
    const [whole, ads, analytics] = (typeof raw.gcs === "string" && GCS.exec(raw.gcs)) || [];
    if (!whole) unreadable.push("gcs");
    if (ads && ads !== "-") say("marketing", ads === "1");
    if (analytics && analytics !== "-") say("analytics", analytics === "1");
  }
  if (unreadable.length) said.unreadable = unreadable;
  return said;
}

/**
 * The purposes of https://github.com/InteractiveAdvertisingBureau/GDPR-Transparency-and-Consent-Framework/blob/master/TCFv2
 * - analytics: 1 (store on a device) and 8 (measure content);
 * - marketing: 1, 3 and 4 (profiles for, and choice of, personalised advertising) and 7 (measure advertising).
 * 7 and 8 may rest on a legitimate interest that was disclosed and not objected to; since version 2.2, 3 and 4 may not, and 1
 * never did. Google's fields follow its table, https://developers.google.com/tag-platform/security/guides/implement-TCF-strings;
 * it wants consent to itself as a vendor too.
 */
function fromTcf(value: unknown): GoogleSaid {
  if (value === undefined || value === null || value === "") return {};
  const purposes = typeof value === "string" && value.length <= TCF_LENGTH ? purposesOfTcf(value) : undefined;
  if (!purposes) return { unreadable: ["tcf"] };
  const { consented, legitimate, google } = purposes;
  const may = (purpose: number) => consented(purpose) || legitimate(purpose);
  return {
    analytics: consented(1) && may(8),
    marketing: consented(1) && consented(3) && consented(4) && may(7),
    ad_user_data: google && consented(1) && may(7),
    ad_personalization: google && consented(3) && consented(4),
  };
}

interface TcfPurposes {
  consented(purpose: number): boolean;
  legitimate(purpose: number): boolean;
  /** Google's own entry among the vendors. */
  google: boolean;
}

/** Where each field of fixed length begins in a version 2 string, in bits. */
const START: Record<string, number> = {};
let fixed = 0;
for (const field of new FieldSequence()["2"][Segment.CORE] as string[]) {
  START[field] = fixed;
  const length = (BitLength as unknown as Record<string, number | undefined>)[field];
  // The first of the lists of vendors.
  if (length === undefined) break;
  fixed += length;
}
const VENDORS = fixed;
/** https://vendor-list.consensu.org: Google Advertising Products. */
const GOOGLE = 755;
/** Version 2 came in August 2019. Tenths of a second. */
const FIRST_CREATED = Date.UTC(2019, 7) / 100;
const LAST_CREATED = Date.UTC(2100, 0) / 100;

/** Visitors come with few strings, and a batch with one: the whole cache is dropped when it is full. */
const MOST_CACHED = 500;
const cache = new Map<string, TcfPurposes | undefined>();

/** What a version 2 string says; undefined where it is none. */
function purposesOfTcf(value: string): TcfPurposes | undefined {
  const [core = ""] = value.split(".", 1);
  if (core.length > TCF_LENGTH || core.length * 6 < VENDORS || !/^C[\w-]+$/.test(core)) return undefined;
  if (cache.has(core)) return cache.get(core);
  if (cache.size >= MOST_CACHED) cache.clear();
  const purposes = decode(core);
  cache.set(core, purposes);
  return purposes;
}

/**
 * Not by the library's own `decode`, which makes a set of all the vendors: 8 KB of hostile ranges took it 4 seconds. What an
 * accident would not write right (languages, countries, times) is checked, so that no other text that begins with a C passes
 * for consent.
 */
function decode(core: string): TcfPurposes | undefined {
  const created = bits(core, START.created!, BitLength.created);
  const letters = [START.consentLanguage!, START.consentLanguage! + 6, START.publisherCountryCode!];
  if (created < FIRST_CREATED || created > LAST_CREATED || letters.some((at) => bits(core, at, 6) > 25))
    return undefined;
  const isSet = (start: number) => (purpose: number) => bits(core, start + purpose - 1, 1) === 1;
  return {
    consented: isSet(START.purposeConsents!),
    legitimate: isSet(START.purposeLegitimateInterests!),
    google: hasVendor(core, GOOGLE),
  };
}

/** Whether the first list of vendors, those with consent, has this one: a bit for each, or ranges of them. */
function hasVendor(core: string, vendor: number): boolean {
  if (vendor > bits(core, VENDORS, 16)) return false;
  let at = VENDORS + 17;
  if (bits(core, VENDORS + 16, 1) === 0) return bits(core, at + vendor - 1, 1) === 1;
  const ranges = bits(core, at, 12);
  at += 12;
  for (let i = 0; i < ranges && at < core.length * 6; i++) {
    const isRange = bits(core, at, 1) === 1;
    const first = bits(core, at + 1, 16);
    const last = isRange ? bits(core, at + 17, 16) : first;
    if (vendor >= first && vendor <= last) return true;
    at += isRange ? 33 : 17;
  }
  return false;
}

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const SIX_BITS = new Uint8Array(128);
for (let i = 0; i < BASE64URL.length; i++) SIX_BITS[BASE64URL.charCodeAt(i)] = i;

/** A number of so many bits, the highest first. Beyond the end there are zeros. */
function bits(core: string, start: number, length: number): number {
  let number = 0;
  for (let at = start; at < start + length; at++) {
    const six = SIX_BITS[core.charCodeAt(Math.floor(at / 6))] ?? 0;
    number = number * 2 + ((six >> (5 - (at % 6))) & 1);
  }
  return number;
}

const KNOWN = ["analytics", "marketing", "tcf", "gcs", ...Object.keys(CONSENT_MODE)];

/** `key`, or `key=` and a boolean, a string, or a token or number; parameters of a member are passed over. */
const MEMBER = /\s*([a-z*][\w.*-]*)(?:=(?:\?([01])|"((?:[^"\\]|\\["\\])*)"|([\w*.:/+-]+)))?(?:;[^,"]*|\s*)(?:,|$)/y;

/** The members of a structured dictionary (RFC 9651, section 3.2); undefined where the text is none. */
function dictionary(text: string): Record<string, unknown> | undefined {
  const members: Record<string, unknown> = {};
  MEMBER.lastIndex = 0;
  while (MEMBER.lastIndex < text.length) {
    const match = MEMBER.exec(text);
    if (!match) return undefined;
    const [, key = "", boolean, string, token] = match;
    members[key] = string?.replace(/\\(.)/g, "$1") ?? token ?? boolean !== "0";
  }
  return members;
}
