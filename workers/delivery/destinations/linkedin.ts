// https://learn.microsoft.com/en-us/linkedin/marketing/integrations/ads-reporting/conversions-api
import * as z from "zod";
import { currencyOf, worthOf } from "../../../core/commerce.ts";
import type { Event } from "../../../core/event.ts";
import { identifiers, personOf } from "../../../core/identifiers.ts";
import { defined, isRecord, number, pick, record } from "../../../core/values.ts";
import { defineDestination, eventTime, isSkip, type Outcome, type Skip, secret, skip } from "../destination.ts";
import { standardEvents } from "../event-names.ts";
import { refuse, requestOutcome, words } from "../outcomes.ts";
import { clickOf } from "../visit.ts";
import { linkedinExamples } from "./linkedin.examples.ts";

/** LinkedIn takes a version for about twelve months. */
const VERSION = "202603";

const settings = z.object({
  /** With the scope rw_conversions. */
  access_token: secret(),
  /**
   * Which conversion rule an event belongs to, by the event's name or type: `{ "Order Completed": "104012" }`. The rule says
   * what LinkedIn counts, so an event without one is not sent.
   */
  rules: z.record(z.string().min(1).max(256), z.string().regex(/^\d+$/, "a conversion rule's id is digits only")),
  /** Sends name and country in clear, which LinkedIn takes unhashed only. */
  send_name: z.boolean().optional(),
});
export type LinkedinSettings = z.infer<typeof settings>;

export interface LinkedinConversion {
  conversion: string;
  /** Unix milliseconds. */
  conversionHappenedAt: number;
  eventId: string;
  conversionValue?: { currencyCode: string; amount: string };
  user: {
    userIds: { idType: "SHA256_EMAIL" | "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID"; idValue: string }[];
    userInfo?: { firstName: string; lastName: string; countryCode?: string; companyName?: string; title?: string };
    externalIds?: [string];
  };
}

const ruleOf = standardEvents<string>({}, {});

export const linkedin = defineDestination<LinkedinSettings, LinkedinConversion>({
  name: "linkedin",
  title: "LinkedIn Conversions API",
  purpose: "marketing",
  settings,
  exampleSettings: {
    access_token: "example-linkedin-token",
    rules: { "Order Completed": "104012", "Signed Up": "104013", Lead: "104014" },
  },
  // 600 requests a minute and, for many accounts, 300,000 a day.
  limits: { eventsPerRequest: 5_000, requestsPerSecond: 10, giveUpAfterHours: 168, timeoutMs: 20_000 },

  identifiersIn: ({ user }) => [...user.userIds.map(({ idType }) => idType), ...(user.userInfo ? ["userInfo"] : [])],

  map(event, { rules, send_name }): LinkedinConversion | Skip {
    const rule = ruleOf(event, rules);
    if (!rule) return skip("event_not_mapped", `no conversion rule is set for "${event.event}"`);
    const time = eventTime(event, 90 * 24);
    if (isSkip(time)) return time;
    const user = userOf(event, send_name);
    if (!user.userIds.length && !user.userInfo) {
      return skip(
        "missing_field",
        "LinkedIn needs an e-mail, the cookie li_fat_id, or (with send_name) a first and a last name",
      );
    }
    const currencyCode = currencyOf(event);
    const amount = worthOf(event);
    return {
      conversion: `urn:lla:llaPartnerConversion:${rule}`,
      conversionHappenedAt: time.getTime(),
      eventId: event.message_id,
      ...(currencyCode && amount !== undefined && { conversionValue: { currencyCode, amount: String(amount) } }),
      user,
    };
  },

  request(payloads, { access_token }) {
    return {
      url: "https://api.linkedin.com/rest/conversionEvents",
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${access_token}`,
        "linkedin-version": VERSION,
        "x-restli-protocol-version": "2.0.0",
        "x-restli-method": "BATCH_CREATE",
      },
      body: JSON.stringify({ elements: payloads }),
    };
  },

  outcome(response, payloads): Outcome | Outcome[] {
    const { elements, message } = record(response.json);
    if (response.status === 200 && Array.isArray(elements) && elements.length === payloads.length) {
      return elements.map((element) => elementOutcome(record(element)));
    }
    // Of several events it names those at fault, and takes none of the others: these go again without them.
    if ((response.status === 422 || response.status === 400) && typeof message === "string") {
      const faults = faultsIn(message);
      if (!faults.size) return refuse(payloads, words(message));
      return payloads.map((_, i): Outcome => {
        const reason = faults.get(i);
        if (reason !== undefined) return { outcome: "rejected", reason };
        return { outcome: "retry", reason: "another event of the request was refused", after_s: 0 };
      });
    }
    if (response.status === 426) {
      // No credential mends this, but waiting with the events held is what there is to do.
      return { outcome: "unauthorised", reason: `LinkedIn no longer serves the API version ${VERSION}` };
    }
    return requestOutcome(response, payloads);
  },

  examples: linkedinExamples,
});

function elementOutcome({ status, error }: Record<string, unknown>): Outcome {
  const code = number(status) ?? 0;
  if (code >= 200 && code < 300) return { outcome: "delivered" };
  const reason = `status ${code}: ${words(isRecord(error) ? (pick(error, "message") ?? error) : error)}`;
  return code === 429 || code >= 500 ? { outcome: "retry", reason } : { outcome: "rejected", reason };
}

/** `… Index: 3, ERROR :: /user/userIds :: …`, once for every fault. */
function faultsIn(message: string): Map<number, string> {
  const faults = [...message.matchAll(/Index:\s*(\d+),\s*ERROR\s*::\s*(.*?)(?=,?\s*Index:|$)/gs)];
  return new Map(faults.map(([, index, fault]) => [Number(index), words(fault!.trim())]));
}

function userOf(event: Event, sendName: boolean | undefined): LinkedinConversion["user"] {
  const person = personOf(event);
  const { SHA256_EMAIL, firstName, lastName, countryCode, externalId } = identifiers("linkedin", person);
  const tracking = clickOf(event, "li_fat_id");
  const { traits } = event.context;
  const about = { ...record(traits), ...(event.type === "identify" ? record(event.traits) : {}) };
  const companyName = pick(about, "company_name") ?? pick(record(about.company), "name");
  const userIds: LinkedinConversion["user"]["userIds"] = [];
  if (SHA256_EMAIL) userIds.push({ idType: "SHA256_EMAIL", idValue: SHA256_EMAIL });
  if (tracking) userIds.push({ idType: "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID", idValue: tracking });
  return {
    userIds,
    ...(sendName &&
      firstName &&
      lastName && {
        userInfo: { firstName, lastName, ...defined({ countryCode, companyName, title: pick(about, "title") }) },
      }),
    ...(externalId && { externalIds: [externalId] }),
  };
}
