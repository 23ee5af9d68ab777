/** Good events in requests that try to break something else. */
import { gzipSync } from "node:zlib";
import { HUGE_HEADER, long, nested, post, send, track, trackWith } from "./asking.ts";

/** What is merely noise: the good event in it is taken. */
export const NOISE: [what: string, request: () => Request][] = [
  ...[
    "cookie",
    "user-agent",
    "x-consent",
    "accept-language",
    "referer",
    "origin",
    "sec-ch-ua",
    "x-timestamp",
    "x-signature",
    "x-forwarded-for",
    "if-none-match",
  ].map((name): [string, () => Request] => [
    `100 KB of ${name}`,
    () => post("/v1/track", track, { [name]: long(HUGE_HEADER) }),
  ]),
  ["10,000 cookies", () => post("/v1/track", track, { cookie: "_ga_X=GS2.1.s1$o1$t1; ".repeat(5_000) })],
  [
    "a cookie that would set another",
    () => post("/v1/track", track, { cookie: "_dfid=x%0d%0aset-cookie: a=b; _ga=GA1.1.1.1\t; __proto__=1" }),
  ],
  ["an x-consent that never ends", () => post("/v1/track", track, { "x-consent": `a;${" ".repeat(HUGE_HEADER)}"` })],
  ["an x-consent of 100 KB of members", () => post("/v1/track", track, { "x-consent": "a=?1,".repeat(20_000) })],
  [
    "a consent that is no text, whatever one calls on it",
    () => post("/v1/track", { ...track, context: { consent: { gcs: { toString: 1, valueOf: 1 } } } }),
  ],
  [
    "a consent of 100,000 levels",
    () => send(trackWith(`"context":{"consent":{"gcs":${nested(100_000)}}}`), {}, "/v1/track"),
  ],
  [
    "a consent called like a prototype",
    () => post("/v1/track", { ...track, context: { consent: { categoryPreferences: { constructor: true } } } }),
  ],
  ["a query of 100 KB", () => post(`/v1/track?${"&a".repeat(50_000)}`, track)],
  [
    "10,000 parts of a gzip, all but one empty",
    () =>
      send(
        Buffer.concat([...Array(10_000).fill(gzipSync("")), gzipSync(JSON.stringify(track))]),
        { "content-encoding": "gzip" },
        "/v1/track",
      ),
  ],
  [
    "keys that JavaScript treats as its own",
    () =>
      post("/v1/track", {
        ...track,
        properties: { constructor: { prototype: { polluted: 1 } }, toString: 1, hasOwnProperty: null },
      }),
  ],
  ["an id of half a letter", () => send(trackWith('"message_id":"\\ud800"'), {}, "/v1/track")],
];
