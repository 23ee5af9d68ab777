import { gunzipSync } from "node:zlib";
import { ApiError } from "../../core/api-error.ts";
import { LIMITS } from "../../core/event.ts";
import { isRecord } from "../../core/values.ts";

/** `text/plain` is what browsers may send across origins without a preflight. */
const TYPES = ["application/json", "text/plain"];

export interface RequestBody {
  value: Record<string, unknown>;
  /** As they were sent, compressed or not: what a signature covers. Only of a request that has one. */
  bytes?: Uint8Array;
}

/** The request's body as a JSON object. Throws `unsupported_media_type`, `request_too_large`, `invalid_encoding` or `invalid_json`. */
export async function readBody(request: Request): Promise<RequestBody> {
  const { headers } = request;
  const type = headers.get("content-type");
  if (type && !TYPES.includes(type.split(";")[0]!.trim().toLowerCase())) {
    throw new ApiError("unsupported_media_type", `Send application/json or text/plain, not ${type.slice(0, 100)}`);
  }
  const length = headers.get("content-length");
  const encoding = headers.get("content-encoding");
  const isSigned = headers.has("x-signature");
  if (length !== null && !encoding && !isSigned) return { value: parseText(await readText(request, Number(length))) };
  const bytes = await readBytes(request);
  return { value: parseObject(inflated(bytes, encoding)), ...(isSigned && { bytes }) };
}

/**
 * The usual way, which costs half of reading bytes. Bytes that are no UTF-8 become U+FFFD, which is longer than what it stands for
 * (except for a letter of four bytes that lacks its last).
 */
async function readText(request: Request, length: number): Promise<string> {
  if (length > LIMITS.REQUEST_BYTES) throw tooLarge();
  const text = await arrived(() => request.text());
  if (text.length > LIMITS.REQUEST_BYTES) throw tooLarge();
  if (text.includes("\ufffd") && Buffer.byteLength(text, "utf8") > length) throw notUtf8();
  return text;
}

/** JSON text as an object. Throws `invalid_encoding`, `invalid_json` or `invalid_request`. */
export function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw notUtf8();
  }
  return parseText(text);
}

const notUtf8 = () => new ApiError("invalid_encoding", "The body is not UTF-8");

function parseText(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ApiError("invalid_json", "The body is not JSON");
  }
  if (!isRecord(value)) throw new ApiError("invalid_request", "The body must be a JSON object");
  // Nobody's property is called so, and code that copies key by key would take it for the object's own prototype.
  if (PROTOTYPE.test(text) && namesPrototype(value)) {
    throw new ApiError("invalid_request", "No object may have a key __proto__");
  }
  return value;
}

// Replacement characters in place of what was sent would be silently wrong data.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
/** Written plainly, or with the underscore escaped. */
const PROTOTYPE = /__proto__|\\u005f/i;

function namesPrototype(value: unknown): boolean {
  const open: unknown[] = [value];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next !== "object" || next === null) continue;
    if (Object.hasOwn(next, "__proto__")) return true;
    for (const inner of Object.values(next)) if (typeof inner === "object" && inner !== null) open.push(inner);
  }
  return false;
}

const tooLarge = () => new ApiError("request_too_large", `A request may have ${LIMITS.REQUEST_BYTES / 1024} KB`);

/** The body as it was sent, within the limit. Throws `request_too_large`, `invalid_request`. */
export async function readBytes(request: Request): Promise<Uint8Array> {
  const declared = request.headers.get("content-length");
  if (declared !== null) {
    if (Number(declared) > LIMITS.REQUEST_BYTES) throw tooLarge();
    const bytes = new Uint8Array(await arrived(() => request.arrayBuffer()));
    if (bytes.byteLength > LIMITS.REQUEST_BYTES) throw tooLarge();
    return bytes;
  }
  // Without a declared length the body is counted as it comes, so that nobody can fill the isolate's memory.
  return arrived(async () => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of request.body ?? []) {
      bytes += chunk.byteLength;
      if (bytes > LIMITS.REQUEST_BYTES) throw tooLarge();
      chunks.push(chunk);
    }
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  });
}

/** A client that goes away, or sends less than it said, is no failure of ours. */
async function arrived<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError("invalid_request", "The body ended before all of it had come");
  }
}

function inflated(bytes: Uint8Array, encoding: string | null): Uint8Array {
  if (!encoding || encoding === "identity") return bytes;
  if (encoding !== "gzip") {
    throw new ApiError("unsupported_media_type", `Send the body plain or with gzip, not ${encoding.slice(0, 100)}`);
  }
  try {
    return gunzipSync(bytes, { maxOutputLength: LIMITS.REQUEST_BYTES });
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge();
    throw new ApiError("invalid_encoding", "The body is not gzip, though content-encoding says so");
  }
}
