/** One request of events: who sends it, may they, what is in it, and is it durable? Answered 200 only then. */
import { keptAddress } from "../../core/address.ts";
import { ApiError } from "../../core/api-error.ts";
import { consentFromHeader, readConsent } from "../../core/consent-signals.ts";
import type { Environment, Source } from "../../core/environment.ts";
import type { Consent, EventType } from "../../core/event.ts";
import { record } from "../../core/values.ts";
import type { IngestEnv } from "../env.ts";
import { acceptEvents } from "./accept-events.ts";
import { authenticate, type Opened } from "./authenticate.ts";
import { dailySalts } from "./cookieless.ts";
import { toPage } from "./cross-origin.ts";
import { enqueue } from "./enqueue.ts";
import { eventsOf } from "./events-of.ts";
import { ADDRESS_RATE, type Allowance, rateLimitHeaders, SOURCE_RATE, spend, tighter } from "./rate-limit.ts";
import { requestFacts } from "./request-facts.ts";
import { visitorOf } from "./visitor.ts";

/** What is collected: calls in the shape of Segment's batch, or of one event whose `type` the path says. */
export interface Call {
  body: Record<string, unknown>;
  /** As it was sent: what a signature covers. Absent where nothing can be signed. */
  bytes?: Uint8Array;
  type?: EventType | undefined;
  /** Why an object is refused of which no event could be made, by its place. */
  reasons?: ReadonlyMap<number, string>;
}

/** Throws ApiError for whatever is not taken; `overloaded` where it could not be stored. */
export async function collect(
  request: Request,
  { body, bytes, type, reasons }: Call,
  env: IngestEnv,
): Promise<Response> {
  const now = Date.now();
  const opened = await openTheDoor(request, body, bytes, env, now);
  try {
    const { key, environment, source } = opened;
    const allowance = await allow(env, request, opened, now);
    const fromHeader = consentFromHeader(request.headers.get("x-consent"));
    const isBrowser = key.kind === "public";
    const consent = isBrowser ? (newestConsent(body) ?? fromHeader) : undefined;
    const visitor = isBrowser ? await visitorOf(request, body, { source, environment, consent, now }, env) : undefined;
    const salt = await saltOf(env, environment, source, now);
    const { ip_policy } = source;
    const { accepted, rejected } = acceptEvents(body, { now, type, visitor, consent: fromHeader, ip_policy, salt });
    for (const one of rejected) one.message = reasons?.get(one.index) ?? one.message;
    if (accepted.length === 0) {
      throw new ApiError("no_valid_events", rejected[0]?.message ?? "There is no event in this request", {
        details: { rejected },
      });
    }
    const facts = isBrowser ? requestFacts(request, source) : {};
    if (facts.ip && ip_policy !== "full") {
      const kept = keptAddress(facts.ip, ip_policy, salt);
      if (kept) facts.ip = kept;
      else delete facts.ip;
    }
    if (visitor?.cookieless) delete facts.ip;
    await enqueue(env, accepted, {
      v: 1,
      environment_id: environment.id,
      source_id: source.id,
      received_at: new Date(now).toISOString(),
      request: facts,
      vendor_ids: visitor?.vendor_ids ?? {},
      ...(visitor?.previous_id && { previous_id: visitor.previous_id }),
    });

    const headers = new Headers({
      "content-type": "application/json",
      ...toPage(request.headers.get("origin")),
      ...rateLimitHeaders(allowance),
    });
    for (const cookie of visitor?.set_cookies ?? []) headers.append("set-cookie", cookie);
    return new Response(JSON.stringify({ success: true, accepted: accepted.length, rejected }), { headers });
  } catch (error) {
    await opened.release?.();
    throw error;
  }
}

/** Whoever tries keys is counted, so that trying many of them gets slow. */
export async function openTheDoor(
  request: Request,
  body: Record<string, unknown>,
  bytes: Uint8Array | undefined,
  env: IngestEnv,
  now: number,
): Promise<Opened> {
  try {
    return await authenticate(request, body, env, bytes);
  } catch (error) {
    const address = networkOf(request);
    if (error instanceof ApiError && address) {
      refuse(await spend(env.ADDRESS_LIMIT, address, ADDRESS_RATE, now), "This address");
    }
    throw error;
  }
}

/** A server sends from one address all that a source may send; of browsers each has its own. */
async function allow(env: IngestEnv, request: Request, { key, source }: Opened, now: number): Promise<Allowance> {
  const ofSource = await spend(env.SOURCE_LIMIT, source.id, SOURCE_RATE, now);
  refuse(ofSource, "This source");
  const address = key.kind === "public" && networkOf(request);
  if (!address) return ofSource;
  const ofAddress = await spend(env.ADDRESS_LIMIT, address, ADDRESS_RATE, now);
  refuse(ofAddress, "This address");
  return tighter(ofSource, ofAddress);
}

/** Who has an IPv6 address has 2⁶⁴ of them: counted is their network. */
export function networkOf({ headers }: Request): string | null {
  const address = headers.get("cf-connecting-ip");
  return address?.includes(":") ? address.split(":", 4).join(":") : address;
}

export function refuse(allowance: Allowance, who: string): void {
  if (allowance.allowed) return;
  throw new ApiError("too_many_requests", `${who} sends faster than it may`, { headers: rateLimitHeaders(allowance) });
}

/** Only where the source's rules need it. */
async function saltOf(
  env: IngestEnv,
  environment: Environment,
  source: Source,
  now: number,
): Promise<Uint8Array | undefined> {
  if (source.ip_policy !== "last_octet_hashed") return undefined;
  const salts = await dailySalts(env.DAILY_SALTS, environment.id, now);
  return salts.get(Math.max(...salts.keys()));
}

/** The last event that says anything of it: a person may have answered between two events of one request. */
function newestConsent(body: Record<string, unknown>): Consent | undefined {
  const events = eventsOf(body);
  for (let i = events.length - 1; i >= 0; i--) {
    const { consent } = record(record(events[i]).context);
    if (consent !== undefined && consent !== null) return readConsent(consent);
  }
  return undefined;
}
