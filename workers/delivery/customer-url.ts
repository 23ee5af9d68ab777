/**
 * Settings that hold an address of the customer's own choice: checked when they are saved, and each time before they are called.
 * What a name leads to is asked of a public resolver (DNS over HTTPS, https://www.rfc-editor.org/rfc/rfc8484). What this cannot do:
 * a Worker may not choose the address that it connects to, so a name that changes between question and call is found only the next
 * time it is asked. Nothing private is within a Worker's reach but through a public tunnel, so that is the second line and not the first.
 */
import * as z from "zod";
import { isPublicAddress, problemOfUrl } from "../../core/public-url.ts";

/** A setting for such an address. */
export const customerUrl = () =>
  z
    .string()
    .superRefine((url, context) => {
      const message = problemOfUrl(url);
      if (message) context.addIssue({ code: "custom", message });
    })
    .meta({ customer_url: true });

/** The names of a destination's settings that hold one. */
export function customerUrlsOf(settings: z.ZodObject): string[] {
  return Object.entries(settings.shape)
    .filter(([, schema]) => isCustomerUrl(schema as z.ZodType))
    .map(([name]) => name);
}

function isCustomerUrl(schema: z.ZodType): boolean {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault)
    return isCustomerUrl(schema.unwrap() as z.ZodType);
  return schema.meta()?.customer_url === true;
}

const RESOLVER = "https://cloudflare-dns.com/dns-query";
const RESOLVER_TIMEOUT_MS = 2_000;
const FRESH_MS = 5 * 60_000;
const MOST_HOSTS = 1_000;
const A = 1;
const AAAA = 28;

const known = new Map<string, { problem: string | undefined; at: number }>();

/** For tests. */
export const forgetHosts = () => known.clear();

/**
 * Why this address must not be called: by its looks, or because its name leads to a private network. A resolver that does not answer
 * refuses nothing: a receiver must not fail with it. Resolved once in five minutes.
 */
export async function problemOfCustomerUrl(url: string, now = Date.now()): Promise<string | undefined> {
  const problem = problemOfUrl(url);
  if (problem) return problem;
  const { hostname } = new URL(url);
  if (hostname.startsWith("[") || /^[\d.]+$/.test(hostname)) return undefined;
  const before = known.get(hostname);
  if (before && now - before.at < FRESH_MS) return before.problem;
  const addresses = (await Promise.all([lookUp(hostname, "A"), lookUp(hostname, "AAAA")])).flat();
  const hidden = addresses.find((address) => !isPublicAddress(address));
  const found = hidden === undefined ? undefined : `${hostname} leads to ${hidden}, which is not a public address`;
  if (known.size >= MOST_HOSTS) known.clear();
  known.set(hostname, { problem: found, at: now });
  return found;
}

const answer = z.object({ Answer: z.array(z.object({ type: z.number(), data: z.string() })).optional() });

/** Addresses only; of aliases the resolver tells where they end. Empty where it does not answer. */
async function lookUp(name: string, type: "A" | "AAAA"): Promise<string[]> {
  try {
    const response = await fetch(`${RESOLVER}?${new URLSearchParams({ name, type })}`, {
      headers: { accept: "application/dns-json" },
      signal: AbortSignal.timeout(RESOLVER_TIMEOUT_MS),
    });
    const { Answer = [] } = answer.parse(await response.json());
    return Answer.filter((one) => one.type === A || one.type === AAAA).map(({ data }) => data);
  } catch (error) {
    console.warn(JSON.stringify({ level: "warn", at: "delivery.resolve", name, message: String(error) }));
    return [];
  }
}
