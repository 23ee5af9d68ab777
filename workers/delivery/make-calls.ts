/**
 * From the events of one integration to an outcome for each of them: consent, requests within the vendor's limits, the gate's
 * permission, the calls, and bisection where the vendor refuses a whole request for one of its events.
 */
import { allows, type Purpose } from "../../core/consent.ts";
import type { DeliveryItem } from "../../core/queue-messages.ts";
import type { DeliveryEnv, VendorEnv } from "../env.ts";
import { converse } from "./converse.ts";
import { authenticated, sign } from "./credentials-for.ts";
import type { Destination, Outcome, VendorRequest } from "./destination.ts";
import { inPool } from "./in-pool.ts";
import type { Line, Parcel } from "./parcel.ts";
import type { Target } from "./target.ts";
import type { CallResult } from "./vendor-call.ts";

/** A request that was made. `outcomes` are those of its `lines`, in their order; their reasons hold no secrets. */
export interface Call {
  lines: Line[];
  outcomes: Outcome[];
  request: VendorRequest;
  result: CallResult;
  /** The outcome follows from what is true of the integration, whatever the events. */
  concernsAll: boolean;
}

/** So many requests that failed, and none that did not, end a batch: as many open the gate's circuit. */
const FAILURES_TO_STOP = 5;
/** So many that hang do too: each of them costs the lane its whole timeout. */
const HUNG_TO_STOP = 2;
/** And so many whose credentials are refused: a single one may be about its event. */
const REFUSALS_TO_STOP = 3;
/**
 * On a lane that it shares, a vendor is waited for four times as long as its slowest recent answer took, and a fifth of its timeout at
 * least: one that goes down costs the others that once or twice. From the recovery queue it gets its whole timeout.
 */
const PATIENCE = 4;
const LEAST_PATIENCE = 1 / 5;
/** How long the others then wait; the gate, told meanwhile, knows better when they ask it. */
const STOPPED_S = 10;

export interface CallTerms {
  /** Calls that may be under way at a time. */
  atOnce: number;
  /** Whether a vendor that is not well may be tried. */
  mayProbe: boolean;
  /** Events of people who have taken back their consent since. */
  revoked: Set<DeliveryItem>;
}

/** Every event has an outcome afterwards. Throws only before the first call. */
export async function makeCalls(
  parcels: Parcel[],
  target: Target,
  env: DeliveryEnv,
  { atOnce, mayProbe, revoked }: CallTerms,
): Promise<Call[]> {
  const { destination, integration } = target;
  const purpose = integration.purpose ?? destination.purpose;
  const lines = withConsent(await withoutRepeated(parcels, integration.id, env), purpose, revoked);
  // Events that were refused themselves go last: while the credentials are in doubt, another may show that they are good.
  const groups = groupLines(lines, destination).sort((a, b) => Number(isSuspect(a)) - Number(isSuspect(b)));
  if (groups.length === 0) return [];
  const gate = env.INTEGRATION_GATE.getByName(integration.id);
  const terms = { may_probe: mayProbe, suspects: isSuspect(groups[0]!) };
  const claim = await gate.claim(groups.length, destination.limits.requestsPerSecond, terms);
  const wait_s = Math.max(1, Math.ceil(claim.retry_in_ms / 1_000));
  const is_unwell = claim.state !== "rate_limited" && claim.state !== "open_for_business";
  for (const group of groups.slice(claim.granted)) hold(group, `the gate said ${claim.state}`, wait_s, is_unwell);

  const { timeoutMs } = destination.limits;
  const patience = Math.max(timeoutMs * LEAST_PATIENCE, PATIENCE * (claim.slowest_ms ?? timeoutMs));
  const waitMs = mayProbe ? timeoutMs : Math.min(timeoutMs, patience);
  const calls: Call[] = [];
  await inPool(atOnce, groups.slice(0, claim.granted), async (group) => {
    if (isFutile(calls)) hold(group, "the requests before it failed", STOPPED_S, true);
    else await callOnce(group, target, env, calls, waitMs);
  });
  for (const parcel of parcels) parcel.acceptedAt = calls.some(isAccepted) ? Date.now() : claim.accepted_at;
  return calls;
}

/** A request that failed as a whole: what the circuit breaker goes by. */
export const hasFailed = (call: Call) => call.outcomes.every(({ outcome }) => outcome === "retry");

/** A request that never got an answer in time. */
export const hasHung = ({ result }: Call) => !result.answered && result.is_late;

const isAboutAll = (one: Outcome) => one.outcome === "unauthorised" && one.concerns_all === true;

const isAccepted = (call: Call) => !hasFailed(call) && refusalOf(call) === undefined;

const isSuspect = (lines: Line[]) => lines.every(({ parcel }) => parcel.body.refused !== undefined);

/** The vendor's words where it refused the credentials. */
export function refusalOf({ outcomes }: Call): string | undefined {
  const refusal = outcomes.find((one) => one.outcome === "unauthorised");
  return refusal && (refusal.reason || "the vendor refused the credentials");
}

/** A chunk of a replay that was queued a second time is not sent a second time. */
async function withoutRepeated(parcels: Parcel[], integrationId: string, env: DeliveryEnv): Promise<Parcel[]> {
  const chunks = parcels.flatMap(({ body: { replay, attempt, counted }, message }) =>
    // What comes back for another try is a message of its own, and was admitted at its first.
    replay && attempt === 1 && !counted ? [{ chunk: replay.chunk, queue_message: message.id }] : [],
  );
  if (chunks.length === 0) return parcels;
  const repeated = new Set(await env.INTEGRATION_GATE.getByName(integrationId).knownChunks(chunks));
  return parcels.filter(({ message, body, outcomes }) => {
    if (!repeated.has(message.id)) return true;
    for (const item of body.items) outcomes.set(item, { outcome: "filtered", reason: "replayed_before" });
    return false;
  });
}

/** Judged by what the event was allowed when it came, and by what the person has taken back since. */
function withConsent(parcels: Parcel[], purpose: Purpose, revoked: Set<DeliveryItem>): Line[] {
  const lines = parcels.flatMap((parcel) => parcel.body.items.map((item) => ({ parcel, item })));
  return lines.filter(({ parcel, item }) => {
    const reason = !allows(item.purposes, purpose) ? "no_consent" : revoked.has(item) && "consent_revoked";
    if (reason) parcel.outcomes.set(item, { outcome: "filtered", reason });
    return !reason;
  });
}

/** Groups of lines that may share a request: same destination key, within the vendor's number and size. */
function groupLines(lines: Line[], destination: Destination): Line[][] {
  const groups: Line[][] = [];
  const { eventsPerRequest, bytesPerRequest = Number.POSITIVE_INFINITY } = destination.limits;
  for (const together of Map.groupBy(measure(lines, destination), ({ key }) => key).values()) {
    let group: Line[] = [];
    let groupBytes = 0;
    for (const { line, bytes } of together) {
      if (group.length && (group.length >= eventsPerRequest || groupBytes + bytes > bytesPerRequest)) {
        groups.push(group);
        group = [];
        groupBytes = 0;
      }
      group.push(line);
      groupBytes += bytes;
    }
    groups.push(group);
  }
  return groups;
}

/** With each line's key and UTF-8 size. A payload that is not the destination's own gets its outcome here, and blocks nothing. */
function measure(lines: Line[], { name, groupBy, limits }: Destination): { line: Line; key: string; bytes: number }[] {
  return lines.flatMap((line) => {
    const { payload } = line.item;
    try {
      // What was refused for its credentials goes alone: of many in a request nobody could tell which it was about.
      const alone = line.parcel.body.refused ? `${line.item.message_id} ` : "";
      const whole = limits.keepsMessages ? `${line.parcel.message.id} ` : "";
      const key = `${alone}${whole}${groupBy?.(payload) ?? ""}`;
      const bytes = limits.bytesPerRequest ? Buffer.byteLength(JSON.stringify(payload), "utf8") : 0;
      return [{ line, key, bytes }];
    } catch (error) {
      line.parcel.outcomes.set(line.item, { outcome: "rejected", reason: `not a payload of ${name}: ${error}` });
      return [];
    }
  });
}

/** A vendor that is down, or does not know us, is not asked fifty times more: each could wait for its timeout. */
function isFutile(calls: Call[]): boolean {
  if (calls.some(isAccepted)) return false;
  const refused = calls.filter((call) => refusalOf(call) !== undefined).length;
  return (
    calls.length - refused >= FAILURES_TO_STOP ||
    refused >= REFUSALS_TO_STOP ||
    calls.filter(hasHung).length >= HUNG_TO_STOP
  );
}

function hold(lines: Line[], reason: string, after_s: number, is_unwell: boolean): void {
  for (const { parcel, item } of lines) parcel.outcomes.set(item, { outcome: "held", reason, after_s, is_unwell });
}

/** One request to the vendor; one more for each half where it refused the whole for one of its events. Never throws. */
async function callOnce(
  lines: Line[],
  target: Target,
  env: DeliveryEnv,
  calls: Call[],
  timeoutMs: number,
): Promise<void> {
  const payloads = lines.map(({ item }) => item.payload);
  const message_ids = lines.map(({ item }) => item.message_id);
  const made = await exchange(payloads, message_ids, target, env, timeoutMs);
  let outcomes: Outcome[];
  if ("unsent" in made) {
    const { unsent } = made;
    outcomes = payloads.map(() => unsent);
    // To the gate, credentials that could not be had are as good as refused: the integration pauses.
    if (unsent.outcome !== "batch_refused") {
      calls.push({ lines, outcomes, ...withoutCredentials(unsent), concernsAll: true });
    }
  } else {
    outcomes = made.outcomes;
    calls.push({ lines, ...made });
  }
  lines.forEach(({ parcel, item }, i) => {
    parcel.outcomes.set(item, outcomes[i]!);
  });

  const refused = lines.filter((_, i) => outcomes[i]!.outcome === "batch_refused");
  if (lines.length === 1 || refused.length === 0) return;
  const half = Math.ceil(refused.length / 2);
  for (const part of [refused.slice(0, half), refused.slice(half)]) {
    if (part.length) await callOnce(part, target, env, calls, timeoutMs);
  }
}

type Failure = Exclude<Outcome, { outcome: "delivered" }>;

/**
 * What passes between us and the vendor for these payloads: token, request, signature, call, what is mended, outcomes. `unsent`: no
 * request could be made of them, or no token was to be had. The gate gives no permission and counts nothing here. Never throws.
 */
export async function exchange(
  payloads: unknown[],
  message_ids: string[],
  target: Target,
  env: VendorEnv,
  timeoutMs: number,
): Promise<Omit<Call, "lines"> | { unsent: Failure }> {
  const request = await requestOf(payloads, message_ids, target, env);
  if ("outcome" in request) return { unsent: request };
  const options = {
    timeoutMs,
    integration: target.integration.name,
    sinkUrl: env.VENDOR_SINK_URL,
    mask: (text: string) => target.mask(text),
  };
  const { result, instead } = await converse(request, options, payloads, message_ids, target, env);
  const outcomes = instead ? payloads.map(() => instead) : outcomesOf(result, payloads, target);
  return { outcomes, request, result, concernsAll: instead !== undefined || outcomes.some(isAboutAll) };
}

/** A payload that no request can be made of is refused as a vendor would, so that bisection finds it. */
async function requestOf(
  payloads: unknown[],
  message_ids: string[],
  target: Target,
  env: VendorEnv,
): Promise<VendorRequest | Failure> {
  const { destination, settings } = target;
  const known = await authenticated(target, env);
  if ("outcome" in known) return known;
  try {
    const moment = { now: new Date(), message_ids, ...known };
    return await sign(await destination.request(payloads, settings, moment), target, moment.now);
  } catch (error) {
    return { outcome: "batch_refused", reason: target.mask(`not a payload of ${destination.name}: ${error}`) };
  }
}

/** One for each payload. An answer that the destination cannot read says nothing of the events: they are sent again. */
function outcomesOf(result: CallResult, payloads: unknown[], { destination, mask }: Target): Outcome[] {
  const all = (outcome: Outcome) => payloads.map(() => outcome);
  if (!result.answered) return all({ outcome: "retry", reason: result.error });
  try {
    const outcome = destination.outcome(result.response, payloads);
    const outcomes = Array.isArray(outcome) ? outcome : all(outcome);
    if (outcomes.length !== payloads.length) {
      throw new Error(`${destination.name} gave ${outcomes.length} outcomes for ${payloads.length} events`);
    }
    return outcomes.map((one) => ("reason" in one ? { ...one, reason: mask(one.reason) } : one));
  } catch (error) {
    return all({ outcome: "retry", reason: mask(String(error)) });
  }
}

/** What stands for a request that could not even be signed. */
const withoutCredentials = ({ reason }: { reason: string }): Pick<Call, "request" | "result"> => ({
  request: { url: "millrace:credentials", method: "POST", headers: {}, body: "" },
  result: { answered: false, error: reason, ms: 0, is_late: false },
});
