/** Days and times as ISO 8601. Where two readings are possible (03/04/2026) there is none. */

const ISO_DAY = /^(\d{4})-(\d{1,2})-(\d{1,2})$/;
const YEAR_FIRST = /^(\d{4})[/.](\d{1,2})[/.](\d{1,2})$/;
/** With points the day comes first wherever people write so. */
const POINTS = /^(\d{1,2})\.(\d{1,2})\.(\d{4})$/;
const SLASHES = /^(\d{1,2})[/-](\d{1,2})[/-](\d{4})$/;
const ISO_TIME = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?( ?(Z|[+-]\d\d:?\d\d))?$/i;
/** 2001 to 2099: shorter numbers are years, quantities and ids. Seconds, and milliseconds as JavaScript counts them. */
const EPOCH_SECONDS = { LEAST: 978_307_200, BELOW: 4_102_444_800 };
const LONGEST = 40;

/** `YYYY-MM-DD`, of a day or of a time in UTC. */
export function readDate(value: unknown): string | undefined {
  if (typeof value === "string" && value.length <= LONGEST) {
    const text = value.trim();
    const yearFirst = ISO_DAY.exec(text) ?? YEAR_FIRST.exec(text);
    if (yearFirst) return day(yearFirst[1]!, yearFirst[2]!, yearFirst[3]!);
    const points = POINTS.exec(text);
    if (points) return day(points[3]!, points[2]!, points[1]!);
    const slashes = SLASHES.exec(text);
    if (slashes) return dayWithoutOrder(slashes[3]!, slashes[1]!, slashes[2]!);
  }
  return readTimestamp(value)?.slice(0, 10);
}

/** `YYYY-MM-DDTHH:MM:SS.mmmZ`. A time without an offset is taken for UTC. */
export function readTimestamp(value: unknown): string | undefined {
  if (typeof value === "number" || (typeof value === "string" && /^\d{10}(\d{3})?$/.test(value)))
    return epoch(Number(value));
  if (typeof value !== "string" || value.length > LONGEST) return undefined;
  const text = value.trim();
  if (ISO_TIME.test(text)) {
    if (day(text.slice(0, 4), text.slice(5, 7), text.slice(8, 10)) === undefined) return undefined;
    const iso = text
      .toUpperCase()
      .replace(/^(.{10}) /, "$1T")
      .replace(" ", "")
      .replace(/([+-]\d\d)(\d\d)$/, "$1:$2");
    return written(Date.parse(/(Z|[+-]\d\d:\d\d)$/.test(iso) ? iso : `${iso}Z`));
  }
  const only = ISO_DAY.exec(text) && readDate(text);
  return only ? `${only}T00:00:00.000Z` : undefined;
}

function epoch(n: number): string | undefined {
  const { LEAST, BELOW } = EPOCH_SECONDS;
  if (n >= LEAST && n < BELOW) return written(n * 1_000);
  return n >= LEAST * 1_000 && n < BELOW * 1_000 ? written(n) : undefined;
}

function written(ms: number): string | undefined {
  if (Number.isNaN(ms)) return undefined;
  const iso = new Date(ms).toISOString();
  // Years beyond four digits are written with a sign.
  return iso.length === 24 ? iso : undefined;
}

function dayWithoutOrder(year: string, a: string, b: string): string | undefined {
  if (Number(a) > 12) return day(year, b, a);
  if (Number(b) > 12 || a === b) return day(year, a, b);
  return undefined;
}

/** Undefined for the 30th of February. */
function day(year: string, month: string, ofMonth: string): string | undefined {
  const iso = `${year}-${month.padStart(2, "0")}-${ofMonth.padStart(2, "0")}`;
  const time = Date.parse(`${iso}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(iso) ? iso : undefined;
}
