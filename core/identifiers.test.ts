import { describe, expect, it } from "vitest";
import { anEvent } from "../test/an-event.ts";
import { sha256 } from "./hash.ts";
import { identifier, identifiers, personOf, type Vendor, type VendorField } from "./identifiers.ts";

/** [written, what is hashed]; undefined where nothing may be sent. */
type Cases = [written: string, normalised: string | undefined][];

const HASHED: { [V in Vendor]?: Partial<Record<VendorField<V>, Cases>> } = {
  google_ads: {
    emailAddress: [
      [" J.Smith+shop@GMail.com ", "jsmith@gmail.com"],
      ["j.smith+shop@googlemail.com", "jsmith@googlemail.com"],
      ["Jane.Doe+shop@example.com", "jane.doe+shop@example.com"],
      ["jane doe@example.com", undefined],
    ],
    phoneNumber: [
      ["+1 800 555 0100", "+18005550100"],
      ["800 555 0100", undefined],
    ],
    givenName: [
      ["Dr. Jane", "jane"],
      ["Drew", "drew"],
    ],
    familyName: [
      ["Doe, Jr.", "doe"],
      ["O'Neil III", "o'neil"],
      ["Sr", "sr"],
    ],
  },
  meta: {
    em: [
      [" John_Smith@gmail.com ", "john_smith@gmail.com"],
      ["j.smith@GMAIL.com", "j.smith@gmail.com"],
      ["jane(at)example.com", undefined],
      ["jane@localhost", undefined],
    ],
    ph: [
      ["+1 (616) 954-78 88", "16169547888"],
      ["001 616 954 7888", "16169547888"],
      ["+001 (616) 954-78 88", "16169547888"],
      ["+44 (0)20 7946 0958", "442079460958"],
      ["+1-(555)-123-4567 ext. 123", "15551234567"],
      ["(650) 555-1212", undefined],
      ["06505551212", undefined],
      ["+1-800-FLOWERS", undefined],
      ["+1-555-123-4567-890-123", undefined],
      ["00", undefined],
    ],
    fn: [
      ["Mary", "mary"],
      ["Jean-Luc", "jeanluc"],
      ["정", "정"],
      [" Mary  Ann ", "maryann"],
      ["Valéry", "valéry"],
      ["...", undefined],
    ],
    ln: [["O'Neil Smith", "oneilsmith"]],
    ge: [
      ["Female", "f"],
      ["M", "m"],
      ["x", undefined],
    ],
    db: [
      ["1990-05-13", "19900513"],
      ["1990-05-13T00:00:00.000Z", "19900513"],
      ["19900513", "19900513"],
      ["5/13/1990", "19900513"],
      ["13.5.1990", "19900513"],
      ["03/04/1990", "19900304"],
      ["1990", undefined],
      ["13/13/1990", undefined],
    ],
    ct: [
      ["San Francisco", "sanfrancisco"],
      ["St. Louis", "stlouis"],
      ["São Paulo", "sopaulo"],
      ["北京", undefined],
    ],
    st: [
      ["CA", "ca"],
      ["California", "ca"],
      ["West Virginia", "wv"],
      ["State of New York", "ny"],
      ["Québec", "qc"],
      ["Bayern", "ba"],
    ],
    zp: [
      ["94107-1234", "94107"],
      [" SW1A 1AA ", "sw1a 1aa"],
      ["1", undefined],
    ],
    country: [
      ["United States", "us"],
      ["UK", "gb"],
      ["Narnia", undefined],
    ],
    external_id: [[" User 123 ", "user123"]],
  },
  ga4: {
    sha256_email_address: [
      [" Jane.Doe@Gmail.com", "janedoe@gmail.com"],
      ["jane.doe@googlemail.com", "janedoe@googlemail.com"],
      ["Jane.Doe@Example.com", "jane.doe@example.com"],
      ["jane", undefined],
    ],
    sha256_phone_number: [
      ["+1 (650) 555-1212", "+16505551212"],
      ["00447911123456", "+447911123456"],
      ["650 555 1212", undefined],
    ],
    sha256_first_name: [[" Jane-2 ", "jane"]],
    sha256_last_name: [["Doe (Smith)", "doe smith"]],
    sha256_street: [["12 Hat St.", "12 hat st"]],
  },
  tiktok: {
    email: [
      [" J.Smith+shop@GMAIL.com ", "j.smith+shop@gmail.com"],
      ["jane", undefined],
    ],
    phone: [
      ["+1 (650) 555-1212", "+16505551212"],
      ["00447911123456", "+447911123456"],
      ["650 555 1212", undefined],
    ],
    first_name: [[" Mary  Ann ", "maryann"]],
    last_name: [["O'Neil Smith", "o'neilsmith"]],
    zip_code: [
      ["94107-1234", "941071234"],
      ["SW1A 1AA", "sw1a1aa"],
    ],
    external_id: [[" User-1 ", "User-1"]],
  },
  pinterest: {
    em: [["Jane@Example.com", "jane@example.com"]],
    ph: [["+44 (0)20 7946 0958", "442079460958"]],
    fn: [["Jean-Luc", "jean-luc"]],
    ln: [["Van Doe", "van doe"]],
    ge: [
      ["woman", "f"],
      ["x", undefined],
    ],
    db: [["1990-05-13", "19900513"]],
    ct: [["San Francisco", "sanfrancisco"]],
    st: [["California", "ca"]],
    zp: [
      ["94107-1234", "941071234"],
      ["SW1A 1AA", undefined],
    ],
    country: [["UK", "gb"]],
    external_id: [["User-1", "User-1"]],
  },
  snapchat: {
    em: [["Person@Example.com", "person@example.com"]],
    ph: [
      ["+44 844 412 4653", "448444124653"],
      ["0044 (0)844 412 4653", "448444124653"],
    ],
    fn: [["Jean Luc", "jeanluc"]],
    ct: [["St. Louis", "stlouis"]],
    zp: [["SW1A 1AA", "sw1a1aa"]],
    country: [["Germany", "de"]],
  },
  linkedin: { SHA256_EMAIL: [[" Jane.Doe+x@Example.com ", "jane.doe+x@example.com"]] },
  "microsoft-uet": {
    em: [
      ["Jane.Doe+shop@Example.com", "janedoe@example.com"],
      ["+shop@example.com", undefined],
    ],
    ph: [["+1 (650) 555-1212", "+16505551212"]],
  },
  reddit: {
    email: [["J.Smith+shop@Example.org", "jsmith@example.org"]],
    phone_number: [["+1-(555)-123-4567 ext. 123", "+15551234567"]],
    external_id: [["User-1", "User-1"]],
  },
  x: {
    hashed_email: [["Jane.Doe@Gmail.com", "jane.doe@gmail.com"]],
    hashed_phone_number: [["+49 89 123456", "+4989123456"]],
  },
};

/** What vendors are told in clear. */
const PLAIN: [Vendor, string, string, string | undefined][] = [
  ["tiktok", "city", "San José", "sanjosé"],
  ["tiktok", "country", "United States", "us"],
  ["linkedin", "countryCode", "usa", "US"],
  ["microsoft-uet", "externalId", "User-1", "User-1"],
  ["klaviyo", "email", "Jane@Example.com", "jane@example.com"],
  ["klaviyo", "phone_number", "00 44 7911 123456", "+447911123456"],
  ["hubspot", "phone", "650 555 1212", undefined],
  ["hubspot", "firstname", "Jane", "Jane"],
  ["braze", "gender", "female", "F"],
  ["braze", "dob", "13.5.1990", "1990-05-13"],
  ["braze", "country", "Deutschland", undefined],
  ["braze", "country", "Germany", "DE"],
];

describe("identifiers", () => {
  const cases = Object.entries(HASHED).flatMap(([vendor, fields]) =>
    Object.entries(fields as Record<string, Cases>).flatMap(([field, list]) =>
      list.map((one) => [vendor, field, ...one] as const),
    ),
  );
  it.each(cases)("%s %s: hashes %j as %j", (vendor, field, written, normalised) => {
    const sent = identifier(vendor as Vendor, field as never, written);
    expect(sent).toBe(normalised === undefined ? undefined : sha256(normalised));
  });

  it.each(PLAIN)("%s %s: tells %j as %j", (vendor, field, written, told) => {
    expect(identifier(vendor, field as never, written)).toBe(told);
  });

  it.each([
    ["em", "Person@Example.com", "542d240129883c019e106e3b1b2d3f3cb3537c43c425364de8e951d5a3083345"],
    ["ph", "+44 844 412 4653", "dc008fda46e2e64002cf2f82a4906236282d431c4f75e5b60bfe79fc48546383"],
  ] as const)("agrees with Snap's published hash of %s %s", (field, written, hash) => {
    expect(identifier("snapchat", field, written)).toBe(hash);
  });

  it.each([
    ["em", "John_Smith@gmail.com", "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"],
    ["ph", "+1 (650)555-1212", "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"],
    ["fn", "Mary", "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec"],
  ] as const)("agrees with Meta's published hash of %s %s", (field, written, hash) => {
    expect(identifier("meta", field, written)).toBe(hash);
  });

  it("passes what was hashed before, in lower case, and hashes what only looks like it", () => {
    const hash = sha256("jane@example.com");
    expect(identifier("meta", "em", ` ${hash.toUpperCase()} `)).toBe(hash);
    expect(identifier("ga4", "sha256_phone_number", hash)).toBe(hash);
    expect(identifier("meta", "external_id", "d41d8cd98f00b204e9800998ecf8427e")).toHaveLength(64);
    expect(identifier("meta", "em", hash.slice(1))).toBeUndefined();
  });

  it("tells Google the place in clear", () => {
    const person = { city: "St. Louis 2", state: "MO", postal_code: "63.101", country: "United States" };
    expect(identifiers("ga4", person)).toEqual({ city: "st louis", region: "mo", postal_code: "63101", country: "US" });
  });

  it("leaves out everything that nobody told", () => {
    expect(identifiers("meta", {})).toEqual({});
    expect(identifiers("ga4", { email: "  ", country: "Narnia" })).toEqual({});
  });
});

describe("personOf", () => {
  it("reads traits in both cases, the address nested or flat", () => {
    const address = { street: "12 Hat St.", city: "Munich", state: "BY", postalCode: 80331, country: "DE" };
    const read = { first_name: "Jane", last_name: "Doe", street: "12 Hat St.", city: "Munich" };
    const place = { ...read, state: "BY", postal_code: "80331", country: "DE" };
    const nested = anEvent({ context: { traits: { firstName: "Jane", lastName: "Doe", address } } });
    const { postalCode: postal_code, ...rest } = address;
    const flat = anEvent({ context: { traits: { first_name: "Jane", last_name: "Doe", postal_code, ...rest } } });
    expect(personOf(nested)).toEqual(place);
    expect(personOf(flat)).toEqual(place);
  });

  it("believes the traits of an identify first, then the context's, then an order's contact details", () => {
    const event = anEvent({
      type: "identify",
      user_id: "u1",
      traits: { email: "a@example.com" },
      context: { traits: { email: "b@example.com", phone: "+491" } },
      properties: { email: "c@example.com", phone: "+492", first_name: "Jane", city: "Munich" },
    });
    expect(personOf(event)).toEqual({ email: "a@example.com", phone: "+491", first_name: "Jane", user_id: "u1" });
  });

  it("never takes a company for a person", () => {
    expect(personOf(anEvent({ type: "group", traits: { email: "office@example.com" } }))).toEqual({});
  });
});
