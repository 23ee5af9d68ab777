/**
 * Visitors without cookies. For a day they are known by a hash of address, browser and source under that day's salt, which is
 * destroyed 48 hours after the day began (durable-objects/daily-salts.ts). Nothing is stored in the browser.
 */
import { createHash } from "node:crypto";
import type { Source } from "../../core/environment.ts";
import type { Consent } from "../../core/event.ts";
import { bucketOf } from "../../core/shard-map.ts";
import type { DailySalt } from "../../durable-objects/daily-salts.ts";
import type { IngestEnv } from "../env.ts";

const DAY_MS = 86_400_000;

/** By environment. A salt that is over must not outlive its day by much in memory either, so all are asked for anew each day. */
const known = new Map<string, { day: number; salts: Map<number, Uint8Array> }>();
const MOST_ENVIRONMENTS = 1_000;

/** The salts of today and yesterday, by day (days since 1970, UTC). */
export async function dailySalts(
  namespace: IngestEnv["DAILY_SALTS"],
  environmentId: string,
  now: number,
): Promise<ReadonlyMap<number, Uint8Array>> {
  const today = Math.floor(now / DAY_MS);
  const cached = known.get(environmentId);
  if (cached?.day === today) return cached.salts;
  const answer: DailySalt[] = await namespace.getByName(environmentId).salts(now);
  const salts = new Map(answer.map(({ day, salt }) => [day, new Uint8Array(salt)]));
  if (known.size >= MOST_ENVIRONMENTS) known.clear();
  known.set(environmentId, { day: today, salts });
  return salts;
}

/** Whether this request's visitor goes without cookies. `consent`: the newest answer in the request. */
export function isCookieless({ cookieless }: Pick<Source, "cookieless">, consent: Consent | undefined): boolean {
  return cookieless === "always" || (cookieless === "until_consent" && consent?.analytics !== true);
}

/**
 * The day's id of whoever sends this request, as a UUID (version 8). An event that happened yesterday, and comes after
 * midnight, still belongs to yesterday's visitor. `at`: the event's own time, epoch milliseconds.
 */
export function cookielessId(
  salts: ReadonlyMap<number, Uint8Array>,
  request: Request,
  sourceId: string,
  at: number,
  now: number,
): string {
  const today = Math.floor(now / DAY_MS);
  const salt = salts.get(Math.floor(at / DAY_MS) === today - 1 ? today - 1 : today);
  if (!salt) throw new Error("the day's salt is missing");
  const known = idsOf(request);
  const id = known.get(salt) ?? hashed(salt, request, sourceId);
  known.set(salt, id);
  return id;
}

/** By request, which has one source: the id under each salt. It may bring 2,500 events, and a User-Agent of 100 KB. */
const ids = new WeakMap<Request, Map<Uint8Array, string>>();

function idsOf(request: Request): Map<Uint8Array, string> {
  const known = ids.get(request) ?? new Map();
  ids.set(request, known);
  return known;
}

function hashed(salt: Uint8Array, { headers }: Request, sourceId: string): string {
  const hash = createHash("sha256")
    .update(salt)
    .update([sourceId, headers.get("cf-connecting-ip") ?? "", headers.get("user-agent") ?? ""].join("\n"))
    .digest();
  hash[6] = (hash[6]! & 0x0f) | 0x80;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-");
}

/**
 * The id from now on of a visitor who was `cookielessId` until now, made from the one that the browser made for itself (`own`, a
 * UUID): always the same, so that requests sent before the first answer arrived agree, and in the same bucket, so that it is
 * always the same shard that hands the session over. One in 1,024 numbers will do: finding it takes a millisecond, once in a visitor's life.
 */
export function successorOf(cookielessId: string, own: string): string {
  const bucket = bucketOf(cookielessId);
  for (let number = 0; ; number++) {
    const id = own.slice(0, -12) + number.toString(16).padStart(12, "0");
    if (bucketOf(id) === bucket) return id;
  }
}
