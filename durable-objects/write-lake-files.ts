import type { ChainEnd } from "../core/receipt-chain.ts";
import type { EventLog, Range } from "./event-log.ts";
import { type LakeFileName, type LakeRow, lakeKey } from "./lake-file.ts";
import { type ReceiptEnv, writeSealed } from "./receipts.ts";
import { factsOf, withFacts } from "./visitor-facts.ts";

export interface Written {
  /** Files that were not there yet. */
  written: number;
  /** The file, and whose events are in it; its rows are numbered as the range is. */
  name?: LakeFileName;
  visitors: Set<string>;
  /** Where the chain of receipts ends now. */
  chain: ChainEnd;
}

/**
 * A range of waiting events as a sealed file in the lake, onto a chain that ends at `after`. One that is already there was written before a crash, with the same content. A range
 * is of one UTC day; one that an earlier version began may be of two, and then is two files, without a name here.
 */
export async function writeLakeFiles(
  env: ReceiptEnv,
  [environment, shard]: [environment: string, shard: string],
  range: Range,
  log: EventLog,
  after: ChainEnd,
): Promise<Written> {
  const days = new Map<number, LakeRow[]>();
  const visitors = new Set<string>();
  for (const { received_at, facts, lines } of log.rowsIn(range)) {
    const day = Math.floor(received_at / 86_400_000);
    const rows = days.get(day) ?? [];
    lines.forEach((line, i) => {
      rows.push(withFacts(JSON.parse(line), factsOf(facts[i]!)));
      visitors.add(facts[i]![3]);
    });
    days.set(day, rows);
  }
  let written = 0;
  let chain = after;
  for (const [day, rows] of days) {
    const key = lakeKey(environment, [day, range.first, range.end, shard]);
    const sealed = await writeSealed(env, [environment, shard], key, rows, chain);
    if (sealed.written) written++;
    chain = sealed.end;
  }
  const [day] = days.keys();
  return { written, visitors, chain, ...(days.size === 1 && { name: [day!, range.first, range.end, shard] }) };
}
