// https://learn.microsoft.com/en-us/linkedin/marketing/integrations/ads-reporting/conversions-api
import { bearer, isHash, isText, names, strangeKey } from "./checks.ts";
import { CURRENCIES } from "./currency.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";
import { type Answer, refuseAll, type Vendor, type VendorCall, type Verdict } from "./vendor.ts";

const MAX_EVENTS = 5_000;
const MOST_DAYS = 90;
/** Versions live for twelve months; 202511 ended on 16 November 2026. */
const OLDEST_VERSION = 202_512;

const ELEMENT = names("conversion conversionHappenedAt conversionValue eventId user");
const USER = names("userIds userInfo externalIds leadId");
const INFO = names("firstName lastName companyName title countryCode");

export const linkedin: Vendor = {
  name: "linkedin",
  // Not documented for how long; the conversion window is at most 365 days.
  dedupWindowMs: 90 * 86_400_000,

  receive(call) {
    const body = parseJson(call.body.toString());
    const elements = isObject(body) && Array.isArray(body.elements) ? body.elements : [];
    const verdict: Verdict = { answer: created(elements.map(() => 201)), events: elements.map(sentEvent) };
    const refused = refusal(call, elements);
    return refused ? refuseAll(verdict, refused) : verdict;
  },

  // What a batch answers is a status for each of its elements.
  partial(verdict, keeps) {
    if (verdict.answer.status !== 200) return verdict;
    const events = verdict.events.map((event) => ({ ...event, accepted: keeps() }));
    return { events, answer: created(events.map(({ accepted }) => (accepted ? 201 : 400))) };
  },

  fault(fault) {
    if (fault === "429") return error(429, "Resource level throttle APPLICATION DAY limit reached");
    return fault === "500" ? error(500, "Internal Server Error") : undefined;
  },
};

const error = (status: number, message: string): Answer => ({ status, body: { status, message } });
const created = (statuses: number[]): Answer => ({
  status: 200,
  body: {
    elements: statuses.map((status) =>
      status === 201 ? { status } : { status, error: { status, message: "Invalid" } },
    ),
  },
});

function sentEvent(element: unknown) {
  if (!isObject(element) || !isText(element.eventId)) return { accepted: true };
  return { message_id: element.eventId, dedup_key: `${element.conversion} ${element.eventId}`, accepted: true };
}

function refusal({ method, url, headers, now }: VendorCall, elements: unknown[]): Answer | undefined {
  if (method !== "POST" || url.pathname !== "/rest/conversionEvents") return error(404, "No virtual resource found");
  const token = bearer(headers);
  if (!token) return error(401, "Empty oauth2_access_token");
  if (token === "EXPIRED") return error(401, "The token used in the request has expired");
  const version = headers["linkedin-version"] ?? "";
  if (!/^\d{6}$/.test(version))
    return error(400, "A version must be present. Please specify a version by adding the LinkedIn-Version header.");
  if (Number(version) < OLDEST_VERSION) return error(426, `Requested version ${version} is not active`);
  if (headers["x-restli-method"] !== "BATCH_CREATE") return error(400, "elements need X-RestLi-Method: BATCH_CREATE");
  if (elements.length < 1 || elements.length > MAX_EVENTS)
    return error(400, `elements must have 1 to ${MAX_EVENTS} entries`);
  const faults = elements.flatMap((element, i) => {
    const wrong = isObject(element) ? wrongElement(element, now) : "is no object";
    return wrong ? [`Index: ${i}, ERROR :: ${wrong}`] : [];
  });
  return faults.length ? error(422, faults.join(", ")) : undefined;
}

function wrongElement(element: JsonObject, now: number): string | undefined {
  const strange = strangeKey(element, ELEMENT);
  if (strange) return `/${strange} :: unrecognized field found but not allowed`;
  if (!/^urn:lla:llaPartnerConversion:\d+$/.test(String(element.conversion)))
    return "/conversion :: is not a valid Urn";
  const age = now - Number(element.conversionHappenedAt);
  if (!Number.isInteger(element.conversionHappenedAt) || age > MOST_DAYS * 86_400_000 || age < -60_000)
    return "/conversionHappenedAt :: must be in milliseconds within the last 90 days";
  const { conversionValue } = element;
  if (conversionValue !== undefined) {
    const { currencyCode, amount } = isObject(conversionValue) ? conversionValue : {};
    if (!CURRENCIES.has(String(currencyCode))) return "/conversionValue/currencyCode :: is not a currency";
    if (!isText(amount) || !Number.isFinite(Number(amount)))
      return "/conversionValue/amount :: must be a decimal string";
  }
  return wrongUser(element.user);
}

function wrongUser(user: unknown): string | undefined {
  if (!isObject(user)) return "/user :: field is required but not found";
  const strange = strangeKey(user, USER);
  if (strange) return `/user/${strange} :: unrecognized field found but not allowed`;
  const { userIds, userInfo, externalIds } = user;
  if (!Array.isArray(userIds)) return "/user/userIds :: field is required but not found";
  for (const id of userIds) {
    if (!isObject(id) || !isText(id.idValue)) return "/user/userIds :: idValue is required";
    if (!/^(SHA256_EMAIL|LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID|ACXIOM_ID|ORACLE_MOAT_ID)$/.test(String(id.idType)))
      return "/user/userIds/idType :: is not an enum symbol";
    if (id.idType === "SHA256_EMAIL" && !isHash(id.idValue)) return "/user/userIds :: the e-mail is not hashed";
  }
  if (externalIds !== undefined && !(Array.isArray(externalIds) && externalIds.length === 1 && isText(externalIds[0])))
    return "/user/externalIds :: must have one entry";
  if (userInfo === undefined) return userIds.length ? undefined : "/user :: userIds or userInfo is required";
  if (!isObject(userInfo) || strangeKey(userInfo, INFO)) return "/user/userInfo :: unrecognized field";
  return isText(userInfo.firstName) && isText(userInfo.lastName)
    ? undefined
    : "/user/userInfo :: first and last name are required";
}
