/** What the name of a field says of its value: `cardNumber`, `card_number` and `Card number` are one name. */
import type { PiiClass } from "../org-data-layer/pii.ts";

const words = (text: string) => text.trim().split(/\s+/);
const NAMES: Record<Exclude<PiiClass, "nip" | "pesel" | "iban" | "ssn">, string[]> = {
  email: words("email emailaddress mail emails"),
  phone: words("phone phonenumber mobile mobilenumber telephone tel msisdn cell cellphone fax"),
  ip: words("ip ipaddress clientip remoteip remoteaddr"),
  birth_date: words("birthday birthdate dateofbirth dob"),
  name: words("firstname lastname fullname surname givenname familyname middlename maidenname"),
  address: words(
    "address address1 address2 addressline1 addressline2 street street1 street2 streetaddress line1 line2",
  ),
  card: words("cardnumber cardno creditcard creditcardnumber debitcard debitcardnumber ccnumber ccnum pan"),
  secret: words(
    "password passwd pwd passphrase secret token cvv cvv2 cvc cvc2 csc apikey authorization otp jwt bearer",
  ),
};
/** What a longer name may end in: `user_email`, `new_password`. A device's or a push token is an address, and no secret of a person. */
const ENDINGS: [PiiClass, string[]][] = [
  [
    "secret",
    words(`password passwd passphrase secret secretkey privatekey apikey accesstoken refreshtoken authtoken idtoken
    sessiontoken securitycode cvv cvc`),
  ],
  ["card", words("cardnumber creditcard")],
  ["email", words("email emailaddress")],
  ["phone", words("phone phonenumber")],
  ["iban", ["iban"]],
  ["ssn", words("ssn socialsecuritynumber")],
  ["pesel", ["pesel"]],
];
const EXACT = new Map<string, PiiClass>([
  ...Object.entries(NAMES).flatMap(([name, all]) => all.map((one) => [one, name as PiiClass] as const)),
  ["nip", "nip"],
]);

/** Names come from the internet, a few hundred of them again and again: the whole cache is dropped when it is full. */
const MOST_CACHED = 10_000;
const LONGEST_CACHED = 64;
const cache = new Map<string, PiiClass | undefined>();

export function classOfName(name: string): PiiClass | undefined {
  const known = cache.get(name);
  if (known !== undefined || cache.has(name)) return known;
  const found = read(name);
  if (cache.size >= MOST_CACHED) cache.clear();
  if (name.length <= LONGEST_CACHED) cache.set(name, found);
  return found;
}

function read(name: string): PiiClass | undefined {
  const letters = name.toLowerCase().replace(/[^a-z0-9]/g, "");
  const exact = EXACT.get(letters);
  // "has_password" and "isEmail" say whether there is one.
  if (exact || /^(has|is|hide|show)[_A-Z ]/.test(name)) return exact;
  return ENDINGS.find(([, endings]) => endings.some((ending) => letters.endsWith(ending)))?.[0];
}
