import { ApiError } from "../../core/api-error.ts";
import { parseObject } from "./read-body.ts";

/** 1×1, transparent: the smallest GIF that every mail client shows as nothing. */
export const INVISIBLE_GIF = Uint8Array.from(atob("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"), (c) =>
  c.charCodeAt(0),
);

/** What `data` carries: a call's JSON object as base64, of either alphabet. Throws `invalid_request`, `invalid_encoding` or `invalid_json`. */
export function pixelBody(data: string | undefined): Record<string, unknown> {
  if (!data) throw new ApiError("invalid_request", "Send the call as base64 JSON in data");
  let bytes: Uint8Array;
  try {
    // A plus sign in a query is read as a space.
    bytes = Uint8Array.from(atob(data.replace(/[ -]/g, "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  } catch {
    throw new ApiError("invalid_encoding", "data is not base64");
  }
  return parseObject(bytes);
}
