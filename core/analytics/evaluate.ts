/**
 * A query over one shard's columns: one scan for all cards. Sessions, and the visitors of sessions, count when the session began; page
 * views, events and money when they happened. Where a card asks by page or by event, everything counts by its steps.
 * A visitor is in one shard only, so that distinct visitors of shards add up.
 */
import { CardScan } from "./card-scan.ts";
import { freeBitsets } from "./distinct-pairs.ts";
import { filteredOf } from "./filters.ts";
import type { Card, Filter } from "./query.ts";
import type { Dictionaries, SessionColumns } from "./session-columns.ts";
import type { Bucket, Zone } from "./time-buckets.ts";

/** A group of a card: what it is of (texts, and the bucket's number where there is an interval), and its sums in the order of SUMS (sums.ts). */
export interface Group {
  key: (string | number)[];
  sums: number[];
}
export interface PartialAnswer {
  groups: Group[];
  /** Sessions in the range of which some steps are not remembered. */
  cut: number;
  /** There were more groups than a shard tells. */
  isFull: boolean;
}

export interface Scan {
  range: Bucket;
  zone: Zone;
  filter?: Filter | undefined;
  cards: { card: Card; buckets: Bucket[] | undefined }[];
}

/** `isHere`: whose sessions count; absent: everybody's. */
export function evaluate(
  blocks: SessionColumns[],
  dictionaries: Dictionaries,
  scan: Scan,
  isHere?: (anonymousId: string) => boolean,
): PartialAnswer[] {
  freeBitsets();
  const here = isHere && Uint8Array.from(dictionaries.visitors.values, (id) => Number(isHere(id)));
  const { range, filter } = scan;
  const common = filter && filteredOf(filter, dictionaries);
  const cards = scan.cards.map(({ card, buckets }) => new CardScan(card, buckets, dictionaries, scan));
  const selected = new Uint32Array(blocks.reduce((most, { count }) => Math.max(most, count), 0));
  let cut = 0;
  for (const block of blocks) {
    if (block.to < range.from || block.from >= range.to) continue;
    cut += block.cut;
    const filtered = common?.in(block);
    const { start, end, visitor } = block;
    let count = 0;
    for (let i = 0; i < block.count; i++) {
      if (end[i]! < range.from || start[i]! >= range.to) continue;
      if (here && here[visitor[i]!] === 0) continue;
      if (filtered && filtered[i] === 0) continue;
      selected[count++] = i;
    }
    if (count > 0) for (const card of cards) card.scan(block, selected, count);
  }
  return cards.map((card) => card.answer(cut));
}
