import { lasting } from "./storage.ts";

/** What the visitor allowed. A purpose that is absent was not asked, or not answered again. */
export interface Answer {
  analytics?: boolean | undefined;
  marketing?: boolean | undefined;
}

/** As an event carries it. The server weighs the signs against each other (core/consent-signals.ts). */
export interface SentConsent extends Answer {
  /** The TC string of IAB Europe's framework, as the page's consent manager gave it. */
  tcf?: string;
  /** Google's kinds of consent: `granted` or `denied`. */
  ad_storage?: string;
  analytics_storage?: string;
  ad_user_data?: string;
  ad_personalization?: string;
}

interface TcData {
  tcString?: string;
  gdprApplies?: boolean;
}

declare global {
  interface Window {
    __tcfapi?: (command: string, version: number, callback: (data: TcData | null, success: boolean) => void) => void;
    dataLayer?: ArrayLike<unknown>[];
  }
}

const PURPOSES = ["analytics", "marketing"] as const;
/** Of Google's kinds of consent those that concern either purpose: the others are about a site's own working. */
const GOOGLE = /^(ad|analytics)_\w+ (granted|denied)$/;

let tcf: string | undefined;
let listening = false;
const google: Record<string, string> = {};

/** The visitor's own answer, with what `said` adds. Whatever is not true is a no. */
export function answer(said?: Answer): Answer {
  const known = { ...lasting.get<Answer>("consent") };
  for (const purpose of PURPOSES) {
    const value = said?.[purpose];
    if (value != null) known[purpose] = value === true;
  }
  return known;
}

/** What is true now. Where the visitor did not answer both questions here, also what the page's consent manager says. */
export function currentConsent(): SentConsent | undefined {
  let consent: SentConsent = answer();
  if (Object.keys(consent).length < PURPOSES.length) {
    // This runs code of the page's own.
    try {
      listenToTcf();
    } catch {}
    try {
      readGoogle();
    } catch {}
    consent = { ...(tcf && { tcf }), ...google, ...consent };
  }
  return Object.keys(consent).length ? consent : undefined;
}

/** https://github.com/InteractiveAdvertisingBureau/GDPR-Transparency-and-Consent-Framework: CMP API v2, addEventListener */
function listenToTcf(): void {
  if (listening || !window.__tcfapi) return;
  listening = true;
  window.__tcfapi("addEventListener", 2, (data, success) => {
    // Where the law does not apply, the string says nothing.
    if (success && data) tcf = data.gdprApplies === false ? undefined : data.tcString;
  });
}

/**
 * https://developers.google.com/tag-platform/security/guides/consent. Of several defaults, each perhaps for a region that is not
 * known here, a denial stands; an update outranks them. What was read is kept: Tag Manager shortens a long dataLayer.
 */
function readGoogle(): void {
  for (const entry of window.dataLayer || []) {
    if (entry?.[0] !== "consent") continue;
    const signals = entry[2] as Record<string, string>;
    for (const name in signals) {
      const signal = signals[name]!;
      const counts = entry[1] === "update" || google[name] !== "denied";
      if (counts && GOOGLE.test(`${name} ${signal}`)) google[name] = signal;
    }
  }
}
