/** Numbers, money and times as the person who reads them writes them. */
const number = new Intl.NumberFormat();
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });
const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

export const formatNumber = (value: number) => number.format(value);
export const formatCompact = (value: number) =>
  Math.abs(value) < 10_000 ? number.format(value) : compact.format(value);
/** 0 to 1; null where there is nothing to tell. */
export const formatShare = (value: number | null | undefined) => (value == null ? "–" : percent.format(value));
export const formatTime = (iso: string) => guarded(iso, (at) => time.format(at));
export const formatDateTime = (iso: string) => guarded(iso, (at) => dayAndTime.format(at));
export const formatMs = (ms: number | null | undefined) =>
  ms == null ? "–" : ms < 1_000 ? `${Math.round(ms)} ms` : `${number.format(Math.round(ms / 100) / 10)} s`;

export function formatMoney(amount: number, currency: string): string {
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(amount);
  } catch {
    return `${number.format(amount)} ${currency}`;
  }
}

const STEPS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;

export function formatAgo(iso: string, now = Date.now()): string {
  return guarded(iso, (at) => {
    const seconds = (at.getTime() - now) / 1_000;
    const [unit, size] = STEPS.find(([, size]) => Math.abs(seconds) >= size) ?? STEPS[3];
    return unit === "day" && Math.abs(seconds) > 30 * 86_400
      ? dayAndTime.format(at)
      : relative.format(Math.round(seconds / size), unit);
  });
}

function guarded(iso: string, format: (at: Date) => string): string {
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? iso : format(at);
}
