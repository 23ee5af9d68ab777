import { version } from "../package.json";
import { currentConsent } from "./consent.ts";
import { landing } from "./landing.ts";

let here: string | undefined;
let referrer: string;
let timezone: string | undefined;

/**
 * Where and in what surroundings an event happens. The browser's own referrer stays that of the first page while a
 * single-page application moves on, so here it is the URL before the present one.
 */
export function currentContext() {
  const url = currentUrl();
  if (url !== here) {
    referrer = here || document.referrer;
    here = url;
  }
  return {
    page: { url, path: location.pathname, search: location.search, title: document.title, referrer },
    locale: navigator.language,
    // Asked for when the event is written down to be sent: the first time takes a browser longer than all the rest.
    get timezone() {
      timezone = timezone || Intl.DateTimeFormat().resolvedOptions().timeZone;
      return timezone;
    },
    screen: { width: screen.width, height: screen.height },
    ...landing(),
    consent: currentConsent(),
    library: { name: "millrace.js", version },
  };
}

/** Without the fragment, which never reaches a server by itself and may hold a token. */
export function currentUrl(): string {
  return location.href.split("#")[0]!;
}
