/** Personal data within a text, by pattern and checksum: what is certain, and nothing that merely might be. */
import type { PiiClass } from "../org-data-layer/pii.ts";
import { CARD_DIGITS, isCard, isIban, isNip, isPesel, isSsn } from "./checksums.ts";

export interface Finding {
  class: PiiClass;
  start: number;
  end: number;
}

/** Most text holds none of it, and this tells so in one pass. */
export interface Glance {
  digits: number;
  hasAt: boolean;
  hasEquals: boolean;
  hasPercent: boolean;
  hasColon: boolean;
}
export function glance(text: string): Glance {
  let digits = 0;
  let hasAt = false;
  let hasEquals = false;
  let hasPercent = false;
  let hasColon = false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 48 && unit <= 57) digits++;
    else if (unit === 64) hasAt = true;
    else if (unit === 61) hasEquals = true;
    else if (unit === 37) hasPercent = true;
    else if (unit === 58) hasColon = true;
  }
  return { digits, hasAt, hasEquals, hasPercent, hasColon };
}

/** What stands alone: each alternative begins in another way, and none can be read in two ways. */
const TOKEN =
  /\b(?:eyJ[\w-]{8,}\.eyJ[\w-]{4,}\.[\w-]+|[sr]k_live_\w{10,}|AKIA[0-9A-Z]{16}|gh[pousr]_\w{30,}|xox[abprs]-[\w-]{10,}|Bearer [\w.~+/-]{16,}=*)|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----/g;
const SHORTEST_TOKEN = 16;
/** A local part is at most 64 long, which also bounds how far back a search can begin again. */
const EMAIL = /[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8}/gi;
const IBAN = /\b[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b/g;
const SSN = /(?<![\d-])\d{3}-\d\d-\d{4}(?![\d-])/g;
const PESEL = /(?<!\d)\d{11}(?!\d)/g;
const NIP = /(?<![\d-])(?:\d{3}-\d{3}-\d\d-\d\d|\d{3}-\d\d-\d\d-\d{3})(?![\d-])/g;
const IPV4 = /(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?![\d.])/g;
const PHONE = /(?<![\w+])\+\d(?:[ ().-]{0,2}\d){7,14}(?!\d)/g;

/** Findings in order, which do not overlap; those of earlier classes outrank. Only `wanted` classes are looked for. */
export function findInText(text: string, wanted: ReadonlySet<PiiClass>, seen = glance(text)): Finding[] {
  const found: Finding[] = [];
  const take = (name: PiiClass, start: number, end: number) => {
    if (!found.some((one) => start < one.end && one.start < end)) found.push({ class: name, start, end });
  };
  const search = (name: PiiClass, pattern: RegExp, isIt: (match: string) => boolean = () => true) => {
    if (!wanted.has(name)) return;
    for (const { 0: match, index } of text.matchAll(pattern)) if (isIt(match)) take(name, index, index + match.length);
  };
  if (text.length >= SHORTEST_TOKEN) search("secret", TOKEN);
  if (seen.digits >= CARD_DIGITS.LEAST && wanted.has("card")) findCards(text, take);
  if (seen.hasAt) search("email", EMAIL);
  if (seen.digits >= 8) {
    search("iban", IBAN, (match) => isIban(match.replaceAll(" ", "")));
    search("ssn", SSN, (match) => isSsn(digitsOf(match)));
    search("pesel", PESEL, isPesel);
    search("nip", NIP, (match) => isNip(digitsOf(match)));
    search("phone", PHONE);
  }
  if (seen.digits >= 4) search("ip", IPV4);
  return found.length > 1 ? found.sort((a, b) => a.start - b.start) : found;
}

export const digitsOf = (text: string) => text.replace(/\D/g, "");

/** Between the groups of a card number as people write it, and as URLs do. */
const SEPARATORS = " -._/+\u00a0\u2009\u202f\u2010\u2011\u2013";
const MOST_SEPARATORS = 3;

interface Group {
  start: number;
  end: number;
}

/** A card number begins and ends with a group of digits: within a longer number there is none. */
function findCards(text: string, take: (name: PiiClass, start: number, end: number) => void): void {
  const groups = digitGroups(text);
  for (let first = 0; first < groups.length; first++) {
    let digits = "";
    let found = -1;
    for (let last = first; last < groups.length; last++) {
      if (last > first && !areJoined(text, groups[last - 1]!, groups[last]!)) break;
      digits += text.slice(groups[last]!.start, groups[last]!.end);
      if (digits.length > CARD_DIGITS.MOST) break;
      // A single point makes a decimal fraction: "37.7749295000000" is a latitude.
      const isFraction = last === first + 1 && text.slice(groups[first]!.end, groups[last]!.start) === ".";
      if (!isFraction && isCard(digits)) found = last;
    }
    if (found < 0) continue;
    take("card", groups[first]!.start, groups[found]!.end);
    first = found;
  }
}

function digitGroups(text: string): Group[] {
  const groups: Group[] = [];
  for (let i = 0; i < text.length; i++) {
    if (!isDigit(text, i)) continue;
    const start = i;
    while (isDigit(text, i + 1)) i++;
    groups.push({ start, end: i + 1 });
  }
  return groups;
}

function isDigit(text: string, i: number): boolean {
  const unit = text.charCodeAt(i);
  return unit >= 48 && unit <= 57;
}

function areJoined(text: string, before: Group, after: Group): boolean {
  if (after.start - before.end > MOST_SEPARATORS) return false;
  for (let i = before.end; i < after.start; i++) if (!SEPARATORS.includes(text[i]!)) return false;
  return true;
}
