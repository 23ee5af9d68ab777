/** What the analyses want to know of an event beside core/session.ts: where the visitor was, what with, how they came, and what was done. */
import type { Event } from "../event.ts";
import { type Visit, visitOf } from "../session.ts";
import { isRecord, number, text } from "../values.ts";

/** Of the visitor's surroundings. In the order in which chunks keep them; appended to, never reordered. */
export const SURROUNDINGS = [
  "host",
  "country",
  "region",
  "city",
  "language",
  "device",
  "browser",
  "os",
  "screen",
] as const;
export const TRAFFIC = ["source", "medium", "campaign", "term", "content", "channel", "click"] as const;
export type Surroundings = Partial<Record<(typeof SURROUNDINGS)[number], string>>;
export type Traffic = Partial<Record<(typeof TRAFFIC)[number], string>>;

export const STEP_KINDS = ["page", "event", "order", "refund"] as const;
export type StepKind = (typeof STEP_KINDS)[number];

/** `at`: epoch milliseconds. An order's or a refund's `value`: minor units of the environment's currency, absent where it is not known. */
export interface Step {
  at: number;
  kind: StepKind;
  /** The page's path, or the event's name. */
  name: string;
  value?: number;
  /** `one_off`, `renewal`, … (what a payment provider's webhook says), and the order's id. */
  money?: string;
  order_id?: string;
}

const TEXT_LENGTH = 256;
/** Beyond this an amount is somebody's mistake, and the sums would no longer be exact. Minor units. */
const MOST_VALUE = 1e13;
const ORDERS = new Set(["order completed", "purchase"]);
const REFUNDS = new Set(["order refunded", "refund", "order cancelled", "payment disputed"]);

export interface SessionFacts {
  seen?: Surroundings;
  traffic?: Traffic;
  step?: Omit<Step, "at">;
}

/** What a session wants to know of an event, for the analyses too. */
export function analysedVisitOf(event: Event): Visit {
  const visit = visitOf(event);
  return { ...visit, ...sessionFactsOf(event, visit) };
}

/** `visit`: what its session wants to know of the event (`visitOf`). */
function sessionFactsOf(event: Event, visit: Visit): SessionFacts {
  const facts: SessionFacts = {};
  const seen = surroundingsOf(event);
  if (seen) facts.seen = seen;
  const traffic = trafficOf(event);
  if (traffic) facts.traffic = traffic;
  const step = stepOf(event, visit);
  if (step) facts.step = step;
  return facts;
}

function surroundingsOf({ context }: Event): Surroundings | undefined {
  const { page, location = {}, device, browser, os, locale, screen } = context;
  const size = isRecord(screen) ? [number(screen.width), number(screen.height)] : [];
  const seen: Surroundings = {};
  put(seen, "host", page?.url && URL.parse(page.url)?.host);
  put(seen, "country", location.country);
  put(seen, "region", location.region ?? location.region_code);
  put(seen, "city", location.city);
  put(seen, "language", locale?.split(/[-_]/, 1)[0]?.toLowerCase());
  put(seen, "device", device?.type);
  put(seen, "browser", browser?.name);
  put(seen, "os", os?.name);
  if (size[0] && size[1]) put(seen, "screen", `${size[0]}x${size[1]}`);
  return Object.keys(seen).length ? seen : undefined;
}

function trafficOf({ context }: Event): Traffic | undefined {
  const { traffic: told, campaign = {}, click_ids } = context;
  if (!isRecord(told)) return undefined;
  const traffic: Traffic = {};
  for (const name of ["source", "medium", "campaign", "term", "channel"] as const) put(traffic, name, text(told[name]));
  put(traffic, "content", campaign.content);
  if (isRecord(click_ids)) put(traffic, "click", Object.keys(click_ids).sort()[0]);
  return traffic;
}

function stepOf(event: Event, { kind: done, page = "" }: Visit): Omit<Step, "at"> | undefined {
  if (done === "view") return { kind: "page", name: page };
  if (done !== "action") return undefined;
  const name = event.event.slice(0, TEXT_LENGTH);
  const lower = name.trim().toLowerCase();
  const kind = ORDERS.has(lower) ? "order" : REFUNDS.has(lower) ? "refund" : "event";
  if (kind === "event") return { kind, name };
  const step: Omit<Step, "at"> = { kind, name };
  const value = minorUnitsOf(event);
  if (value !== undefined) step.value = Math.abs(value);
  const money = text(event.properties.kind);
  if (money) step.money = money.slice(0, 32);
  const order = text(event.properties.order_id);
  if (order) step.order_id = order.slice(0, 64);
  return step;
}

/** The order's worth by Segment's names for it, converted where the environment has a currency (core/money). */
function minorUnitsOf({ properties, context }: Event): number | undefined {
  const money = isRecord(context.money) ? context.money : undefined;
  if (money?.unconverted !== undefined) return undefined;
  const amounts = isRecord(money?.amounts) ? money.amounts : {};
  const currency = text(money?.currency) ?? text(properties.currency);
  for (const field of ["revenue", "total", "value"]) {
    const amount = number(amounts[field]) ?? number(properties[field]);
    if (amount === undefined) continue;
    // A decimal's binary noise, as in 1.005 * 100, must not decide a cent.
    const minor = Math.round(Number((amount * 10 ** decimalsOf(currency)).toPrecision(15)));
    return Math.abs(minor) <= MOST_VALUE ? minor : undefined;
  }
  return undefined;
}

const decimals = new Map<string, number>();

/** Digits behind the point: 2 for EUR, 0 for JPY, 3 for KWD; 2 for what is no currency. */
export function decimalsOf(currency = "EUR"): number {
  const known = decimals.get(currency);
  if (known !== undefined) return known;
  let digits = 2;
  try {
    digits = new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    // Not three letters.
  }
  if (decimals.size < 500) decimals.set(currency, digits);
  return digits;
}

function put<K extends string>(into: Partial<Record<K, string>>, name: K, value: string | undefined): void {
  if (value) into[name] = value.slice(0, TEXT_LENGTH);
}

/** Of all sessions of a visitor that events still find. A record must fit into a row, whatever a robot does. */
export const MOST_STEPS = 2_000;

/** With one more step, in order of time. */
export function withStep(steps: readonly Step[], step: Step): Step[] {
  let at = steps.length;
  while (at > 0 && isBefore(step, steps[at - 1]!)) at--;
  return [...steps.slice(0, at), step, ...steps.slice(at)];
}

/** The order of steps: by time, and of the same time always the same. */
export function isBefore(one: Step, other: Step): boolean {
  if (one.at !== other.at) return one.at < other.at;
  return keyOf(one) < keyOf(other);
}

const keyOf = ({ kind, name, value = -1, order_id = "" }: Step) =>
  `${STEP_KINDS.indexOf(kind)} ${name} ${value} ${order_id}`;
