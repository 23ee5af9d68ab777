/**
 * Text as it is moved and stored in bulk: gzip at its fastest. Events are alike, so that a tenth is left of them, and to deflate
 * half a megabyte takes a third of the time that SQLite takes to write it.
 */
import { gunzipSync, gzipSync } from "node:zlib";

export function pack(text: string): Uint8Array<ArrayBuffer> {
  // A copy: zlib's buffer may be a part of a larger one, and a message to an object would take the whole.
  return Uint8Array.from(gzipSync(text, { level: 1 }));
}

/** What was packed, or a text as it was stored before texts were packed. */
export function unpack(stored: string | ArrayBuffer | Uint8Array): string {
  return typeof stored === "string" ? stored : gunzipSync(stored).toString();
}

/** Bytes of UTF-8 that `unpack` will give. A gzip member ends with its length (RFC 1952, 2.3.1). */
export function unpackedLength(packed: Uint8Array): number {
  return new DataView(packed.buffer, packed.byteOffset, packed.byteLength).getUint32(packed.byteLength - 4, true);
}
