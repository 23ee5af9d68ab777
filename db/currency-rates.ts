/** Stores an environment's exchange rates and publishes them as one document, which the processor reads (core/money/currency-rates.ts). */
import { desc, eq, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { ApiError } from "../core/api-error.ts";
import { configKey } from "../core/environment.ts";
import { type CurrencyRate, type CurrencyRates, MOST_RATES } from "../core/money/currency-rates.ts";
import * as schema from "./schema.ts";

type Database = DrizzleD1Database<typeof schema>;

export interface StoredRates {
  base: string;
  /** How many are published. Of more than a Worker can hold the newest days are. */
  rates: number;
  days: number;
  first: string;
  last: string;
  currencies: string[];
}

const STATEMENTS_AT_ONCE = 50;

/**
 * Takes rates in; one that is there already is replaced, the others stay. Throws `conflict` where those are of another base, unless
 * `replaceAll`, which first forgets what was there.
 */
export async function addRates(
  db: Database,
  kv: KVNamespace,
  environmentId: string,
  base: string,
  rates: CurrencyRate[],
  replaceAll: boolean,
): Promise<StoredRates> {
  const table = schema.currencyRates;
  const [known] = await db
    .select({ base: table.base })
    .from(table)
    .where(eq(table.environment_id, environmentId))
    .limit(1);
  if (known && known.base !== base && !replaceAll)
    throw new ApiError("conflict", `The rates that are there are of ${known.base}; send replace=true to forget them`);
  const days = new Map<string, Record<string, number>>();
  for (const { date, currency, rate } of rates) {
    const day = days.get(date) ?? {};
    day[currency] = rate;
    days.set(date, day);
  }
  const changes: BatchItem<"sqlite">[] = [...days].map(([date, day]) =>
    db
      .insert(table)
      .values({ environment_id: environmentId, date, base, rates: day })
      .onConflictDoUpdate({
        target: [table.environment_id, table.date],
        set: { base, rates: sql`json_patch(${table.rates}, excluded.rates)` },
      }),
  );
  if (replaceAll) changes.unshift(db.delete(table).where(eq(table.environment_id, environmentId)));
  for (let at = 0; at < changes.length; at += STATEMENTS_AT_ONCE) {
    await db.batch(changes.slice(at, at + STATEMENTS_AT_ONCE) as [BatchItem<"sqlite">, ...BatchItem<"sqlite">[]]);
  }
  return publishRates(db, kv, environmentId);
}

/** What is stored; undefined where nothing is. */
export async function storedRates(db: Database, environmentId: string): Promise<StoredRates | undefined> {
  const document = await compile(db, environmentId);
  return document && summaryOf(document);
}

async function publishRates(db: Database, kv: KVNamespace, environmentId: string): Promise<StoredRates> {
  const document = await compile(db, environmentId);
  if (!document) throw new Error(`no rates of ${environmentId}`);
  await kv.put(configKey.currencyRates(environmentId), JSON.stringify(document));
  return summaryOf(document);
}

async function compile(db: Database, environmentId: string): Promise<CurrencyRates | undefined> {
  const table = schema.currencyRates;
  const rows = await db
    .select({ date: table.date, base: table.base, rates: table.rates })
    .from(table)
    .where(eq(table.environment_id, environmentId))
    .orderBy(desc(table.date));
  if (rows.length === 0) return undefined;
  const days: CurrencyRates["days"] = {};
  let count = 0;
  for (const { date, rates } of rows) {
    const day = rates as Record<string, number>;
    count += Object.keys(day).length;
    if (count > MOST_RATES) break;
    days[date] = day;
  }
  return { base: rows[0]!.base, days };
}

function summaryOf({ base, days }: CurrencyRates): StoredRates {
  const dates = Object.keys(days).sort();
  const currencies = new Set(Object.values(days).flatMap((day) => Object.keys(day)));
  return {
    base,
    rates: Object.values(days).reduce((sum, day) => sum + Object.keys(day).length, 0),
    days: dates.length,
    first: dates[0]!,
    last: dates.at(-1)!,
    currencies: [...currencies].sort(),
  };
}
