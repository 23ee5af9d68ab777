/** A payment provider is one file: how it signs, and what its events mean. Both pure: no fetch, no env, and the clock is given. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { ApiError } from "../../../core/api-error.ts";
import { digitsOf, fromMinor } from "../../../core/money/minor-units.ts";
import type { Payment } from "../../../core/revenue/payment.ts";
import { number } from "../../../core/values.ts";

/** How far a signature's time may lie from ours, either way: Stripe's and Standard Webhooks' own recommendation. */
export const TOLERANCE_MS = 5 * 60_000;

export interface Webhook {
  headers: Headers;
  /** As they came: what was signed. */
  bytes: Uint8Array;
  secret: string;
  /** Epoch milliseconds. */
  now: number;
}

export interface Notification {
  body: Record<string, unknown>;
  headers: Headers;
}

/** What a notification says: nothing for an event type that tells of no money, or of money that another event tells of. */
export interface Reading {
  /** The provider's name of what happened, to count by. */
  type: string;
  payments: Payment[];
}

export interface Provider {
  name: string;
  /** Throws `invalid_signature`, `stale_signature`. */
  verify(webhook: Webhook): void;
  /** Throws `invalid_request` where it is not in the provider's form. */
  read(notification: Notification): Reading;
  examples: {
    title: string;
    in: Record<string, unknown>;
    headers?: Record<string, string>;
    out: Record<string, unknown>[];
  }[];
}

export function hmac(key: string | Uint8Array, encoding: "hex" | "base64", ...signed: (string | Uint8Array)[]): string {
  const made = createHmac("sha256", key);
  for (const part of signed) made.update(part);
  return made.digest(encoding);
}

/** In a time that says nothing of where they differ. */
export function isSame(given: string, expected: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/** `seconds`: Unix time in the signature's header. Throws `stale_signature`, also for what is no time. */
export function checkTime(seconds: string, now: number): void {
  if (!/^\d{1,12}$/.test(seconds) || Math.abs(now - Number(seconds) * 1_000) > TOLERANCE_MS) {
    throw new ApiError("stale_signature", "The webhook was signed more than five minutes from our time");
  }
}

export function wrongSignature(header: string): ApiError {
  return new ApiError("invalid_signature", `${header} is not the signature of this body under the webhook's secret`);
}

export function headerOf(headers: Headers, name: string): string {
  const value = headers.get(name);
  if (!value) throw new ApiError("invalid_signature", `A webhook of this provider has a header ${name}`);
  return value;
}

/** Months of an interval, for what a subscription is worth a month. */
const MONTHS: Record<string, number> = { day: 12 / 365, week: 84 / 365, month: 1, year: 12 };

/** An amount for every `count` intervals as one a month, to four decimals. */
export function monthly(amount: number, interval: string | undefined, count = 1): number | undefined {
  const months = interval === undefined ? undefined : MONTHS[interval];
  return months === undefined || count <= 0 ? undefined : Math.round((amount / (months * count)) * 10_000) / 10_000;
}

/** What need not be there, and is left out where it is nothing. */
const EXTRAS = new Set(["tax", "shipping", "discount"]);

/** Amounts in minor units (also written as text) as properties in units, with their currency. Throws `invalid_request` without one. */
export function inUnits(
  currency: string,
  minor: Record<string, unknown>,
  digits: (currency: string) => number = digitsOf,
): Record<string, unknown> {
  if (!/^[A-Z]{3}$/.test(currency)) throw malformed("currency: not an ISO 4217 code");
  const found: Record<string, unknown> = { currency };
  for (const [name, amount] of Object.entries(minor)) {
    const held = number(amount);
    if (held !== undefined && !(held === 0 && EXTRAS.has(name))) found[name] = fromMinor(held, digits(currency));
  }
  return found;
}

export function malformed(message: string): ApiError {
  return new ApiError("invalid_request", message);
}

/** `2026-11-20T10:00:00.000Z` of Unix seconds. */
export function isoOfSeconds(seconds: unknown): string {
  if (typeof seconds !== "number" || !Number.isFinite(seconds)) throw malformed("created: not a time in Unix seconds");
  return new Date(seconds * 1_000).toISOString();
}
