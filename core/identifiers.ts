/**
 * Who a person is, in the exact form in which each vendor compares it. A vendor hashes what it knows of its own users by
 * its own rule, so one letter of difference here and nobody is ever matched: each rule names where it is written down.
 * A value that cannot be what it claims is left out. Adding a vendor is adding a block to `RULES`.
 */
import { countryCode } from "./country.ts";
import type { Event } from "./event.ts";
import { sha256 } from "./hash.ts";
import { defined, pick, record } from "./values.ts";

/** Facts about a person as a customer wrote them. */
export interface Person {
  email?: string;
  /** International, beginning with + or 00, or of no use: without a country code nobody can say whose number it is. */
  phone?: string;
  first_name?: string;
  last_name?: string;
  gender?: string;
  birthday?: string;
  street?: string;
  city?: string;
  state?: string;
  postal_code?: string;
  country?: string;
  user_id?: string;
}

/**
 * What an event tells about its person, the surest source first: the traits of an identify, the traits in the context, the
 * contact details that shops put into an order's properties. A group's traits are a company's, so they are not read.
 */
export function personOf(event: Event): Person {
  return {
    ...defined(contactFrom(event.properties)),
    ...personFrom(record(event.context.traits)),
    ...(event.type === "group" ? {} : personFrom(record(event.traits))),
    ...defined({ user_id: event.user_id }),
  };
}

/** Properties that name a person: what is hashed for a vendor must not stand beside the hash in clear. */
export const CONTACT_PROPERTIES: ReadonlySet<string> = new Set(
  `email phone phone_number phoneNumber first_name firstName firstname last_name lastName lastname`.split(" "),
);

function contactFrom(properties: Record<string, unknown>) {
  return {
    email: pick(properties, "email"),
    phone: pick(properties, "phone", "phone_number", "phoneNumber"),
    first_name: pick(properties, "first_name", "firstName", "firstname"),
    last_name: pick(properties, "last_name", "lastName", "lastname"),
  };
}

/** https://segment.com/docs/connections/spec/identify/#traits, in camelCase and snake_case, the address nested or flat. */
function personFrom(traits: Record<string, unknown>): Person {
  // Most events tell nothing of their person.
  if (Object.keys(traits).length === 0) return {};
  const place = traits.address ? { ...traits, ...record(traits.address) } : traits;
  return defined({
    ...contactFrom(traits),
    gender: pick(traits, "gender"),
    birthday: pick(traits, "birthday", "date_of_birth", "dateOfBirth"),
    street: pick(place, "street", "line1"),
    city: pick(place, "city"),
    state: pick(place, "state", "region"),
    postal_code: pick(place, "postal_code", "postalCode", "zip"),
    country: pick(place, "country"),
  });
}

/** The vendor's form of a value, or undefined where the value cannot be one. */
type Rule = (written: string) => string | undefined;

/** Vendor → the vendor's field → which fact it takes, and by what rule. */
const RULES = {
  // https://developers.google.com/analytics/devguides/collection/ga4/uid-data; the symbols are those that gtag.js removes.
  ga4: {
    sha256_email_address: ["email", hashed(emailWithoutGmailDots)],
    sha256_phone_number: ["phone", hashed((phone) => prefixed("+", phoneDigits(phone)))],
    sha256_first_name: ["first_name", hashed(withoutDigitsAndSymbols)],
    sha256_last_name: ["last_name", hashed(withoutDigitsAndSymbols)],
    sha256_street: ["street", hashed((street) => street.replace(SYMBOLS, "").toLowerCase().trim())],
    city: ["city", withoutDigitsAndSymbols],
    region: ["state", withoutDigitsAndSymbols],
    postal_code: ["postal_code", (code) => code.replace(/[.~]/g, "")],
    country: ["country", countryCode],
  },
  // https://developers.facebook.com/documentation/ads-commerce/conversions-api/parameters/customer-information-parameters
  // and, where that is vague, https://github.com/facebook/capi-param-builder, which is Meta's own code.
  meta: {
    em: ["email", hashed(emailAddress)],
    ph: ["phone", hashed(phoneDigits)],
    fn: ["first_name", hashed(withoutSpaceAndPunctuation)],
    ln: ["last_name", hashed(withoutSpaceAndPunctuation)],
    ge: ["gender", hashed(genderLetter)],
    db: ["birthday", hashed(birthdayDigits)],
    ct: ["city", hashed((city) => matching(/^[a-z]/, city.replace(/[^a-zA-Z0-9]/g, "").toLowerCase()))],
    st: ["state", hashed(stateLetters)],
    zp: ["postal_code", hashed((code) => matching(/../, code.split("-")[0]!.trim().toLowerCase()))],
    // Their code cuts a country that it does not know to two letters, so that UAE becomes Ukraine: we leave it out instead.
    country: ["country", hashed((country) => countryCode(country)?.toLowerCase())],
    external_id: ["user_id", hashed((id) => id.replace(/\s/g, "").toLowerCase())],
  },
  // https://business-api.tiktok.com/portal/docs?id=1771101027431425: the phone with its plus; places in clear, letters only.
  tiktok: {
    email: ["email", hashed(emailAddress)],
    phone: ["phone", hashed(phoneWithPlus)],
    external_id: ["user_id", hashed(asWritten)],
    first_name: ["first_name", hashed(withoutSpace)],
    last_name: ["last_name", hashed(withoutSpace)],
    zip_code: ["postal_code", hashed((code) => code.replace(/[\s-]/g, "").toLowerCase())],
    city: ["city", lettersOnly],
    state: ["state", lettersOnly],
    country: ["country", (country) => countryCode(country)?.toLowerCase()],
  },
  // https://developers.pinterest.com/docs/api/v5/events-create: a postal code has digits only, so a British one is none.
  pinterest: {
    em: ["email", hashed(emailAddress)],
    ph: ["phone", hashed(phoneDigits)],
    fn: ["first_name", hashed(lowerCase)],
    ln: ["last_name", hashed(lowerCase)],
    ge: ["gender", hashed(genderLetter)],
    db: ["birthday", hashed(birthdayDigits)],
    ct: ["city", hashed(withoutSpaceAndPunctuation)],
    st: ["state", hashed(stateLetters)],
    zp: ["postal_code", hashed((code) => (/[a-z]/i.test(code) ? undefined : code.replace(/\D/g, "")))],
    country: ["country", hashed((country) => countryCode(country)?.toLowerCase())],
    external_id: ["user_id", hashed(asWritten)],
  },
  // https://developers.snap.com/api/marketing-api/Conversions-API/Parameters
  snapchat: {
    em: ["email", hashed(emailAddress)],
    ph: ["phone", hashed(phoneDigits)],
    fn: ["first_name", hashed(withoutSpace)],
    ln: ["last_name", hashed(withoutSpace)],
    ge: ["gender", hashed(genderLetter)],
    db: ["birthday", hashed(birthdayDigits)],
    ct: ["city", hashed(withoutSpaceAndPunctuation)],
    st: ["state", hashed(stateLetters)],
    zp: ["postal_code", hashed((code) => code.replace(/\s/g, "").toLowerCase())],
    country: ["country", hashed((country) => countryCode(country)?.toLowerCase())],
    external_id: ["user_id", hashed(asWritten)],
  },
  // https://learn.microsoft.com/en-us/linkedin/marketing/integrations/ads-reporting/conversions-api: only the e-mail is hashed.
  linkedin: {
    SHA256_EMAIL: ["email", hashed(emailAddress)],
    firstName: ["first_name", asWritten],
    lastName: ["last_name", asWritten],
    countryCode: ["country", countryCode],
    externalId: ["user_id", asWritten],
  },
  // https://help.ads.microsoft.com/apex/index/3/en/60178 (enhanced conversions): without dots and +alias, at any provider.
  "microsoft-uet": {
    em: ["email", hashed(emailOfMailbox)],
    ph: ["phone", hashed(phoneWithPlus)],
    externalId: ["user_id", asWritten],
  },
  // https://ads-api.reddit.com/docs/v3: e-mails in Reddit's canonical form.
  reddit: {
    email: ["email", hashed(emailOfMailbox)],
    phone_number: ["phone", hashed(phoneWithPlus)],
    external_id: ["user_id", hashed(asWritten)],
  },
  // https://docs.x.com/x-ads-api/measurement/web-conversions
  x: {
    hashed_email: ["email", hashed(emailAddress)],
    hashed_phone_number: ["phone", hashed(phoneWithPlus)],
  },
  // https://developers.klaviyo.com/en/reference/create_event: in clear, since Klaviyo writes to these people.
  klaviyo: {
    email: ["email", emailAddress],
    phone_number: ["phone", phoneWithPlus],
    external_id: ["user_id", asWritten],
    first_name: ["first_name", asWritten],
    last_name: ["last_name", asWritten],
  },
  // https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide, the portal's default properties.
  hubspot: {
    email: ["email", emailAddress],
    phone: ["phone", phoneWithPlus],
    firstname: ["first_name", asWritten],
    lastname: ["last_name", asWritten],
    address: ["street", asWritten],
    city: ["city", asWritten],
    state: ["state", asWritten],
    zip: ["postal_code", asWritten],
    country: ["country", asWritten],
  },
  // https://www.braze.com/docs/api/objects_filters/user_attributes_object
  braze: {
    email: ["email", emailAddress],
    phone: ["phone", phoneWithPlus],
    first_name: ["first_name", asWritten],
    last_name: ["last_name", asWritten],
    gender: ["gender", (gender) => genderLetter(gender)?.toUpperCase()],
    dob: ["birthday", (day) => birthdayDigits(day)?.replace(/(....)(..)(..)/, "$1-$2-$3")],
    country: ["country", countryCode],
    home_city: ["city", asWritten],
  },
  // https://developers.google.com/data-manager/api/devguides/concepts/formatting and, where that is vague,
  // https://github.com/googleads/data-manager-node (UserDataFormatter), which is Google's own code.
  google_ads: {
    emailAddress: ["email", hashed((email) => emailWithoutGmailDots(withoutGmailSuffix(email)))],
    phoneNumber: ["phone", hashed((phone) => prefixed("+", phoneDigits(phone)))],
    givenName: ["first_name", hashed((name) => name.toLowerCase().replace(/^(mr|mrs|ms|dr)\.\s*/, ""))],
    familyName: ["last_name", hashed((name) => name.toLowerCase().replace(/,?\s+(jr|sr|ii|iii|iv|md|phd)\.?$/, ""))],
    regionCode: ["country", countryCode],
    postalCode: ["postal_code", (code) => code],
  },
} satisfies Record<string, Record<string, [keyof Person, Rule]>>;

export type Vendor = keyof typeof RULES;
/** The same, as lists to walk along: one per event is more than enough. */
const FIELDS = Object.fromEntries(Object.entries(RULES).map(([vendor, rules]) => [vendor, Object.entries(rules)])) as {
  [V in Vendor]: [string, [keyof Person, Rule]][];
};
export type VendorField<V extends Vendor> = keyof (typeof RULES)[V] & string;

/** Everything that may be told of a person to a vendor, under the vendor's field names. */
export function identifiers<V extends Vendor>(vendor: V, person: Person): Partial<Record<VendorField<V>, string>> {
  const found: Record<string, string> = {};
  for (const [field, [fact, rule]] of FIELDS[vendor]) {
    const written = person[fact];
    const value = written === undefined ? undefined : apply(rule, written);
    if (value !== undefined) found[field] = value;
  }
  return found as Partial<Record<VendorField<V>, string>>;
}

/** One value by one of a vendor's rules. */
export function identifier<V extends Vendor>(vendor: V, field: VendorField<V>, written: string): string | undefined {
  const rules: Record<string, [keyof Person, Rule]> = RULES[vendor];
  return apply(rules[field]![1], written);
}

/** The user's id and the visitor's, as the vendor compares them: what somebody did before signing in is theirs too. */
export function externalIds(
  vendor: "meta" | "tiktok" | "pinterest" | "snapchat",
  { user_id, anonymous_id }: Event,
): string[] {
  const ids = [user_id, anonymous_id].flatMap((id) => (id && identifier(vendor, "external_id", id)) || []);
  return [...new Set(ids)];
}

function apply(rule: Rule, written: string | undefined): string | undefined {
  const value = written?.trim();
  return value ? rule(value) || undefined : undefined;
}

/** SHA-256 in lower-case hex of what the rule makes. What a customer hashed beforehand passes, in lower case. */
function hashed(rule: Rule): Rule {
  return (written) => {
    if (/^[0-9a-f]{64}$/i.test(written)) return written.toLowerCase();
    const value = rule(written);
    return value ? sha256(value) : undefined;
  };
}

function matching(shape: RegExp, value: string): string | undefined {
  return shape.test(value) ? value : undefined;
}

function prefixed(prefix: string, value: string | undefined): string | undefined {
  return value && prefix + value;
}

function emailAddress(written: string): string | undefined {
  return matching(/^[^\s@]+@[^\s@]+\.[^\s@]+$/, written.toLowerCase());
}

/** Where j.smith+shop@ and jsmith@ are one mailbox: Microsoft and Reddit compare all addresses like that, not only Gmail's. */
function emailOfMailbox(written: string): string | undefined {
  const [name = "", domain = ""] = emailAddress(written)?.split("@") ?? [];
  const mailbox = name.split("+")[0]!.replaceAll(".", "");
  return mailbox && `${mailbox}@${domain}`;
}

/** Google delivers j.smith@gmail.com to jsmith@gmail.com, and compares the latter. */
function emailWithoutGmailDots(written: string): string | undefined {
  const [name, domain] = emailAddress(written)?.split("@") ?? [];
  if (!name || !domain) return undefined;
  return `${/^(gmail|googlemail)\.com$/.test(domain) ? name.replaceAll(".", "") : name}@${domain}`;
}

/** What follows a plus is not part of a Gmail address either: jsmith+shop@gmail.com is jsmith@gmail.com. */
function withoutGmailSuffix(written: string): string {
  return written.replace(/\+[^@]*(?=@(gmail|googlemail)\.com$)/i, "");
}

/** Country code and number, digits only (E.164 without its plus): at most 15, and 7 in the smallest countries. */
function phoneDigits(written: string): string | undefined {
  if (!/^(\+|00)/.test(written)) return undefined;
  // "+44 (0)20 …" shows a zero that is dialled at home only; an extension is not part of the number.
  const [dialled = ""] = written.replace("(0)", "").split(/ext|x|#|;/i);
  return matching(/^\d{7,15}$/, dialled.replace(/\D/g, "").replace(/^0+/, ""));
}

/** E.164. */
function phoneWithPlus(written: string): string | undefined {
  return prefixed("+", phoneDigits(written));
}

function asWritten(written: string): string {
  return written;
}

function lowerCase(written: string): string {
  return written.toLowerCase();
}

function withoutSpace(written: string): string {
  return written.replace(/\s/g, "").toLowerCase();
}

/** Of any script. */
function lettersOnly(written: string): string {
  return written.replace(/[^\p{L}]/gu, "").toLowerCase();
}

const SYMBOLS = /[`~!@#$%^&*()_\-+=:;<>,.?|/\\[\]]/g;

function withoutDigitsAndSymbols(written: string): string {
  return written.replace(SYMBOLS, "").replace(/[0-9]/g, "").toLowerCase().trim();
}

function withoutSpaceAndPunctuation(written: string): string {
  return written.replace(/[\s!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/g, "").toLowerCase();
}

const MALE = new Set(["m", "male", "man", "boy"]);
const FEMALE = new Set(["f", "female", "woman", "girl"]);

function genderLetter(written: string): string | undefined {
  const word = written.toLowerCase();
  return MALE.has(word) ? "m" : FEMALE.has(word) ? "f" : undefined;
}

/** YYYYMMDD from any order that is told apart by its numbers; 03/04/1990 is read as Meta reads it, month first. */
function birthdayDigits(written: string): string | undefined {
  const groups = written.match(/\d+/g) ?? [];
  if (groups.length === 1) return matching(/^\d{8}$/, groups[0]!);
  const [a = 0, b = 0, c = 0] = groups.map(Number);
  let [year, month, day] = a > 31 ? [a, b, c] : b > 31 ? [b, c, a] : [c, a, b];
  if (month > 12) [month, day] = [day, month];
  if (year < 1800 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 31) return undefined;
  return `${year}${String(month).padStart(2, "0")}${String(day).padStart(2, "0")}`;
}

/** Two letters: of a US state or Canadian province also from its name, of any other place the first two. */
function stateLetters(written: string): string | undefined {
  const letters = written
    .normalize("NFD")
    .toLowerCase()
    .replace(/[^a-z]/g, "");
  if (letters.length === 2) return letters;
  const known = STATES.get(letters) ?? [...STATES].find(([name]) => letters.includes(name))?.[1];
  return known ?? letters.slice(0, 2);
}

/** Provinces before states, because the first name that is found inside a longer text counts. */
const STATES = new Map(
  `ontario:on quebec:qc britishcolumbia:bc alberta:ab saskatchewan:sk manitoba:mb novascotia:ns newbrunswick:nb
  princeedwardisland:pe newfoundlandandlabrador:nl yukon:yt northwestterritories:nt nunavut:nu
  alabama:al alaska:ak arizona:az arkansas:ar california:ca colorado:co connecticut:ct delaware:de florida:fl georgia:ga
  hawaii:hi idaho:id illinois:il indiana:in iowa:ia kansas:ks kentucky:ky louisiana:la maine:me maryland:md
  massachusetts:ma michigan:mi minnesota:mn mississippi:ms missouri:mo montana:mt nebraska:ne nevada:nv newhampshire:nh
  newjersey:nj newmexico:nm newyork:ny northcarolina:nc northdakota:nd ohio:oh oklahoma:ok oregon:or pennsylvania:pa
  rhodeisland:ri southcarolina:sc southdakota:sd tennessee:tn texas:tx utah:ut vermont:vt virginia:va washington:wa
  westvirginia:wv wisconsin:wi wyoming:wy`
    .split(/\s+/)
    .map((pair) => pair.split(":") as [string, string]),
);
