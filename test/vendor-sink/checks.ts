/** What a value must be, in words that several vendors' references share. */

export const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
export const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
/** A number, or a string that is one. */
export const isAmount = (value: unknown): boolean =>
  isNumber(value) || (isText(value) && Number.isFinite(Number(value)));
export const isHash = (value: unknown): boolean => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
export const isListOf = (value: unknown, is: (one: unknown) => boolean): value is unknown[] =>
  Array.isArray(value) && value.every(is);
export const isOneOrListOf = (value: unknown, is: (one: unknown) => boolean): boolean =>
  is(value) || isListOf(value, is);
export const isUrl = (value: unknown): boolean => isText(value) && URL.canParse(value);
/** ISO 8601 with a time zone. */
export const isTime = (value: unknown): value is string =>
  isText(value) &&
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$/.test(value) &&
  !Number.isNaN(Date.parse(value));

/** The first of the keys that a reference does not list. */
export const strangeKey = (object: object, known: ReadonlySet<string>): string | undefined =>
  Object.keys(object).find((key) => !known.has(key));

export const names = (list: string): ReadonlySet<string> => new Set(list.trim().split(/\s+/));

/** `Authorization: Bearer …`, or undefined. A sink knows nobody's tokens: it refuses none at all, and the one that is EXPIRED. */
export const bearer = (headers: Record<string, string>): string | undefined =>
  /^Bearer (\S+)$/.exec(headers.authorization ?? "")?.[1];
