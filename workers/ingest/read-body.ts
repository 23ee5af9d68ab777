import { ApiError } from "../../core/api-error.ts";
import { LIMITS } from "../../core/event.ts";

/** `text/plain` is what browsers may send across origins without a preflight. */
const TYPES = ["application/json", "text/plain"];

/** The request's body as a JSON object. Throws `unsupported_media_type`, `request_too_large` or `invalid_json`. */
export async function readBody(request: Request): Promise<Record<string, unknown>> {
  const type = request.headers.get("content-type");
  if (type && !TYPES.includes(type.split(";")[0]!.trim().toLowerCase())) {
    throw new ApiError("unsupported_media_type", `Send application/json or text/plain, not ${type.slice(0, 100)}`);
  }
  const text = await readText(request);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw new ApiError("invalid_json", "The body is not JSON");
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new ApiError("invalid_request", "The body must be a JSON object");
  }
  return body as Record<string, unknown>;
}

async function readText(request: Request): Promise<string> {
  const tooLarge = () => new ApiError("request_too_large", `A request may have ${LIMITS.REQUEST_BYTES / 1024} KB`);
  const declared = request.headers.get("content-length");
  if (declared !== null) {
    if (Number(declared) > LIMITS.REQUEST_BYTES) throw tooLarge();
    return request.text();
  }
  // Without a declared length the body is counted as it comes, so that nobody can fill the isolate's memory.
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > LIMITS.REQUEST_BYTES) throw tooLarge();
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
