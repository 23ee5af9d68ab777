/**
 * Values that many people have because nobody has them: what a program writes where an id is missing. One such user id
 * joins thousands of strangers into one person, which is the costliest mistake a profile can hold. Segment asks its
 * customers to block zeroes and dashes, -1, null and anonymous
 * (https://segment.com/docs/unify/identity-resolution/identity-resolution-onboarding/#blocked-values); PostHog refuses
 * to merge by a longer list, in quotes too (its `isDistinctIdIllegal`); Adobe blocks null, anonymous, invalid and the
 * empty text (https://experienceleague.adobe.com/en/docs/experience-platform/identity/guardrails). Ours holds all of
 * these.
 */
import { sha256 } from "./hash.ts";

const NOBODY = new Set(
  `null undefined nil none n/a na nan void invalid empty missing unknown anonymous anonymoususer anon guest visitor user test
  true false -1 id userid user_id distinctid distinct_id anonymousid anonymous_id deviceid device_id email phone
  not_authenticated unauthenticated loggedout logged_out [object] (none) (null) <null> 
  9774d56d682e549c`.split(/\s+/),
).add("[object object]");

/** Zeroes and dashes: 0, the nil UUID, the advertising id of whoever limits ad tracking. */
const ZEROES = /^[0-]*$/;
/** What a template language leaves where it was not run: {{user.id}}, ${id}, <%= id %>, %USER_ID%. */
const TEMPLATE = /^(\{\{.*\}\}|\$\{.*\}|<%.*%>|%[a-z_]+%)$/;

/** `extra`: what the environment denies as well. Letters count alike in both cases, quotes around the whole do not. */
export function isNobodysId(value: string, extra: readonly string[]): boolean {
  const bare = value
    .toLowerCase()
    .replace(/^(["'])(.*)\1$/s, "$2")
    .trim();
  return ZEROES.test(bare) || NOBODY.has(bare) || TEMPLATE.test(bare) || isAmong(extra, value);
}

/** What a customer hashed before it came to us. */
const HASH = /^[0-9a-f]{64}$/i;

/** The names before the @ of machines, and of addresses that are typed to get past a form. */
const NOBODYS_MAILBOX = /^(no-?_?reply|do-?_?not-?_?reply|mailer-daemon|nobody|no-?e?mail|none|null|undefined|n\/?a)$/;
/** Reserved so that nobody has them (RFC 2606); `.example` and `.test` stay usable, so that a shop can be tried. */
const NOBODYS_DOMAIN = /(^|\.)(example\.(com|net|org)|invalid|localhost)$/;
const NOBODYS_EMAILS = new Set(
  `test@test.com test@test.de test@gmail.com test@email.com test@mail.com user@test.com email@email.com asd@asd.com
  asdf@asdf.com qwe@qwe.com a@a.com a@b.com aaa@aaa.com abc@abc.com x@x.com none@none.com no@no.com
  name@domain.com your@email.com you@email.com email@domain.com user@domain.com foo@bar.com`.split(/\s+/),
);

/** `written`: trimmed, in clear or already as a SHA-256. */
export function isNobodysEmail(written: string, extra: readonly string[]): boolean {
  const address = written.toLowerCase();
  const at = address.lastIndexOf("@");
  return (
    (HASH.test(address) && isNobodysHash(address, extra)) ||
    NOBODYS_EMAILS.has(address) ||
    NOBODYS_MAILBOX.test(address.slice(0, Math.max(at, 0)).split("+")[0]!) ||
    NOBODYS_DOMAIN.test(address.slice(at + 1)) ||
    isAmong(extra, address)
  );
}

/**
 * Seven times the same digit at the end, the digits in their order, and the numbers that films are given (+1 …555
 * 01xx).
 */
const NOBODYS_PHONE = /(\d)\1{6}$|1234567(8(90?)?)?$|^1\d{3}55501\d\d$/;

/** `written`: trimmed, in clear or already as a SHA-256. */
export function isNobodysPhone(written: string, extra: readonly string[]): boolean {
  const denied = extra.map(dialled);
  if (HASH.test(written)) return isNobodysHash(written.toLowerCase(), denied);
  const digits = dialled(written);
  return /^\D*0[\D0]*$/.test(written) || NOBODYS_PHONE.test(digits) || (digits !== "" && denied.includes(digits));
}

function dialled(written: string): string {
  return written.replace(/\D/g, "").replace(/^0+/, "");
}

/** What programs hash when there is nothing to hash, and the commonest placeholders. */
const NOBODYS_HASHES = new Set(["", "null", "undefined", "none", "0", "nan", ...NOBODYS_EMAILS].map(sha256));

function isNobodysHash(written: string, extra: readonly string[]): boolean {
  return NOBODYS_HASHES.has(written) || extra.some((value) => sha256(value.trim().toLowerCase()) === written);
}

function isAmong(extra: readonly string[], value: string): boolean {
  const sought = value.toLowerCase();
  return extra.some((denied) => denied.trim().toLowerCase() === sought);
}
