import type { Part } from "../client.ts";
import { currentUrl } from "../context.ts";

/**
 * A page view at the start, whenever a single-page application has gone to another path or query (with `hash` also to another fragment),
 * and when the browser brings the page back as it was. A change of history state alone is no page view.
 */
export const pageViews: Part = (millrace, { hash }) => {
  let seen: string | undefined;
  const look = () => {
    // Whatever has not begun does so now, and has its first look here: the page that is being left is not to be missed.
    millrace.ready(() => {});
    const url = hash ? location.href : currentUrl();
    if (url === seen) return;
    seen = url;
    millrace.page();
  };
  for (const method of ["pushState", "replaceState"] as const) {
    const original = history[method];
    history[method] = function (...args) {
      look();
      original.apply(this, args);
      look();
    };
  }
  // A change of fragment is a popstate too.
  addEventListener("popstate", look);
  addEventListener("pageshow", (event) => {
    if (event.persisted) millrace.page();
  });
  millrace.on("start", look);
};
