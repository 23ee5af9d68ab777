/**
 * One line of a web server's access log, in Apache's *combined* format (nginx's default too) or the *common* one it extends.
 * https://httpd.apache.org/docs/2.4/logs.html#accesslog, https://nginx.org/en/docs/http/ngx_http_log_module.html#log_format
 */

export interface LogLine {
  /** An IP address, or a host name where the server looks names up. */
  client: string;
  at: Date;
  method: string;
  /** What the request line asked for: nearly always `/path?query`, as the client encoded it. */
  target: string;
  status: number;
  referrer: string | undefined;
  user_agent: string | undefined;
}

/** `malformed_request`: a proper log line of something that was not HTTP, such as a TLS handshake on port 80. */
export type ParsedLine = { ok: true; line: LogLine } | { ok: false; reason: "unparseable_line" | "malformed_request" };

const QUOTED = String.raw`"((?:[^"\\]|\\.)*)"`;
/** Fields after the user agent, which many nginx set-ups add, are ignored. */
const LINE = new RegExp(
  String.raw`^(\S+) \S+ .+? \[([^\]]+)\] ${QUOTED} (\d{3}) (?:\d+|-)(?: ${QUOTED} ${QUOTED}(?: .*)?)?\s*$`,
);
const REQUEST = /^([A-Z][A-Z_-]*) (\S.*?)(?: HTTP\/\d(?:\.\d)?)?$/;

export function parseLine(text: string): ParsedLine {
  const fields = LINE.exec(text);
  const at = fields && parseLogTime(fields[2]!);
  if (!fields || !at) return { ok: false, reason: "unparseable_line" };
  const request = REQUEST.exec(unescapeField(fields[3]!));
  if (!request) return { ok: false, reason: "malformed_request" };
  return {
    ok: true,
    line: {
      client: fields[1]!,
      at,
      method: request[1]!,
      target: request[2]!,
      status: Number(fields[4]),
      referrer: presentField(fields[5]),
      user_agent: presentField(fields[6]),
    },
  };
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const TIME = /^(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/;

/** `17/May/2015:10:05:03 +0200` to an instant; undefined when it is no date that a calendar has. */
export function parseLogTime(text: string): Date | undefined {
  const parts = TIME.exec(text);
  if (!parts) return undefined;
  const [day, year, hour, minute, second] = [parts[1], parts[3], parts[4], parts[5], parts[6]].map(Number) as number[];
  const month = MONTHS.indexOf(parts[2]!);
  const local = new Date(Date.UTC(year!, month, day, hour, minute, second));
  // A leap second (:60) may roll over; a 31 February or a 25 o'clock may not.
  if (month < 0 || hour! > 23 || minute! > 59 || second! > 60) return undefined;
  if (second! < 60 && local.getUTCDate() !== day) return undefined;
  const offset = (Number(parts[8]) * 60 + Number(parts[9])) * 60_000;
  return new Date(local.getTime() + (parts[7] === "+" ? -offset : offset));
}

/** Both servers write "-" for a header that the request did not have. */
function presentField(field: string | undefined): string | undefined {
  return field === undefined || field === "-" || field === "" ? undefined : unescapeField(field);
}

const CONTROLS: Record<string, string> = { b: "\b", n: "\n", r: "\r", t: "\t", v: "\v", f: "\f" };

/** Undoes Apache's `\"` and nginx's `\x22`. A run of `\xHH` is bytes, usually of UTF-8, so it is decoded as one. */
function unescapeField(field: string): string {
  if (!field.includes("\\")) return field;
  return field.replace(/((?:\\x[0-9A-Fa-f]{2})+)|\\(.)/g, (_, bytes: string | undefined, char: string) =>
    bytes ? Buffer.from(bytes.replaceAll("\\x", ""), "hex").toString("utf8") : (CONTROLS[char] ?? char),
  );
}
