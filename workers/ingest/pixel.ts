import { ApiError } from "../../core/api-error.ts";
import { isRecord } from "../../core/values.ts";

/** 1×1, transparent: the smallest GIF that every mail client shows as nothing. */
export const INVISIBLE_GIF = Uint8Array.from(atob("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"), (c) =>
  c.charCodeAt(0),
);

/** What `data` carries: a call's JSON object as base64, of either alphabet. Throws `invalid_request` or `invalid_json`. */
export function pixelBody(data: string | undefined): Record<string, unknown> {
  if (!data) throw new ApiError("invalid_request", "Send the call as base64 JSON in data");
  let body: unknown;
  try {
    // A plus sign in a query is read as a space.
    const bytes = Uint8Array.from(atob(data.replace(/[ -]/g, "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    body = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new ApiError("invalid_json", "data is not base64 JSON");
  }
  if (!isRecord(body)) throw new ApiError("invalid_request", "data must be a JSON object");
  return body;
}
