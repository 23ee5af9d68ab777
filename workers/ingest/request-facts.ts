import type { RequestFacts } from "../../core/queue-messages.ts";

const CLIENT_HINTS = [
  "sec-ch-ua",
  "sec-ch-ua-mobile",
  "sec-ch-ua-platform",
  "sec-ch-ua-platform-version",
  "sec-ch-ua-model",
];

/** What a browser's request says of itself. Copied here because `request.cf` does not exist behind the queue. */
export function requestFacts(request: Request): RequestFacts {
  const { headers } = request;
  const cf = request.cf as IncomingRequestCfProperties | undefined;
  const facts: RequestFacts = {};
  const set = <K extends keyof RequestFacts>(key: K, value: RequestFacts[K] | null) => {
    if (value !== null && value !== undefined && value !== "") facts[key] = value;
  };
  set("ip", headers.get("cf-connecting-ip"));
  set("user_agent", headers.get("user-agent")?.slice(0, 2_048));
  set("language", headers.get("accept-language")?.split(",")[0]?.trim());
  set("gpc", headers.get("sec-gpc") === "1" || undefined);
  const hints = CLIENT_HINTS.flatMap((name) => (headers.has(name) ? [[name, headers.get(name)!]] : []));
  if (hints.length) facts.client_hints = Object.fromEntries(hints);
  if (!cf) return facts;
  set("country", cf.country);
  set("region", cf.region);
  set("city", cf.city);
  set("postal_code", cf.postalCode);
  set("latitude", cf.latitude === undefined ? null : Number(cf.latitude));
  set("longitude", cf.longitude === undefined ? null : Number(cf.longitude));
  set("timezone", cf.timezone);
  set("asn", cf.asn);
  return facts;
}
