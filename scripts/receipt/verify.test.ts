import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CHAIN_START, type ChainEnd, contentHash, receiptKeyOf } from "../../core/receipt-chain.ts";
import { type PublicReceiptKey, signingKey } from "../../core/receipt-key.ts";
import { type LakeRow, lakeFile, type SealedRow } from "../../durable-objects/lake-file.ts";
import { COMPRESSORS } from "../../durable-objects/lake-manifest.ts";
import { type ByteSink, LakeObjectWriter, sealedRow } from "../../durable-objects/lake-object-writer.ts";
import { writeSealed } from "../../durable-objects/receipts.ts";
import { anEvent } from "../../test/an-event.ts";
import { statementPathOf, verify } from "./verify.ts";
import { verifyFile } from "./verify-file.ts";

const SECRET = Buffer.from("a secret of these tests, 32 long").toString("base64");
const ROWS = 600;

/** As much of a bucket as sealing needs. */
function aLake() {
  const objects = new Map<string, Uint8Array>();
  const put = async (key: string, body: ArrayBuffer | string) => {
    objects.set(key, typeof body === "string" ? Buffer.from(body) : new Uint8Array(body));
    return {};
  };
  return { objects, bucket: { put } as unknown as R2Bucket };
}

const rows = (n: number, from = 0): LakeRow[] =>
  Array.from({ length: n }, (_, i) => ({
    source_id: "src",
    event: anEvent({ message_id: `m-${from + i}`, properties: { revenue: i, note: "é\u2028\n" } }),
    receipt: { steps: [{ step: "validate_schema", verdict: "kept", changed: [] }] },
  }));

const seal = (row: LakeRow): SealedRow => {
  const event_json = JSON.stringify(row.event);
  const receipt_json = JSON.stringify(row.receipt);
  return { ...row, event_json, receipt_json, receipt_hash: contentHash(row.source_id, event_json, receipt_json) };
};

const key = (first: number, end: number) => `events/env=env_t/dt=2026-11-20/s1-${first}-${end}.parquet`;
async function sealed(all: LakeRow[], after: ChainEnd = CHAIN_START, name = key(1, all.length + 1)) {
  const { objects, bucket } = aLake();
  const { end } = await writeSealed({ LAKE: bucket, RECEIPT_KEY: SECRET }, ["env_t", "s1"], name, all, after);
  return { file: objects.get(name)!, statement: Buffer.from(objects.get(receiptKeyOf(name))!).toString(), end };
}

let keys: PublicReceiptKey[];
let good: Awaited<ReturnType<typeof sealed>>;
const folders: string[] = [];
async function folder() {
  const made = await mkdtemp(join(tmpdir(), "receipts-"));
  folders.push(made);
  return made;
}

beforeAll(async () => {
  keys = [(await signingKey(SECRET)).public];
  good = await sealed(rows(ROWS));
});
afterAll(async () => {
  for (const made of folders) await rm(made, { recursive: true });
});

describe("a file that nobody touched", () => {
  it("is as it was signed", async () => {
    expect(await verifyFile(good.file, good.statement, keys)).toMatchObject({
      ok: true,
      receipts: ROWS,
      kid: keys[0]!.kid,
    });
  });

  it("is the same file when a crash has it written twice", async () => {
    const again = await sealed(rows(ROWS).map((row, i) => ({ ...row, event: { ...row.event, message_id: `m-${i}` } })));
    expect(again.statement).toBe((await sealed(rows(ROWS))).statement);
    expect(Buffer.compare(again.file, (await sealed(rows(ROWS))).file)).toBe(0);
  });
});

describe("a file whose rows lie in another object now", () => {
  const moved = async (gone: number[] = [], change = (row: SealedRow) => row) => {
    const file = good.file.slice().buffer as ArrayBuffer;
    const rows = (await parquetReadObjects({ file, compressors: COMPRESSORS })).map(sealedRow);
    const pieces: Uint8Array[] = [];
    const sink: ByteSink = {
      bytes: 0,
      push: async (piece) => {
        sink.bytes += piece.length;
        pieces.push(piece);
      },
      finish: async () => {},
    };
    const writer = new LakeObjectWriter(sink);
    const part = { key: key(1, ROWS + 1), rows: ROWS - gone.length };
    if (gone.length === 0 && change(rows[5]!) === rows[5])
      await writer.copy({ file, metadata: parquetMetadata(file) }, 0, part);
    else {
      const erased = gone.map((index): [number, string] => [index, rows[index]!.receipt_hash]);
      const left = rows.map((row, i) => (i === 5 ? change(row) : row)).filter((_, i) => !gone.includes(i));
      await writer.write(left, { ...part, erased });
    }
    await writer.finish();
    return Buffer.concat(pieces);
  };

  it("is verified by its receipts", async () => {
    expect(await verifyFile(await moved(), good.statement, keys)).toMatchObject({
      ok: true,
      receipts: ROWS,
      erased: 0,
    });
  });

  it("is verified without the rows that were erased, of which it has the hashes", async () => {
    const file = await moved([0, 7, 256, ROWS - 1]);
    expect(await verifyFile(file, good.statement, keys)).toMatchObject({ ok: true, receipts: ROWS - 4, erased: 4 });
  });

  it("is found out where a row was changed on the way", async () => {
    const file = await moved([], (row) => ({ ...row, event_json: row.event_json.replace('"m-5"', '"m-x"') }));
    expect(await verifyFile(file, good.statement, keys)).toMatchObject({ ok: false, first: { receipt: 6 } });
  });
});

describe("a file with one bit changed", () => {
  const regions = Array.from({ length: 120 }, (_, i) => i / 120);
  it("is found out, wherever the bit is", async () => {
    const missed: number[] = [];
    for (const part of regions) {
      const at = Math.floor(part * good.file.length);
      const changed = good.file.slice();
      changed[at]! ^= 1 << (at % 8);
      const verdict = await verifyFile(changed, good.statement, keys);
      if (verdict.ok) missed.push(at);
    }
    expect(missed).toEqual([]);
  }, 180_000);

  it("is found out where a count became so large that nobody could read to its end", async () => {
    // Some bits of the first page's header and levels, among them its number of values and the runs of its levels.
    for (let bit = 4 * 8; bit < 44 * 8; bit += 7) {
      const changed = good.file.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect((await verifyFile(changed, good.statement, keys)).ok).toBe(false);
    }
  }, 180_000);

  it("is found out in its last bytes and its first", async () => {
    for (const at of [0, 3, 4, good.file.length - 1, good.file.length - 5, good.file.length - 9]) {
      const changed = good.file.slice();
      changed[at]! ^= 1;
      expect((await verifyFile(changed, good.statement, keys)).ok).toBe(false);
    }
  });

  it("is found out where its statement was changed, letter by letter", async () => {
    for (let at = 0; at < good.statement.length; at += 7) {
      const letter = good.statement[at] === "A" ? "B" : "A";
      const changed = good.statement.slice(0, at) + letter + good.statement.slice(at + 1);
      expect((await verifyFile(good.file, changed, keys)).ok).toBe(false);
    }
  });
});

describe("a file that somebody wrote anew", () => {
  const forged = (change: (all: SealedRow[]) => SealedRow[]) =>
    new Uint8Array(
      lakeFile(change(rows(ROWS).map((row, i) => seal({ ...row, event: { ...row.event, message_id: `m-${i}` } })))),
    );
  const other = (row: SealedRow, given: Partial<SealedRow>) => ({ ...row, ...given });

  it.each<[string, (all: SealedRow[]) => SealedRow[], object]>([
    [
      "another event",
      (all) =>
        all.with(317, other(all[317]!, { event_json: all[317]!.event_json.replace('"revenue":317', '"revenue":1') })),
      { problem: /not what its hash says/, first: { receipt: 318, message_id: "m-317" } },
    ],
    [
      "another receipt",
      (all) => all.with(0, other(all[0]!, { receipt_json: '{"steps":[]}' })),
      { problem: /not what its hash says/, first: { receipt: 1, message_id: "m-0" } },
    ],
    [
      "another source",
      (all) => all.with(599, other(all[599]!, { source_id: "src_2" })),
      { problem: /not what its hash says/, first: { receipt: 600 } },
    ],
    [
      "another column than the event's",
      (all) => all.with(20, other(all[20]!, { event: { ...all[20]!.event, event: "Something Else" } })),
      { problem: /the column event says other/, first: { receipt: 21 } },
    ],
    [
      "another event with a hash that fits",
      (all) => all.with(300, seal({ ...all[300]!, event: anEvent({ message_id: "m-300" }) })),
      { problem: /receipts up to 512 do not lead to the signed head/, first: { receipt: 257 } },
    ],
    ["a receipt left out", (all) => all.toSpliced(10, 1), { problem: /up to 256 do not lead/, first: { receipt: 1 } }],
    [
      "the last receipt left out",
      (all) => all.slice(0, -1),
      { problem: /up to 600 do not lead/, first: { receipt: 513 } },
    ],
    ["a receipt put in", (all) => all.toSpliced(598, 0, all[0]!), { problem: /do not lead/, first: { receipt: 513 } }],
    ["a receipt added at the end of all blocks", (all) => [...all, ...all.slice(0, 256)], { problem: /./ }],
    [
      "two that changed places",
      (all) => all.with(1, all[2]!).with(2, all[1]!),
      { problem: /up to 256/, first: { receipt: 1 } },
    ],
  ])("with %s is found out, and the first wrong receipt named", async (_, change, expected) => {
    const { problem, ...rest } = expected as { problem: RegExp };
    const verdict = await verifyFile(forged(change), good.statement, keys);
    expect(verdict).toMatchObject({ ok: false, problem: expect.stringMatching(problem), ...rest });
  });

  it("with its own signature is not believed", async () => {
    const thief = await signingKey(Buffer.alloc(32, 7).toString("base64"));
    const { objects, bucket } = aLake();
    const name = key(1, ROWS + 1);
    const secret = Buffer.alloc(32, 7).toString("base64");
    await writeSealed({ LAKE: bucket, RECEIPT_KEY: secret }, ["env_t", "s1"], name, rows(ROWS), CHAIN_START);
    const statement = Buffer.from(objects.get(receiptKeyOf(name))!).toString();
    expect(await verifyFile(objects.get(name)!, statement, keys)).toMatchObject({
      ok: false,
      problem: expect.stringMatching(/cannot be believed: no public key/),
    });
    // Not even under the name of a key that is believed.
    const named = [{ ...thief.public, kid: keys[0]!.kid }];
    expect((await verifyFile(good.file, good.statement, named)).ok).toBe(false);
  });
});

describe("a folder of files", () => {
  async function three() {
    const at = await folder();
    let end: ChainEnd = CHAIN_START;
    const paths: string[] = [];
    for (const [i, n] of [300, 5, 20].entries()) {
      const one = await sealed(rows(n, end.receipts), end, key(i, i));
      const path = join(at, `s1-${i}.parquet`);
      await writeFile(path, one.file);
      await writeFile(statementPathOf(path), one.statement);
      paths.push(path);
      end = one.end;
    }
    return { at, paths };
  }

  it("is verified as one chain", async () => {
    const { at } = await three();
    expect(await verify(at, keys)).toEqual({ files: 3, receipts: 325, erased: 0, unsigned: 0, problems: [] });
  });

  it("lacks the file that somebody took away", async () => {
    const { at, paths } = await three();
    await rm(paths[1]!);
    expect((await verify(at, keys)).problems).toEqual([
      expect.stringMatching(/receipts 301 to 305 are missing before it/),
    ]);
  });

  it("lacks a statement that somebody took away", async () => {
    const { at, paths } = await three();
    await rm(statementPathOf(paths[2]!));
    expect((await verify(at, keys)).problems).toEqual([expect.stringMatching(/there is no statement beside it/)]);
  });

  it("does not take a file of another chain for one of this", async () => {
    const { at, paths } = await three();
    const foreign = await sealed(rows(5, 300), { head: "f".repeat(64), receipts: 300 }, key(1, 1));
    await writeFile(paths[1]!, foreign.file);
    await writeFile(statementPathOf(paths[1]!), foreign.statement);
    expect((await verify(at, keys)).problems).toEqual([
      expect.stringMatching(/s1-1.parquet: it does not follow/),
      expect.stringMatching(/s1-2.parquet: it does not follow/),
    ]);
  });

  it("says so where nobody signed", async () => {
    const { objects, bucket } = aLake();
    const name = key(1, 6);
    await writeSealed({ LAKE: bucket }, ["env_t", "s1"], name, rows(5), CHAIN_START);
    const at = join(await folder(), "deep");
    await mkdir(at);
    await writeFile(join(at, "s1.parquet"), objects.get(name)!);
    await writeFile(join(at, "s1.receipts.json"), objects.get(receiptKeyOf(name))!);
    expect(await readFile(join(at, "s1.receipts.json"), "utf8")).toContain("unsigned");
    expect(await verify(at, [])).toEqual({ files: 1, receipts: 5, erased: 0, unsigned: 1, problems: [] });
    expect((await verify(at, keys)).problems).toEqual([expect.stringMatching(/nobody signed it/)]);
    expect((await verify(at, keys, true)).problems).toEqual([]);
  });
});
