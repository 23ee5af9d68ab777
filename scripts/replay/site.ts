import { parseLine } from "./combined-log.ts";

/** Below this share of lines, a referrer is as likely a popular search engine as the site itself. */
const LEAST_SHARE = 0.2;

/**
 * The origin that a log is probably of: assets and inner pages name their own site as referrer, so it leads by far.
 * undefined when none does, as in the common format, which has no referrers.
 */
export function guessSite(sample: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const text of sample) {
    const parsed = parseLine(text);
    const referrer = parsed.ok && parsed.line.referrer ? URL.parse(parsed.line.referrer) : null;
    if (referrer?.protocol.startsWith("http")) counts.set(referrer.origin, (counts.get(referrer.origin) ?? 0) + 1);
  }
  const [first] = [...counts].sort((a, b) => b[1] - a[1]);
  return first && first[1] >= sample.length * LEAST_SHARE ? first[0] : undefined;
}
