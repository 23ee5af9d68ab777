/** Secrets as the sink stores and shows them: that there was one, not which. */
import { isObject } from "./json.ts";

const MASK = "***";

/** In a query or a form body; and in the path of a Slack webhook, which is a secret as a whole. */
export function maskParameters(text: string): string {
  return text
    .replace(/((?:^|[?&])(?:access_token|api_secret)=)[^&#]*/gi, `$1${MASK}`)
    .replace(/(hooks\.slack(?:-gov)?\.com\/services\/)[^?#]*/, `$1${MASK}`);
}

const SECRET_HEADERS = ["authorization", "access-token"];

export function maskHeaders(headers: Record<string, string>): Record<string, string> {
  const found = SECRET_HEADERS.filter((name) => name in headers);
  return { ...headers, ...Object.fromEntries(found.map((name) => [name, MASK])) };
}

const SECRET_FIELDS = ["access_token", "api_key"];

/** `body` as parsed, or the text that it was. */
export function maskBody(body: unknown): unknown {
  if (typeof body === "string") return maskParameters(body);
  if (!isObject(body)) return body;
  const found = SECRET_FIELDS.filter((name) => name in body);
  return { ...body, ...Object.fromEntries(found.map((name) => [name, MASK])) };
}
