import { createGunzip } from "node:zlib";
import { UnreadableFile } from "./import-store.ts";
import { storeChunks } from "./store-stream.ts";

/** What a gzip file may hold. */
export const INFLATED_BYTES = 1024 * 1024 * 1024;

/**
 * Writes what is in a gzip file (several members too, as `cat a.gz b.gz` makes) beside it and resolves to its length. One pass over the
 * file, so that every slice can begin in the middle: inflating from the start for each would cost their square. node:zlib stops
 * for whoever reads slowly, so a file that inflates a thousandfold holds no more memory than another. Throws UnreadableFile.
 */
export async function inflate(bucket: R2Bucket, from: string, to: string, most = INFLATED_BYTES): Promise<number> {
  const file = await bucket.get(from);
  if (!file) throw new UnreadableFile("file_is_gone", "The uploaded file is no longer there");
  const gunzip = createGunzip({ chunkSize: 1024 * 1024 });
  const fed = feed(file.body, gunzip);
  // Its failure reaches whoever reads the other end.
  fed.catch((error) => gunzip.destroy(error));
  try {
    return await storeChunks(bucket, to, gunzip, {
      most,
      tooLarge: () =>
        new UnreadableFile("inflated_too_large", `The gzip file holds more than ${most / 1024 / 1024} MB; split it`),
    });
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code !== "string" || !code.startsWith("Z_")) throw error;
    throw new UnreadableFile("invalid_gzip", "The gzip data is damaged or incomplete; nothing of it was imported");
  } finally {
    gunzip.destroy();
  }
}

/** Ends early where the reader gave up; leaving the loop lets go of the file. */
async function feed(body: ReadableStream<Uint8Array>, gunzip: ReturnType<typeof createGunzip>): Promise<void> {
  const closed = new Promise<void>((done) => gunzip.once("close", done));
  for await (const chunk of body) {
    await Promise.race([new Promise<void>((done) => gunzip.write(chunk, () => done())), closed]);
    if (gunzip.destroyed) return;
  }
  gunzip.end();
}
