import type { Purpose } from "./environment.ts";
import type { Consent } from "./event.ts";

/** Whether an event may be used for a purpose. Asked twice: before an event is queued for a vendor, and before it is sent. */
export function allows(consent: Consent | undefined, purpose: Purpose): boolean {
  return purpose === "functional" || consent?.[purpose] === true;
}
