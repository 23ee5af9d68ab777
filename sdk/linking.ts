/**
 * One visitor on several of a customer's hosts: the part that every page has. It takes a token that came in a link out of the
 * address, and loads the rest (`identity-hub.ts`) where the tag names a hub or linked hosts and the browser may store something.
 */
import type { SentConsent } from "./consent.ts";
import { lasting, type Store } from "./storage.ts";

/** Who the visitor turned out to be, and who they were on this host until now. */
export interface Linked {
  anonymous_id: string;
  previous_id?: string;
}

/** What the page's tag says. */
export interface Hosts {
  /** Origin of the host where all of the customer's hosts meet. */
  hub: string | undefined;
  /** Hosts whose links carry the visitor along, e.g. `shop.example`. */
  linked: string[];
}

/** What the second script is given. */
export interface LinkedPage extends Hosts {
  writeKey: string;
  /** Where this page's events go: `{collector}/v1/batch`. */
  collector: string;
  token: string | undefined;
  store: Store;
  /** Nobody while nothing may be stored. */
  anonymousId(): string | undefined;
  consent(): SentConsent | undefined;
  adopt(linked: Linked): void;
  /** Nothing more is to be expected soon. */
  settled(): void;
}

declare global {
  interface Window {
    millraceHub?: LinkedPage;
  }
}

/** The longest that a page's events wait for a visitor to be recognised. What comes later holds from then on. */
const WAIT_MS = 1_500;

/** Resolves when events may go; undefined where there is nothing to wait for. `eventsUrl` is where they go. */
export function startLinking(
  eventsUrl: string,
  page: Omit<LinkedPage, "collector" | "store" | "settled">,
): Promise<void> | undefined {
  if (!(page.hub || page.linked.length) || lasting.get("unlinked")) return undefined;
  return new Promise((settled) => {
    window.millraceHub = { ...page, collector: collectorOf(eventsUrl), store: lasting, settled };
    setTimeout(settled, WAIT_MS);
    loadBeside(eventsUrl, "hub", settled);
  });
}

function collectorOf(eventsUrl: string): string {
  const [, collector] = /^(.*)\/v1\/batch$/.exec(eventsUrl) || [];
  return collector || new URL(eventsUrl).origin;
}

/** Loads `millrace-{name}.js` from where this page's events go. */
export function loadBeside(eventsUrl: string, name: string, failed?: () => void): void {
  try {
    const script = document.createElement("script");
    script.src = `${collectorOf(eventsUrl)}/millrace-${name}.js`;
    script.onerror = failed || null;
    document.head.append(script);
  } catch {
    failed?.(); // a page may demand Trusted Types
  }
}

/**
 * After a log-out, or when the visitor takes their consent back: the other hosts still know who was here before, and so this one
 * neither asks nor tells them anything more. The hub is to forget what it knows.
 */
export function unlink({ hub, linked }: Hosts, writeKey: string): void {
  if (hub || linked.length) lasting.set("unlinked", true);
  try {
    if (hub) navigator.sendBeacon(new URL("/v1/hub/forget", hub), JSON.stringify({ write_key: writeKey }));
  } catch {}
}

/** Out of the address as well, on every page: nobody is to bookmark it, pass it on or find it in their analytics. */
export function takeToken(): string | undefined {
  let token: string | undefined;
  const search = location.search.replace(/[?&]_mr=([^&]*)/g, (_, value) => {
    token = value;
    return "";
  });
  try {
    if (token !== undefined) {
      const url = location.origin + location.pathname + search.replace(/^&/, "?") + location.hash;
      history.replaceState(history.state, "", url);
    }
  } catch {} // a browser may limit how often an address changes
  return token;
}
