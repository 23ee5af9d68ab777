/** Streams into R2 without being held in memory: of an unknown length, one part of a multipart upload is. */

/** R2 wants at least 5 MiB, and all parts but the last of one size: https://developers.cloudflare.com/r2/objects/multipart-objects/ */
const PART_BYTES = 8 * 1024 * 1024;

/**
 * Stores what `chunks` yields and resolves to its length. `tooLarge` makes the error for more than `most` bytes; then, and wherever
 * `chunks` throws, nothing is left behind.
 */
export async function storeChunks(
  bucket: R2Bucket,
  key: string,
  chunks: AsyncIterable<Uint8Array>,
  { most, tooLarge }: { most: number; tooLarge: () => Error },
): Promise<number> {
  let bytes = 0;
  // One for all parts: left to the garbage collector, a gigabyte of them would outgrow the isolate.
  const part = new Uint8Array(PART_BYTES);
  let filled = 0;
  let upload: R2MultipartUpload | undefined;
  const parts: R2UploadedPart[] = [];
  try {
    for await (const chunk of chunks) {
      bytes += chunk.byteLength;
      if (bytes > most) throw tooLarge();
      for (let taken = 0; taken < chunk.byteLength; ) {
        const piece = chunk.subarray(taken, taken + PART_BYTES - filled);
        part.set(piece, filled);
        filled += piece.byteLength;
        taken += piece.byteLength;
        if (filled < PART_BYTES) continue;
        upload ??= await bucket.createMultipartUpload(key);
        parts.push(await upload.uploadPart(parts.length + 1, part));
        filled = 0;
      }
    }
    if (!upload) {
      await bucket.put(key, part.subarray(0, filled));
      return bytes;
    }
    if (filled > 0) parts.push(await upload.uploadPart(parts.length + 1, part.subarray(0, filled)));
    await upload.complete(parts);
    return bytes;
  } catch (error) {
    await upload?.abort();
    throw error;
  }
}

/** A stream whose length the sender said: R2 takes it as it flows. Throws where it is not so long. */
export async function storeKnown(
  bucket: R2Bucket,
  key: string,
  stream: ReadableStream<Uint8Array>,
  length: number,
): Promise<void> {
  const fixed = new FixedLengthStream(length);
  const flowed = stream.pipeTo(fixed.writable);
  // Who cancels first is told by both; the sender's failure is the one that says something.
  const [sent, stored] = await Promise.allSettled([flowed, bucket.put(key, fixed.readable)]);
  if (sent.status === "rejected") throw sent.reason;
  if (stored.status === "rejected") throw stored.reason;
}
