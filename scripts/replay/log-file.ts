/** An access log on disk, plain or gzip: its identity, its lines, and how far reading has come. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream";
import { constants, createGunzip, gunzipSync } from "node:zlib";

const HEAD_BYTES = 64 * 1024;
/** Small reads, so that the bytes read say how far the lines are: 16 KB of gzip is about a thousand of them. */
const READ_BYTES = 16 * 1024;

export interface LogFile {
  path: string;
  size: number;
  gzip: boolean;
  /** SHA-256 of the first 64 KB, in hex; with `size` it tells one log from another. */
  head_sha256: string;
  /** The first lines, complete ones only. */
  sample: string[];
  /** Bytes of the file, compressed or not, that the current reading has taken in. */
  bytesRead(): number;
  /** All lines from the first. Throws what the file system or zlib throws, after every line that could be read. */
  lines(): AsyncIterable<string>;
}

export async function openLog(path: string): Promise<LogFile> {
  const { size, head } = await readHead(path);
  // By its first bytes (RFC 1952), not by its name: rotated logs are called anything.
  const gzip = head[0] === 0x1f && head[1] === 0x8b;
  let bytesRead = () => 0;
  return {
    path,
    size,
    gzip,
    head_sha256: createHash("sha256").update(head).digest("hex"),
    sample: completeLines(gzip ? gunzipHead(head) : head, head.length === size),
    bytesRead: () => bytesRead(),
    async *lines() {
      const file = createReadStream(path, { highWaterMark: READ_BYTES });
      const gunzip = gzip ? createGunzip() : undefined;
      // What gunzip has worked off, not what waits in its buffer: in a small log that is most of the file.
      bytesRead = () => gunzip?.bytesWritten ?? file.bytesRead;
      // readline throws a stream's error to whoever reads its lines. Once nobody does, it must not end the process instead.
      const input = gunzip ? pipeline(file, gunzip, () => {}) : file;
      const reader = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }).on("error", () => {});
      try {
        yield* reader;
      } finally {
        file.destroy();
      }
    },
  };
}

async function readHead(path: string): Promise<{ size: number; head: Buffer }> {
  const file = await open(path);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error("it is not a file");
    const { bytesRead, buffer } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return { size: stat.size, head: buffer.subarray(0, bytesRead) };
  } finally {
    await file.close();
  }
}

function completeLines(bytes: Buffer, whole: boolean): string[] {
  const lines = bytes.toString("utf8").split("\n");
  if (!whole) lines.pop();
  return lines;
}

/** A damaged head has no sample; reading it properly will say what is wrong. */
function gunzipHead(head: Buffer): Buffer {
  try {
    return gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return Buffer.alloc(0);
  }
}
