/**
 * The door. A request is answered 200 only after its events are durable; nothing here asks D1, and nothing waits for a vendor.
 * Every route below ends in `collect.ts`, but for those that hand out what a browser needs to begin, imports of whole files, and payment providers' webhooks.
 */
import { Hono } from "hono";
import { ApiError, errorResponse } from "../../core/api-error.ts";
import type { IngestEnv } from "../env.ts";
import { bulkImport } from "./bulk-import/routes.ts";
import { crossOrigin, preflight } from "./cross-origin.ts";
import { drainSpill } from "./enqueue.ts";
import { identityHub } from "./identity-hub/routes.ts";
import { otherApis } from "./routes/other-apis.ts";
import { script } from "./routes/script.ts";
import { segment } from "./routes/segment.ts";
import { paymentWebhooks } from "./webhooks/routes.ts";

export { BulkImport } from "./bulk-import/bulk-import.ts";

export const ingest = new Hono<{ Bindings: IngestEnv }>();

ingest.options("*", (c) => preflight(c.req.raw));
ingest.route("/v1/hub", identityHub);
ingest.route("/v1/bulk/import", bulkImport);
ingest.route("/v1/webhooks", paymentWebhooks);
ingest.route("/", segment);
ingest.route("/", otherApis);
ingest.route("/", script);

ingest.notFound((c) => {
  throw new ApiError("not_found", `There is no ${c.req.path}`);
});

ingest.onError((error, c) => refusal(error, c.req.raw));

function refusal(error: unknown, request: Request): Response {
  const response = errorResponse(error);
  const headers = { "cache-control": "no-store", ...crossOrigin(request.headers.get("origin")) };
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
  return response;
}

/** Whether a request is the door's, in the joined Worker: the API's and the dashboard's paths are everything else. */
export function isForTheDoor(method: string, path: string): boolean {
  if (path.startsWith("/v1/") || path === "/track") return true;
  if (path.startsWith("/sourceConfig") || path.startsWith("/beacon/")) return true;
  if (path.startsWith("/api/")) return false;
  // A source's own script, and where it sends its events (`script_path`).
  return method === "GET" || method === "HEAD" ? path.endsWith(".js") : path.endsWith("/e");
}

/** Of an address up to its query; ours have some 400 letters. Finding the route of a path with thousands of slashes takes seconds. */
const ADDRESS_LENGTH = 1_024;

export default {
  fetch(request: Request, env: IngestEnv, ctx?: ExecutionContext) {
    // As it was sent, which is what is routed: a path with dots in it gets shorter when it is parsed.
    const { length } = request.url.split("?", 1)[0]!;
    if (length <= ADDRESS_LENGTH) return ingest.fetch(request, env, ctx);
    return refusal(
      new ApiError("uri_too_long", `An address may have ${ADDRESS_LENGTH} letters before its query`),
      request,
    );
  },
  scheduled: (_controller, env, ctx) => ctx.waitUntil(drainSpill(env)),
} satisfies ExportedHandler<IngestEnv>;
