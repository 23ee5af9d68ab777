/** Which lines of an access log are page views, and what a page tag would have sent for them. */
import { createHash } from "node:crypto";
import { isIP } from "node:net";
import type { Event } from "../../core/event.ts";
import { type LogLine, parseLine } from "./combined-log.ts";

/** Why a line is not sent, with the words of the summary, in the order in which a line is tested. */
export const SKIP_REASONS = {
  unparseable_line: "not a log line",
  malformed_request: "not an HTTP request",
  not_get: "method other than GET",
  redirect: "redirect (3xx)",
  client_error: "client error (4xx)",
  server_error: "server error (5xx)",
  other_status: "other status",
  feed: "feed (RSS, Atom)",
  static_asset: "asset or download",
} as const;
export type SkipReason = keyof typeof SKIP_REASONS;

/** The door adds what else an envelope has: `event` and `received_at`. */
export type PageEvent = Pick<Event, "type" | "message_id" | "anonymous_id" | "timestamp" | "properties" | "context">;

export type Reading =
  | { kind: "page"; event: PageEvent; at: Date; bot: boolean }
  | { kind: "skipped"; reason: SkipReason; at: Date | undefined };

export interface ReadingRules {
  /** Origin that the paths belong to, e.g. `https://example.com`. */
  site: string;
  /** Every GET counts, whatever its status or file type. */
  all: boolean;
}

/** Reads line `number` (from 1). The same number and text give the same ids in every run, so the platform drops repeats. */
export function readPage(text: string, number: number, rules: ReadingRules): Reading {
  const parsed = parseLine(text);
  if (!parsed.ok) return { kind: "skipped", reason: parsed.reason, at: undefined };
  const { line } = parsed;
  if (line.method !== "GET") return { kind: "skipped", reason: "not_get", at: line.at };
  const url = pageUrl(line.target, rules.site);
  if (!url) return { kind: "skipped", reason: "malformed_request", at: line.at };
  const reason = rules.all ? undefined : (statusReason(line.status) ?? fileReason(url));
  if (reason) return { kind: "skipped", reason, at: line.at };
  return {
    kind: "page",
    event: pageEvent(line, url, `replay-${digest(`${number}\n${text}`).slice(0, 32)}`),
    at: line.at,
    bot: /bot|crawler|spider/i.test(line.user_agent ?? ""),
  };
}

function pageEvent(line: LogLine, url: URL, message_id: string): PageEvent {
  const page = {
    url: url.href,
    path: url.pathname,
    search: url.search,
    ...(line.referrer !== undefined && { referrer: line.referrer }),
  };
  return {
    type: "page",
    message_id,
    anonymous_id: visitorId(line),
    timestamp: line.at.toISOString(),
    properties: { ...page, status: line.status },
    context: {
      ...(isIP(line.client) && { ip: line.client }),
      ...(line.user_agent !== undefined && { user_agent: line.user_agent }),
      page,
      library: { name: "millrace-replay" },
    },
  };
}

/** Address and user agent are all a log knows of a person. A UUID of version 8, RFC 9562's "made some other way". */
function visitorId(line: LogLine): string {
  const hex = digest(`${line.client}\n${line.user_agent ?? ""}`);
  const variant = ((Number.parseInt(hex[16]!, 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/**
 * As a browser's address bar would show it: raw bytes percent-encoded, broken escapes such as `%zz` left alone.
 * The origin is put before the path by hand, because resolving `//x/y` against a base would take `x` for the host.
 */
function pageUrl(target: string, site: string): URL | null {
  const absolute = /^https?:\/\//i.test(target);
  if (!absolute && !target.startsWith("/")) return null;
  const url = URL.parse(absolute ? target : site + target);
  if (url) url.hash = "";
  return url;
}

function statusReason(status: number): SkipReason | undefined {
  if ((status >= 200 && status < 300) || status === 304) return undefined;
  if (status >= 300 && status < 400) return "redirect";
  if (status >= 400 && status < 500) return "client_error";
  if (status >= 500 && status < 600) return "server_error";
  return "other_status";
}

const FEED_PATH = /\.(?:rss|atom|rdf)$|\/(?:feeds?|rss2?|atom)(?:\.xml|\.json)?\/?$/i;
const FEED_QUERY = /[?&](?:flav|flavor|flavour|format|feed|type|alt)=(?:rss|atom|rdf)/i;

/** File types that no page tag runs in. What is not listed is a page: `.html`, `.php`, `/v1.2`, no extension at all. */
const ASSETS = new Set(
  [
    "css js mjs cjs map wasm ts coffee scss less",
    "png jpg jpeg jpe gif svg svgz webp avif apng bmp tif tiff ico cur heic psd xcf",
    "woff woff2 ttf otf eot",
    "mp4 m4v webm ogv mov avi mkv flv mpg mpeg swf m3u8 mp3 m4a ogg oga opus wav flac aac",
    "zip gz tgz bz2 tbz xz zst 7z rar tar jar war deb rpm gem whl exe msi dmg pkg apk iso bin img",
    "pdf ps eps doc docx xls xlsx ppt pptx odt ods odp rtf epub tex",
    "txt xml xsl xslt xsd json jsonld yml yaml csv tsv log conf cfg ini md markdown webmanifest appcache",
    "c h cpp cc hpp cs java go rs py pyc rb pl pm lua sh bat sql m4 mk diff patch spec vim pcap asc sig",
  ].flatMap((group) => group.split(" ")),
);

function fileReason(url: URL): SkipReason | undefined {
  if (FEED_PATH.test(url.pathname) || FEED_QUERY.test(url.search)) return "feed";
  const extension = /\.([^./]+)$/.exec(url.pathname)?.[1]?.toLowerCase();
  return extension !== undefined && ASSETS.has(extension) ? "static_asset" : undefined;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
