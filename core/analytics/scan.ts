/** A query as it travels to the shards: plain data, of which each makes the same scan. */
import type { Scan } from "./evaluate.ts";
import type { Card, Filter } from "./query.ts";
import { type Bucket, bucketsOf, Zone } from "./time-buckets.ts";

export interface QueryScan {
  range: Bucket;
  time_zone: string;
  week_start: number;
  filter?: Filter | undefined;
  cards: Card[];
}

export function scanOf({ range, time_zone, week_start, filter, cards }: QueryScan): Scan {
  const zone = new Zone(time_zone, range.from, range.to);
  return {
    range,
    zone,
    filter,
    cards: cards.map((card) => ({ card, buckets: card.interval && bucketsOf(range, card.interval, zone, week_start) })),
  };
}
