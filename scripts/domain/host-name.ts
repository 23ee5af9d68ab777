/** Host names as people paste them, and the site that a host belongs to. */
import { isIP } from "node:net";
import { getDomain } from "tldts";
import { scriptPath } from "../../core/script-path.ts";

export interface NamedHost {
  /** In small letters, without a trailing dot, international names as `xn--…`. */
  host: string;
  port: number;
  /** `/q7/shop.js`, where the address of a script was given. */
  script: string | undefined;
  /** Whether more was given than a host and a port, or the host was written otherwise. */
  cleaned: boolean;
}

export type ReadHost = ({ ok: true } & NamedHost) | { ok: false; why: string };

const HTTPS_PORT = 443;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Takes a host, or an address from which it can be read. `why` is a sentence that names what is wrong. */
export function readHost(text: string): ReadHost {
  const given = text.trim();
  const no = (why: string): ReadHost => ({ ok: false, why });
  if (given === "") return no("Which host? It is empty.");
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(given)?.[1]?.toLowerCase();
  if (scheme && scheme !== "https" && scheme !== "http") return no(`${given} is not a web address.`);
  if (given.includes("*")) return no(`${given} stands for many hosts: name one of them.`);
  const url = URL.parse(scheme ? given : `https://${given}`);
  if (!url) return no(`${given} is not a host name.`);
  if (url.username || url.password)
    return no("A host has no user name and no password: leave out what is before the @.");

  const host = url.hostname.replace(/\.$/, "");
  if (isIP(host) || host.startsWith("["))
    return no(`${host} is an address: cookies and certificates need a host name.`);
  if (host.length > 253 || !host.split(".").every((label) => LABEL.test(label))) {
    return no(`${given} is not a host name: its parts are letters, digits and hyphens, at most 63 of them.`);
  }
  if (host === "localhost" || host.endsWith(".localhost")) {
    return no(`${host} is this machine: only a host that is in the DNS can be checked.`);
  }
  if (!siteOf(host)) return no(`${host} belongs to no one: nobody can set a cookie for it. Name a host below it.`);

  const port = Number(url.port) || HTTPS_PORT;
  const isUsual = scriptPath.withoutHash(url.pathname) === scriptPath.usual;
  const script = url.pathname.endsWith(".js") && !isUsual ? url.pathname : undefined;
  const cleaned = given !== host + (port === HTTPS_PORT ? "" : `:${port}`) + (script ?? "");
  return { ok: true, host, port, script, cleaned };
}

/** The registrable domain of a host, e.g. `shop.co.uk`. Browsers count private suffixes too: each `x.github.io` is a site. */
export function siteOf(host: string): string | undefined {
  return getDomain(host, { allowPrivateDomains: true }) ?? undefined;
}
