import type { Part } from "../client.ts";

/** Less is told with what follows. */
const SHORTEST_MS = 1_000;

/**
 * How long the page was in front of somebody: visible and in focus, as GA4 counts it
 * (https://support.google.com/analytics/answer/11109416). Milliseconds, told when the page is left or hidden.
 */
export const engagement: Part = (millrace) => {
  let since = 0;
  let engaged = 0;
  const look = () => {
    const now = performance.now();
    if (since) engaged += now - since;
    since = document.visibilityState === "visible" && document.hasFocus() ? now : 0;
  };
  for (const type of ["focus", "blur", "visibilitychange", "pageshow"]) addEventListener(type, look, true);
  look();
  millrace.on("leave", (properties) => {
    look();
    if (engaged < SHORTEST_MS) return;
    properties.engagement_time_msec = Math.round(engaged);
    engaged = 0;
  });
};
