import { currentUrl } from "./context.ts";

/**
 * Calls `view` now, and whenever a single-page application has gone to another path or query. A change of fragment or of
 * history state alone is no page view.
 */
export function watchPageViews(view: () => void): void {
  let seen: string | undefined;
  const look = () => {
    const url = currentUrl();
    if (url === seen) return;
    seen = url;
    view();
  };
  for (const method of ["pushState", "replaceState"] as const) {
    const original = history[method];
    history[method] = function (...args) {
      original.apply(this, args);
      look();
    };
  }
  addEventListener("popstate", look);
  look();
}
