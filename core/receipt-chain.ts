/**
 * What makes receipts hard to forge. Each receipt has the hash of what was stored of its event; a shard's receipts are chained, in blocks,
 * so that none can be changed, left out or put in without every later head being another; and the heads of a file are signed.
 *
 *   content   SHA-256 of source_id, event and receipt as stored: their JSON texts, joined by line feeds (which no JSON text of ours holds)
 *   head      SHA-256 of the head before and the hashes of up to 256 receipts, all as hex, joined by nothing
 *   statement which receipts of which shard a file holds, the heads, and the file's own hash, signed by Ed25519 as a compact JWS
 *
 * Everything can be computed by hand: `sha256(source_id || chr(10) || event_json || chr(10) || receipt_json)` in DuckDB is `receipt_hash`.
 */
import * as z from "zod";
import { sha256 } from "./hash.ts";

/** A forger who cannot sign is found within so many receipts. */
export const BLOCK = 256;
/** The head before a shard's first receipt. */
export const NO_HEAD = "0".repeat(64);

const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** What is signed of one lake file. */
export const receiptStatement = z.object({
  v: z.literal(1),
  environment_id: z.string(),
  shard: z.string(),
  /** Counts the shard's receipts from 1, through all of its files. */
  first: z.int().min(1),
  count: z.int().min(1),
  /** The R2 key, and the SHA-256 of its bytes. */
  file: z.string(),
  file_sha256: hash,
  /** The head before this file's first receipt: the last of the file before. */
  previous: hash,
  /** The head after each block of BLOCK receipts; the last block may be shorter. */
  heads: z.array(hash).min(1),
});
export type ReceiptStatement = z.infer<typeof receiptStatement>;

/** What lies beside a lake file, as JSON: a signed statement, or one that nobody signed because there is no key. */
export const receiptFile = z.union([z.object({ jws: z.string() }), z.object({ unsigned: receiptStatement })]);
export type ReceiptFile = z.infer<typeof receiptFile>;

/** How far a shard's chain goes. */
export interface ChainEnd {
  head: string;
  receipts: number;
}
export const CHAIN_START: ChainEnd = { head: NO_HEAD, receipts: 0 };

export const contentHash = (sourceId: string, eventJson: string, receiptJson: string) =>
  sha256(`${sourceId}\n${eventJson}\n${receiptJson}`);

/** The heads after each block of these receipts. */
export function headsOf(previous: string, hashes: readonly string[]): string[] {
  const heads: string[] = [];
  let head = previous;
  for (let at = 0; at < hashes.length; at += BLOCK) {
    head = sha256(head + hashes.slice(at, at + BLOCK).join(""));
    heads.push(head);
  }
  return heads;
}

/** Where the statement on a lake file lies: `events/env=…/….parquet` → `receipts/env=…/….json`. */
export const receiptKeyOf = (lakeKey: string) =>
  lakeKey.replace(/^events\//, "receipts/").replace(/\.parquet$/, ".json");
