import type { Source } from "../../core/environment.ts";
import type { RequestFacts } from "../../core/queue-messages.ts";
import { number } from "../../core/values.ts";

const CLIENT_HINTS = [
  "sec-ch-ua",
  "sec-ch-ua-mobile",
  "sec-ch-ua-platform",
  "sec-ch-ua-platform-version",
  "sec-ch-ua-model",
];

/** Cut to this, so that no header can make a queue message larger than a queue takes. */
const HINT_LENGTH = 256;
const LANGUAGE_LENGTH = 64;
/** What Cloudflare says instead of a country: the Tor network, and "not known". */
const NO_COUNTRY = new Set(["T1", "XX"]);

/** Browsers of their time say by one of these that they fetch ahead: https://http.dev/purpose */
const PURPOSE_HEADERS = ["sec-purpose", "purpose", "x-purpose", "x-moz"];
const FETCHED_AHEAD = /^\s*(prefetch|prerender|preview)\b/i;

/** The types know neither place in which Cloudflare tells of verified bots. */
type Cf = IncomingRequestCfProperties & {
  verifiedBotCategory?: string;
  botManagement?: { verifiedBotCategory?: string };
};

/** What a browser's request says of itself. Copied here because `request.cf` does not exist behind the queue. */
export function requestFacts(request: Request, source: Pick<Source, "honour_gpc" | "honour_dnt">): RequestFacts {
  const { headers } = request;
  const cf = request.cf as Cf | undefined;
  const facts: RequestFacts = {};
  const set = <K extends keyof RequestFacts>(key: K, value: RequestFacts[K] | null) => {
    if (value !== null && value !== undefined && value !== "") facts[key] = value;
  };
  set("ip", headers.get("cf-connecting-ip"));
  set("user_agent", headers.get("user-agent")?.slice(0, 2_048));
  set("language", headers.get("accept-language")?.split(/[,;]/)[0]?.trim().slice(0, LANGUAGE_LENGTH));
  set("gpc", (source.honour_gpc && headers.get("sec-gpc") === "1") || undefined);
  set("dnt", (source.honour_dnt && headers.get("dnt") === "1") || undefined);
  set("prefetch", PURPOSE_HEADERS.some((name) => FETCHED_AHEAD.test(headers.get(name) ?? "")) || undefined);
  const hints = CLIENT_HINTS.flatMap((name) => {
    const hint = headers.get(name);
    return hint ? [[name, hint.slice(0, HINT_LENGTH)]] : [];
  });
  if (hints.length) facts.client_hints = Object.fromEntries(hints);
  if (!cf) return facts;
  set("country", cf.country && NO_COUNTRY.has(cf.country) ? null : cf.country);
  set("region", cf.region);
  set("region_code", cf.regionCode);
  set("city", cf.city);
  set("postal_code", cf.postalCode);
  set("latitude", number(cf.latitude));
  set("longitude", number(cf.longitude));
  set("timezone", cf.timezone);
  set("asn", cf.asn);
  set("as_organization", cf.asOrganization?.slice(0, HINT_LENGTH));
  set("verified_bot_category", cf.verifiedBotCategory || cf.botManagement?.verifiedBotCategory);
  return facts;
}
