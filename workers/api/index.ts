/** Management: every route of the API, and the dashboard. Everything but health and where a provider sends people back to asks for the admin token. */
import { timingSafeEqual } from "node:crypto";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { ApiError, problemResponse } from "../../core/api-error.ts";
import { sha256 } from "../../core/hash.ts";
import type { ApiEnv } from "../env.ts";
import { idempotent } from "./idempotency.ts";
import { CALLBACK_PATH, connections, oauthCallback } from "./routes/connections.ts";
import { credentials } from "./routes/credentials.ts";
import { currencyRates } from "./routes/currency-rates.ts";
import { deadLetters } from "./routes/dead-letters.ts";
import { destinationCatalogue } from "./routes/destinations.ts";
import { environments } from "./routes/environments.ts";
import { integrations } from "./routes/integrations.ts";
import { keys } from "./routes/keys.ts";
import { live } from "./routes/live.ts";
import { lookupTables } from "./routes/lookup-tables.ts";
import { orgDataLayerRoutes } from "./routes/org-data-layer.ts";
import { organisations } from "./routes/organisations.ts";
import { piiRoutes } from "./routes/pii.ts";
import { pipelineCanary } from "./routes/pipeline-canary.ts";
import { pipelinePreview } from "./routes/pipeline-preview.ts";
import { pipelines } from "./routes/pipelines.ts";
import { profiles } from "./routes/profiles.ts";
import { receiptKeys } from "./routes/receipt-keys.ts";
import { receipts } from "./routes/receipts.ts";
import { release } from "./routes/release.ts";
import { replays } from "./routes/replays.ts";
import { shards } from "./routes/shards.ts";
import { sources } from "./routes/sources.ts";
import { status } from "./routes/status.ts";
import { trackingPlanRoutes } from "./routes/tracking-plan.ts";

export { Replay } from "./replays/replay.ts";

const requireAdmin: MiddlewareHandler<{ Bindings: ApiEnv }> = async (c, next) => {
  // A browser cannot set headers on a WebSocket, so it may send the token in the query there, and only there.
  const token =
    c.req.header("authorization")?.replace(/^Bearer +/i, "") ??
    (c.req.header("upgrade") ? c.req.query("token") : undefined);
  // Hashes, because timingSafeEqual wants equal lengths.
  const matches = token && timingSafeEqual(Buffer.from(sha256(token)), Buffer.from(sha256(c.env.ADMIN_TOKEN)));
  if (!matches) throw new ApiError("unauthenticated", "Send the admin token as a bearer token");
  await next();
};

const routes = new Hono<{ Bindings: ApiEnv }>()
  .route("/live", live)
  .route("/status", status)
  .route("/dead-letters", deadLetters)
  .route("/dead-letters", release)
  .route("/destinations", destinationCatalogue)
  .route("/integrations", connections)
  .route("/integrations", integrations)
  .route("/replays", replays)
  .route("/organisations", organisations)
  .route("/environments", environments)
  .route("/environments", shards)
  .route("/profiles", profiles)
  .route("/sources", sources)
  .route("/keys", keys)
  .route("/credentials", credentials)
  .route("/org-data-layer", orgDataLayerRoutes)
  .route("/tracking-plan", trackingPlanRoutes)
  .route("/pii", piiRoutes)
  .route("/lookup-tables", lookupTables)
  .route("/pipelines", pipelines)
  .route("/pipelines", pipelineCanary)
  .route("/pipelines", pipelinePreview)
  .route("/currency-rates", currencyRates)
  .route("/receipts", receipts);
/** For `hc<ApiType>("/api/v1")`: what a client may ask, and what it is answered. */
export type ApiType = typeof routes;

export const api = new Hono<{ Bindings: ApiEnv }>();

api.get("/health/live", (c) => c.json({ status: "ok" }));
api.route(CALLBACK_PATH, oauthCallback);
api.route("/.well-known/millrace-receipts.json", receiptKeys);
api.use("/api/*", requireAdmin);
api.use("/api/v1/*", idempotent);
api.route("/api/v1", routes);
api.all("/api/*", (c) => {
  throw new ApiError("not_found", `There is no ${c.req.method} ${c.req.path}`);
});
api.get("*", (c) => c.env.ASSETS.fetch(c.req.raw));
api.notFound((c) => new ApiError("not_found", "There is nothing here").problem(requestIdOf(c)));
api.onError((error, c) => problemResponse(error, requestIdOf(c)));

/** Cloudflare's own id of the request, by which it is found in the logs. */
const requestIdOf = (c: Context): string => c.req.header("cf-ray") ?? crypto.randomUUID();

export default { fetch: api.fetch } satisfies ExportedHandler<ApiEnv>;
