/** No browser sends longer ones. What we repeat of a request must not make our own headers too large to send. */
const ORIGIN_LENGTH = 512;
const ASKED_LENGTH = 2_048;

/**
 * Any site may read our answers: what protects a source is its key, and the list of its pages. Cookies need the origin named and
 * credentials allowed.
 */
export function crossOrigin(origin: string | null | undefined): Record<string, string> {
  if (!origin || origin.length > ORIGIN_LENGTH) return {};
  return {
    ...toPage(origin),
    "access-control-expose-headers": "retry-after, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset",
    vary: "origin",
  };
}

/**
 * The least that a page's script needs to read the answer to a POST, which no cache keeps, and which tells nothing by its headers
 * that a page must know. Each header less is a tenth of what such an answer costs.
 */
export function toPage(origin: string | null): Record<string, string> {
  if (!origin || origin.length > ORIGIN_LENGTH) return {};
  return { "access-control-allow-origin": origin, "access-control-allow-credentials": "true" };
}

/** The answer to a preflight: who may send what is decided when it comes. */
export function preflight(request: Request): Response {
  const headers = crossOrigin(request.headers.get("origin"));
  headers["access-control-allow-methods"] = "POST, GET, OPTIONS";
  const asked = request.headers.get("access-control-request-headers");
  headers["access-control-allow-headers"] =
    asked && asked.length <= ASKED_LENGTH ? asked : "content-type, authorization";
  headers["access-control-max-age"] = "86400";
  return new Response(null, { status: 204, headers });
}
