/** How the rows of the table ask, and what they take for granted. */
import { WRITE_KEY } from "../../../test/a-door.ts";

/** What the rows take for granted; the test publishes it. */
export const GIVEN = {
  host: "https://collect.shop.example",
  page: "https://shop.example",
  /** Of a source that lists its pages and its servers' addresses. */
  listedKey: "wk_hostile_listed",
  listedServerKey: "sk_hostile_listed",
  pages: ["https://shop.example", "https://*.wild.example"],
  servers: ["198.51.100.0/24", "2001:db8:1::/48"],
  /** Of a source that links hosts. */
  linkedKey: "wk_hostile_linked",
  /** An app key that signs, and one from before there were signatures. */
  appKey: "ak_hostile",
  unsealedKey: "ak_hostile_unsealed",
  secret: "as_hostile secret",
  /** The public key of a small web tracker. */
  website: "b3b7a5d0-3c0f-4a44-9d0c-2f6f5b0c7a11",
} as const;

export interface Hostile {
  what: string;
  request: () => Request;
  status: number;
  code: string;
  /** What the sentence says of it. */
  says?: RegExp;
  /** It is good once, and hostile the second time. */
  again?: true;
}

type Row = [what: string, request: () => Request, status: number, code: string, says?: RegExp];
export type Headers = Record<string, string>;

export const rows = (where: string, list: Row[]): Hostile[] =>
  list.map(([what, request, status, code, says]) => ({
    what: `${where}: ${what}`,
    request,
    status,
    code,
    ...(says && { says }),
  }));

export const ask = (method: string, path: string, headers: Headers = {}, body?: BodyInit) =>
  new Request(GIVEN.host + path, { method, headers, ...(body !== undefined && { body }) });
export const get = (path: string, headers: Headers = { origin: GIVEN.page }) => ask("GET", path, headers);
/** With the public key, from a page. */
export const KEYED = { "x-write-key": WRITE_KEY, origin: GIVEN.page };
export const send = (body: BodyInit, headers: Headers = {}, path = "/v1/batch") =>
  ask("POST", path, { ...KEYED, ...headers }, body);
export const post = (path: string, body: unknown, headers: Headers = {}) => send(JSON.stringify(body), headers, path);
export const basic = (user: string, password = "") => ({ authorization: `Basic ${btoa(`${user}:${password}`)}` });
export const long = (length: number) => "x".repeat(length);
export const base64 = (text: string) => encodeURIComponent(btoa(text));

export const KB = 1_024;
export const HUGE_HEADER = 100 * KB;
export const MB_10 = 10 * KB * KB;
export const DEEP = 10_000;

export const track = { type: "track", event: "Signed Up", anonymous_id: "a1" };
/** An event as JSON with something in it that JSON.stringify would not write. */
export const trackWith = (json: string) => `${JSON.stringify(track).slice(0, -1)},${json}}`;
export const batchOf = (json: string) => `{"batch":[${json}]}`;
export const nested = (depth: number, open = "[", close = "]", heart = "") =>
  open.repeat(depth) + heart + close.repeat(depth);

export const bytes = (...parts: (string | number[])[]) =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Uint8Array.from(part))));
export const inPieces = (text: string, size = 64 * KB) => {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= text.length) return controller.close();
      controller.enqueue(new TextEncoder().encode(text.slice(at, at + size)));
      at += size;
    },
  });
};
export const brokenOff = () =>
  new ReadableStream({
    pull(controller) {
      controller.enqueue(new TextEncoder().encode('{"batch":['));
      controller.error(new Error("the client is gone"));
    },
  });
