/** Where and with what browser an event happened, and what its person allows an ad network: the facts that all of them ask for. */
import { clickIdsOf } from "../../core/click-ids.ts";
import type { Event } from "../../core/event.ts";

/** Pages have addresses of http; an app's own scheme or a file is none that a vendor takes. */
export function webAddress(url: string | undefined): string | undefined {
  return url && /^https?:\/\//i.test(url) ? url : undefined;
}

/** `undefined` for what is not known. */
export function visitOf({ context }: Event) {
  return {
    url: webAddress(context.page?.url),
    referrer: webAddress(context.page?.referrer),
    ip: context.ip,
    user_agent: context.user_agent,
  };
}

/** The id of the click that led to the visit; else of the last one, as the vendor's cookie remembers it under `cookie`. */
export function clickOf(event: Event, click: string, cookie = click): string | undefined {
  return clickIdsOf(event.context)[click] ?? event.context.vendor_ids?.[cookie];
}

/**
 * Whether an ad network is to be told to use this event for no more than it must: the customer's rule for everybody, or this
 * person's refusal of ads made for them (Consent Mode v2, or the TC string that it was read from).
 */
export function isLimited({ context: { consent } }: Event, everybody: boolean | undefined): boolean {
  return everybody === true || consent?.ad_user_data === "denied" || consent?.ad_personalization === "denied";
}
