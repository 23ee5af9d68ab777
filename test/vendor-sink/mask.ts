/** Secrets as the sink stores and shows them: that there was one, not which. */
import { isObject } from "./json.ts";

const MASK = "***";

/** In a query or a form body. */
export function maskParameters(text: string): string {
  return text.replace(/((?:^|[?&])(?:access_token|api_secret)=)[^&#]*/gi, `$1${MASK}`);
}

export function maskHeaders(headers: Record<string, string>): Record<string, string> {
  return "authorization" in headers ? { ...headers, authorization: MASK } : headers;
}

/** `body` as parsed, or the text that it was. */
export function maskBody(body: unknown): unknown {
  if (typeof body === "string") return maskParameters(body);
  return isObject(body) && "access_token" in body ? { ...body, access_token: MASK } : body;
}
