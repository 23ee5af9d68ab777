/** Every destination against the vendor's stand-in, which was written from the vendor's reference: map → request → answer → outcome. */
import { describe, expect, it } from "vitest";
import { anEvent } from "../../../test/an-event.ts";
import type { Answer, Vendor, VendorCall, Verdict } from "../../../test/vendor-sink/vendor.ts";
import { vendorAt } from "../../../test/vendor-sink/vendors.ts";
import { webhook as customerReceiver } from "../../../test/vendor-sink/webhook.ts";
import { type Destination, isSkip, type Outcome, splitSecrets, type VendorResponse } from "../destination.ts";
import { given } from "./example-events.ts";
import { destinations } from "./index.ts";

const now = new Date("2026-11-20T10:00:02.000Z");

// biome-ignore lint/suspicious/noExplicitAny: the payload and settings of any destination.
type Any = any;

interface Sample {
  title: string;
  payload: Any;
  settings: Any;
}

function samplesOf({ examples, settings, exampleSettings, map }: Destination): Sample[] {
  return examples.flatMap(({ title, in: given, settings: differences }) => {
    const all = settings.parse({ ...exampleSettings, ...differences });
    const payload = map(anEvent(given), splitSecrets(settings, all).open);
    return isSkip(payload) ? [] : [{ title, payload, settings: all }];
  });
}

async function send(destination: Destination, payloads: Any[], settings: Any) {
  const { url, method, headers, body } = await destination.request(payloads, settings, { now });
  const bytes = Buffer.from(body);
  const call: VendorCall = {
    integration: "i",
    method,
    url: new URL(url),
    headers,
    body: bytes,
    bodyBytes: bytes.length,
    now: now.getTime(),
  };
  const vendor = vendorAt(call.url.hostname) ?? customerReceiver({});
  return { vendor, verdict: vendor.receive(call) };
}

function responseOf({ status, headers = {}, body }: Answer): VendorResponse {
  const text = typeof body === "string" ? body : body === undefined ? "" : JSON.stringify(body);
  return { status, headers, body: text, json: typeof body === "string" ? undefined : body };
}

function outcomesOf(destination: Destination, answer: Answer, payloads: Any[]): Outcome[] {
  const outcome = destination.outcome(responseOf(answer), payloads);
  return Array.isArray(outcome) ? outcome : payloads.map(() => outcome);
}

/** As many as may share a request, all under the example's settings. */
async function together(destination: Destination): Promise<{ payloads: Any[]; vendor: Vendor; verdict: Verdict }[]> {
  const { groupBy, limits, exampleSettings, settings } = destination;
  const plain = samplesOf({ ...destination, examples: destination.examples.filter((one) => !one.settings) });
  const groups = Map.groupBy(plain, ({ payload }) => groupBy?.(payload) ?? "");
  return Promise.all(
    [...groups.values()].map(async (group) => {
      const payloads = group.slice(0, limits.eventsPerRequest).map(({ payload }) => payload);
      return { payloads, ...(await send(destination, payloads, settings.parse(exampleSettings))) };
    }),
  );
}

describe.each(Object.entries(destinations))("%s", (_, destination) => {
  it.each(samplesOf(destination).map((sample) => [sample.title, sample] as const))(
    "is taken by the vendor: %s",
    async (_title, { payload, settings }) => {
      const { verdict } = await send(destination, [payload], settings);
      const outcomes = outcomesOf(destination, verdict.answer, [payload]);
      expect({ answer: verdict.answer, outcomes }).toMatchObject({ outcomes: [{ outcome: "delivered" }] });
      expect(verdict.validation ?? []).toEqual([]);
      expect(verdict.events.length).toBeGreaterThan(0);
      expect(verdict.events.every(({ accepted }) => accepted)).toBe(true);
    },
  );

  it("is taken by the vendor with as many as go together", async () => {
    for (const { payloads, verdict } of await together(destination)) {
      const outcomes = outcomesOf(destination, verdict.answer, payloads);
      expect({ answer: verdict.answer, outcomes: new Set(outcomes.map(({ outcome }) => outcome)) }).toMatchObject({
        outcomes: new Set(["delivered"]),
      });
    }
  });

  it("never calls an event delivered that the vendor did not take, nor refused what it did", async () => {
    for (const { payloads, vendor, verdict } of await together(destination)) {
      let asked = 0;
      const partial = vendor.partial(verdict, () => asked++ % 2 === 1);
      const outcomes = outcomesOf(destination, partial.answer, payloads);
      expect(outcomes).toHaveLength(payloads.length);
      // GA4 never says that it dropped an event; where a payload is several entries, each of them has to be in.
      if (destination.name === "ga4" || partial.events.length !== payloads.length) continue;
      outcomes.forEach(({ outcome }, i) => {
        const { accepted } = partial.events[i]!;
        expect([i, accepted, outcome]).toEqual([
          i,
          accepted,
          expect.not.stringMatching(accepted ? "rejected" : "delivered"),
        ]);
      });
    }
  });

  it.each(["429", "500", "error-in-200"] as const)("sends again after the vendor's %s", async (fault) => {
    const { payloads, vendor } = (await together(destination))[0]!;
    const answer = vendor.fault(fault);
    // A customer's receiver that says 200 has taken the event, whatever it writes below.
    if (!answer || (destination.name === "webhook" && fault === "error-in-200")) return;
    const outcomes = outcomesOf(destination, answer, payloads);
    expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(["retry"]));
  });
});

it.each([
  ["tiktok", ["email", "external_id", "first_name", "ip", "locale", "phone", "user_agent"]],
  ["pinterest", ["client_ip_address", "client_user_agent", "em", "external_id", "fn", "ph"]],
  ["snapchat", ["client_ip_address", "client_user_agent", "em", "external_id", "fn", "ph"]],
  ["linkedin", ["SHA256_EMAIL"]],
  ["microsoft-uet", ["clientIpAddress", "clientUserAgent", "em", "externalId", "ph"]],
  ["reddit", ["email", "external_id", "ip_address", "phone_number", "user_agent"]],
  ["x", ["hashed_email", "hashed_phone_number", "ip_address", "user_agent"]],
])("%s can tell by what it may recognise a person", (name, identifiers) => {
  const destination = destinations[name]!;
  const setting = { linkedin: "rules", x: "events" }[name] ?? "events";
  const chosen = { snapchat: "SIGN_UP", pinterest: "signup", reddit: "SIGN_UP", linkedin: "104012", x: "o9p5x" }[name];
  const settings = { ...destination.exampleSettings, [setting]: { identify: chosen ?? "SignUp" } };
  const { open } = splitSecrets(destination.settings, settings);
  const payload = destination.map(anEvent(given.identify), open);
  expect(destination.identifiersIn!(payload).toSorted()).toEqual(identifiers);
});

/** What the stand-ins take for a credential that has ended; Slack's is an address. */
const ended = (setting: string) =>
  setting === "webhook_url" ? "https://hooks.slack.com/services/T0/B0/EXPIRED" : "EXPIRED";

/** Those that a receiver of the customer's own, or GA4, would not tell. */
const TELLING = Object.values(destinations).filter(({ name }) => name !== "ga4" && name !== "webhook");

it.each(TELLING.map((destination) => [destination.name, destination] as const))(
  "%s pauses where the vendor does not take the credentials",
  async (_, destination) => {
    const [sample] = samplesOf(destination);
    const { secrets } = splitSecrets(destination.settings, sample!.settings);
    const expired = Object.fromEntries(Object.keys(secrets).map((key) => [key, ended(key)]));
    const { verdict } = await send(destination, [sample!.payload], { ...sample!.settings, ...expired });
    expect(outcomesOf(destination, verdict.answer, [sample!.payload])).toMatchObject([{ outcome: "unauthorised" }]);
    expect(verdict.events.some(({ accepted }) => accepted)).toBe(false);
  },
);
