/**
 * More than one request for one delivery: a token that the vendor no longer takes is replaced once, and what is missing at the
 * vendor's (a table, a column) is made, by the destination's own description of how.
 */
import type { VendorEnv } from "../env.ts";
import { authenticated, isTokenRefused, sign } from "./credentials-for.ts";
import type { Mending, Outcome, VendorRequest } from "./destination.ts";
import type { Target } from "./target.ts";
import { type CallOptions, type CallResult, callVendor } from "./vendor-call.ts";

/** A mending that needs more than this is not getting anywhere. */
const MOST_REQUESTS = 8;

export interface Conversation {
  /** The last answer to the request itself. */
  result: CallResult;
  /** What becomes of all the events, whatever that answer says. */
  instead?: Outcome;
}

/** Never throws. */
export async function converse(
  request: VendorRequest,
  options: CallOptions,
  payloads: unknown[],
  message_ids: string[],
  target: Target,
  env: VendorEnv,
): Promise<Conversation> {
  let result = await callVendor(request, options);
  const { destination, settings } = target;
  try {
    if (isTokenRefused(result, target)) {
      const renewed = await authenticated(target, env, { refused: true });
      if ("outcome" in renewed) return { result, instead: renewed };
      const moment = { now: new Date(), message_ids, ...renewed };
      const again = await sign(await destination.request(payloads, settings, moment), target, moment.now);
      result = await callVendor(again, options);
    }
    if (!destination.mend || !result.answered) return { result };
    const known = await authenticated(target, env);
    if ("outcome" in known) return { result, instead: known };
    const moment = { now: new Date(), message_ids, ...known };
    const mending = destination.mend(result.response, payloads, settings, moment);
    const mended = await follow(mending, options, target);
    if (mended === undefined) return { result };
    if (mended !== "again") return { result, instead: masked(mended, target) };
    const again = await sign(await destination.request(payloads, settings, moment), target, moment.now);
    return { result: await callVendor(again, options) };
  } catch (error) {
    return { result, instead: { outcome: "retry", reason: target.mask(String(error)) } };
  }
}

async function follow(mending: Mending, options: CallOptions, target: Target): Promise<"again" | Outcome | undefined> {
  let step = mending.next();
  for (let made = 0; !step.done; made++) {
    if (made === MOST_REQUESTS) return { outcome: "retry", reason: `not mended by ${made} requests` };
    const result = await callVendor(await sign(step.value, target, new Date()), options);
    if (!result.answered) return { outcome: "retry", reason: result.error };
    step = mending.next(result.response);
  }
  return step.value;
}

function masked(outcome: Outcome, { mask }: Target): Outcome {
  return "reason" in outcome ? { ...outcome, reason: mask(outcome.reason) } : outcome;
}
