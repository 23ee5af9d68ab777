import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anEnvironment } from "../../test/an-environment.ts";
import { anEvent } from "../../test/an-event.ts";
import { type Event, event as eventSchema } from "../event.ts";
import { sha256 } from "../hash.ts";
import { PII_CLASSES, type Pii, pii } from "../org-data-layer/pii.ts";
import { hasLuhn, isCard, isIban, isNip, isPesel, isSsn } from "./checksums.ts";
import { classOfName } from "./class-of-name.ts";
import { findInText } from "./find-in-text.ts";
import { PiiKeys } from "./pii-keys.ts";
import { policyOf } from "./policy.ts";
import { treatEvent } from "./treat-event.ts";
import { treatText } from "./treat-text.ts";
import { withoutSecrets } from "./without-secrets.ts";

const CARD = "4111111111111111";
const JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def_123";
const keys = new PiiKeys(btoa("0123456789abcdef0123456789abcdef"), "org_test");
const policy = (given: unknown = {}) => policyOf(pii.parse(given));
const none = policy();
const treat = (event: Parameters<typeof anEvent>[0], rules: Pii | unknown = {}) => {
  const changed: string[] = [];
  return { event: treatEvent(anEvent(event), policy(rules), keys, changed), changed };
};

describe("checksums", () => {
  it.each([
    ["Visa", CARD],
    ["Mastercard", "5555555555554444"],
    ["Mastercard's newer range", "2223003122003222"],
    ["American Express", "378282246310005"],
    ["Discover", "6011111111111117"],
    ["JCB", "3530111333300000"],
    ["Diners Club", "30569309025904"],
    ["UnionPay", "6200000000000005"],
    ["Maestro", "6759649826438453"],
  ])("know a card of %s", (_, digits) => expect(isCard(digits)).toBe(true));

  it.each([
    ["a wrong check digit", "4111111111111112"],
    ["milliseconds since 1970", "1795221793000"],
    ["a German barcode", "4006381333931"],
    ["nobody's range", "1234567812345670"],
  ])("know that %s is no card", (_, digits) => expect(isCard(digits)).toBe(false));

  it.each<[string, (text: string) => boolean, string, boolean]>([
    ["an IBAN", isIban, "PL61109010140000071219812874", true],
    ["another", isIban, "GB82WEST12345698765432", true],
    ["an IBAN with a wrong digit", isIban, "GB82WEST12345698765433", false],
    ["a PESEL", isPesel, "44051401359", true],
    ["a PESEL of this century", isPesel, "02270803624", true],
    ["a PESEL with a wrong digit", isPesel, "44051401358", false],
    ["a NIP", isNip, "1234563218", true],
    ["a NIP with a wrong digit", isNip, "1234563217", false],
    ["an SSN", isSsn, "536904399", true],
    ["an SSN that was never given out", isSsn, "666904399", false],
  ])("know %s", (_, isIt, text, expected) => expect(isIt(text)).toBe(expected));
});

describe("names", () => {
  it.each([
    ["email", "email"],
    ["userEmail", "email"],
    ["E-Mail", "email"],
    ["phone_number", "phone"],
    ["firstName", "name"],
    ["date_of_birth", "birth_date"],
    ["cardNumber", "card"],
    ["new_password", "secret"],
    ["CVV", "secret"],
    ["access_token", "secret"],
    ["street", "address"],
    ["has_password", undefined],
    ["push_token", undefined],
    ["product_name", undefined],
    ["price", undefined],
    ["company", undefined],
    ["constructor", undefined],
  ] as const)("%s is %s", (name, expected) => expect(classOfName(name)).toBe(expected));
});

describe("in text", () => {
  const all = new Set(PII_CLASSES);
  it.each<[string, string[]]>([
    ["write to ada@example.com, please", ["email"]],
    ["card 4111 1111 1111 1111 exp 12/27", ["card"]],
    ["4111-1111-1111-1111", ["card"]],
    ["12 4111.1111.1111.1111", ["card"]],
    ["from GB82 WEST 1234 5698 7654 32 today", ["iban"]],
    ["ssn 536-90-4399", ["ssn"]],
    ["pesel 44051401359", ["pesel"]],
    ["nip 123-456-32-18", ["nip"]],
    ["call +48 601 234 567", ["phone"]],
    ["from 203.0.113.7", ["ip"]],
    [`key ${JWT}`, ["secret"]],
    ["ada@example.com or bob@example.com", ["email", "email"]],
    ["Chrome 141.0.0.0.1", []],
    ["37.7749295000000", []],
    ["fb.1.1795221793000.884216", []],
    ["GA1.1.1071505751.1795221793", []],
    ["order 2026-11-20 at 10:00", []],
  ])("%s: %j", (text, expected) => expect(findInText(text, all).map((one) => one.class)).toEqual(expected));
});

describe("without any policy", () => {
  it.each<[string, Parameters<typeof anEvent>[0], unknown]>([
    ["a card in a property", { properties: { note: `my card is ${CARD}!` } }, { note: "my card is ************1111!" }],
    ["a card that is a number", { properties: { ref: Number(CARD) } }, { ref: "************1111" }],
    [
      "a card by its name",
      { properties: { card_number: "1234 5678 9012 3456", sku: "a" } },
      { card_number: "************3456", sku: "a" },
    ],
    ["a password", { properties: { password: "hunter2", plan: "pro" } }, { plan: "pro" }],
    ["a token that is an object", { properties: { secret: { a: 1 }, plan: "pro" } }, { plan: "pro" }],
    ["a security code", { properties: { payment: { cvv: 123, brand: "visa" } } }, { payment: { brand: "visa" } }],
    ["a bearer token in words", { properties: { log: `sent ${JWT} along` } }, { log: "sent [secret] along" }],
    ["cards in lists of lists", { properties: { a: [[CARD, "b"]] } }, { a: [["************1111", "b"]] }],
    [
      "a token in a URL",
      { properties: { url: "https://a.example/?token=abc&x=1" } },
      { url: "https://a.example/?token=***&x=1" },
    ],
    [
      "a card in a URL",
      { properties: { url: "https://a.example/?n=4111+1111%201111-1111" } },
      { url: "https://a.example/?n=************1111" },
    ],
    [
      "a card in a URL in a URL",
      { properties: { url: `https://a.example/?u=https%3A%2F%2Fb.example%2F%3Fc%3D${CARD}` } },
      { url: "https://a.example/?u=https%3A%2F%2Fb.example%2F%3Fc%3D************1111" },
    ],
    ["a password in an address", { properties: { url: "https://ada:pw@a.example/" } }, { url: "https://a.example/" }],
  ])("does not let %s through", (_, given, properties) => {
    expect(treat(given).event.properties).toEqual(properties);
  });

  it("looks into traits, context and the event's name", () => {
    const { event, changed } = treat({
      event: `Paid ${CARD}`,
      traits: { pin_note: CARD },
      context: {
        page: { url: `https://a.example/pay/${CARD}` },
        traits: { password: "x" },
        device: { token: "push" } as never,
      },
    });
    expect(event.event).toBe("Paid ************1111");
    expect(event.traits).toEqual({ pin_note: "************1111" });
    expect(event.context).toEqual({
      page: { url: "https://a.example/pay/************1111" },
      traits: {},
      device: { token: "push" },
    });
    expect(changed.sort()).toEqual(["context.page.url", "context.traits.password", "event", "traits.pin_note"]);
  });

  it("keeps what vendors match by, and what only looks like something", () => {
    const given = anEvent({
      traits: { email: "ada@example.com", phone: "+48601234567", name: "Ada", has_password: true },
      properties: { order_id: "4006381333931", total: 4111.11, at: 1795221793000, barcode: "4006381333931" },
      context: { ip: "203.0.113.7", vendor_ids: { fbp: "fb.1.1795221793000.884216" } },
    });
    expect(treatEvent(given, none, keys, [])).toBe(given);
  });
});

describe("a policy", () => {
  const traits = { email: " Ada@Example.com ", phone: "+48 601 234 567", name: "Ada", plan: "pro" };
  it.each<[string, unknown, unknown]>([
    [
      "hashes for vendors as they do",
      { classes: { email: "hash_for_vendors", phone: "hash_for_vendors" } },
      { ...traits, email: sha256("ada@example.com"), phone: sha256("48601234567") },
    ],
    [
      "hashes under the organisation's key",
      { classes: { email: "hash" } },
      { ...traits, email: keys.hash("ada@example.com") },
    ],
    [
      "masks",
      { classes: { email: "mask", phone: "mask", name: "mask" } },
      { ...traits, email: " ***@Example.com ", phone: "***67", name: "***" },
    ],
    ["strips", { classes: { email: "strip", name: "strip" } }, { phone: traits.phone, plan: "pro" }],
    ["tokenises", { classes: { email: "tokenise" } }, { ...traits, email: keys.seal(traits.email) }],
    [
      "goes by path before class",
      { classes: { email: "strip" }, paths: { "traits.email": "allow", "traits.plan": "mask" } },
      { ...traits, plan: "***" },
    ],
  ])("%s", (_, rules, expected) => expect(treat({ traits }, rules).event.traits).toEqual(expected));

  it("reaches into free text and queries", () => {
    const rules = { classes: { email: "strip", ip: "mask" } };
    const { event } = treat(
      {
        properties: {
          note: "mail ada@example.com from 203.0.113.7",
          only: "ada@example.com",
          url: "https://a.example/?email=ada%40example.com&x=1",
        },
      },
      rules,
    );
    expect(event.properties).toEqual({ note: "mail [email] from 203.0.113.0", url: "https://a.example/?x=1" });
  });

  it("leaves alone what it is told not to look at", () => {
    const given = anEvent({ properties: { barcode: CARD } });
    expect(treatEvent(given, policy({ not_personal: ["properties.barcode"] }), keys, [])).toBe(given);
  });

  it("is the same when it is applied again", () => {
    const rules = { classes: { email: "hash", phone: "tokenise", name: "mask", ip: "mask" } };
    const once = treat(
      { traits, properties: { note: `${CARD} and ada@example.com`, password: "x" }, context: { ip: "203.0.113.7" } },
      rules,
    ).event;
    expect(treatEvent(once, policy(rules), keys, [])).toEqual(once);
  });

  it("fails where it needs a key that is not there", () => {
    expect(() => treatEvent(anEvent({ traits }), policy({ classes: { email: "hash" } }), undefined, [])).toThrow(
      /PII_KEY/,
    );
  });
});

describe("tokens", () => {
  it("open under the key that sealed them, and say the same of the same value", () => {
    const token = keys.seal("ada@example.com");
    expect([keys.open(token), keys.seal("ada@example.com")]).toEqual(["ada@example.com", token]);
    expect(token).not.toContain("ada");
  });
  it.each([
    ["another organisation's", () => new PiiKeys(btoa("0123456789abcdef0123456789abcdef"), "org_b").seal("x")],
    ["a changed one", () => keys.seal("ada@example.com").replace(/.$/, (last) => (last === "A" ? "B" : "A"))],
    ["no token", () => "tok_short"],
  ])("do not open %s", (_, make) => expect(keys.open(make())).toBeUndefined());
});

/** Any valid card of a network that has one, written as people and machines do. */
const card = fc
  .tuple(
    fc.constantFrom(["4", 16], ["51", 16], ["34", 15], ["6011", 16], ["3528", 16], ["36", 14], ["62", 18]),
    fc.stringMatching(/^\d{20}$/),
  )
  .map(([range, more]) => {
    const [prefix, length] = range as [string, number];
    const begun = (prefix + more).slice(0, length - 1);
    return begun + [..."0123456789"].find((digit) => hasLuhn(begun + digit))!;
  });
const written = fc
  .tuple(card, fc.constantFrom("", " ", "-", "."))
  .map(([digits, separator]) => ({ digits, text: digits.replace(/(.{4})(?=.)/g, `$1${separator}`) }));
const wordless = fc.string({ maxLength: 12 }).map((text) => text.replace(/[\d%]/g, "x"));

it("lets no card survive, wherever it stands", () => {
  fc.assert(
    fc.property(
      written,
      wordless,
      wordless,
      fc.constantFrom("properties", "traits", "context"),
      fc.array(fc.oneof(fc.constantFrom("a", "items", "name", "url"), fc.constant("*")), { maxLength: 6 }),
      fc.boolean(),
      (one, before, after, section, path, isNumber) => {
        const held =
          isNumber && Number.isSafeInteger(Number(one.digits)) ? Number(one.digits) : before + one.text + after;
        const nested = path.reduceRight<unknown>((inner, key) => (key === "*" ? [inner] : { [key]: inner }), held);
        const treated = treatEvent(anEvent({ [section]: { field: nested } }), none, undefined, []);
        const left = JSON.stringify(treated[section]);
        expect(left.replace(/[ .-]/g, "")).not.toContain(one.digits);
      },
    ),
    { numRuns: 2_000 },
  );
});

it("never throws, and leaves an event that fits the envelope", () => {
  const everything = policy({
    classes: Object.fromEntries(
      PII_CLASSES.map((name) => [name, name === "card" || name === "secret" ? "strip" : "hash"]),
    ),
  });
  const json = fc.jsonValue({ maxDepth: 5 });
  fc.assert(
    fc.property(
      fc.dictionary(fc.oneof(fc.string(), fc.constantFrom("email", "password", "phone", "url", "__proto__")), json),
      (properties) => {
        const treated = treatEvent(anEvent({ properties, traits: properties }), everything, keys, []);
        expect(eventSchema.safeParse(treated).success).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
});

it.each([
  ["percent signs in percent signs", `${"%25".repeat(20_000)}`],
  ["digits", "4".repeat(60_000)],
  ["digits in groups", "4111 ".repeat(12_000)],
  ["at signs", "a@".repeat(30_000)],
  ["names of parameters", "&a=".repeat(20_000)],
  ["dots after an at sign", `a@${"a.".repeat(30_000)}`],
  ["beginnings of tokens", "eyJ".repeat(20_000)],
  ["beginnings of IBANs", "GB82 ".repeat(12_000)],
])("takes no long time over %s", (_, text) => {
  const all = policy({ classes: Object.fromEntries(PII_CLASSES.map((name) => [name, "mask"])) });
  const started = performance.now();
  treatText(text, all, keys);
  expect(performance.now() - started).toBeLessThan(500);
});

it.each<[string, unknown, unknown]>([
  [
    "an event",
    anEvent({ message_id: "m1", properties: { a: CARD } }),
    { message_id: "m1", properties: { a: "************1111" } },
  ],
  [
    "what is no event",
    { type: "tracks", properties: { a: CARD, password: "x" } },
    { type: "tracks", properties: { a: "************1111" } },
  ],
])("keeps %s aside without its secrets", (_, received, expected) => {
  expect(withoutSecrets(received as Event, anEnvironment())).toMatchObject(expected as object);
  expect(JSON.stringify(withoutSecrets(received as Event, anEnvironment()))).not.toMatch(/4111111|password/);
});

it.each([[null], ["text"], [[CARD]], [JSON.parse(`{"a":${"[".repeat(5_000)}${"]".repeat(5_000)}}`)]])(
  "keeps aside what has no fields to look at",
  (received) => {
    expect(withoutSecrets(received as Event, anEnvironment())).toBe(received);
  },
);
