import type { Part } from "../client.ts";

/** The page that the server answered with "not found". Browsers tell the status since 2022–2024. */
export const notFound: Part = (millrace) => {
  const [navigation] = performance.getEntriesByType("navigation") as (PerformanceEntry & { responseStatus?: number })[];
  if (navigation?.responseStatus === 404) millrace.track("Page Not Found");
};
