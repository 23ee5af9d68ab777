/** Management: every route of the API, and the dashboard. Everything but health and where a provider sends people back to asks for the admin token. */
import { timingSafeEqual } from "node:crypto";
import { Hono, type MiddlewareHandler } from "hono";
import { ApiError, errorResponse } from "../../core/api-error.ts";
import { sha256 } from "../../core/hash.ts";
import type { ApiEnv } from "../env.ts";
import { CALLBACK_PATH, connections, oauthCallback } from "./routes/connections.ts";
import { credentials } from "./routes/credentials.ts";
import { currencyRates } from "./routes/currency-rates.ts";
import { deadLetters } from "./routes/dead-letters.ts";
import { environments } from "./routes/environments.ts";
import { integrations } from "./routes/integrations.ts";

import { keys } from "./routes/keys.ts";
import { live } from "./routes/live.ts";
import { lookupTables } from "./routes/lookup-tables.ts";
import { orgDataLayerRoutes } from "./routes/org-data-layer.ts";
import { paymentWebhooks } from "./routes/payment-webhooks.ts";
import { piiRoutes } from "./routes/pii.ts";
import { pipelineCanary } from "./routes/pipeline-canary.ts";
import { pipelinePreview } from "./routes/pipeline-preview.ts";
import { pipelines } from "./routes/pipelines.ts";
import { profileAttribution } from "./routes/profile-attribution.ts";
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

export const api = new Hono<{ Bindings: ApiEnv }>();

api.get("/health/live", (c) => c.json({ status: "ok" }));
api.route(CALLBACK_PATH, oauthCallback);
api.route("/.well-known/millrace-receipts.json", receiptKeys);
api.use("/api/*", requireAdmin);
api.route("/api/v1/live", live);
api.route("/api/v1/status", status);
api.route("/api/v1/dead-letters", deadLetters);
api.route("/api/v1/integrations", connections);
api.route("/api/v1/integrations", integrations);
api.route("/api/v1/replays", replays);
api.route("/api/v1/environments", environments);
api.route("/api/v1/environments", shards);
api.route("/api/v1/profiles", profiles);
api.route("/api/v1/sources", sources);
api.route("/api/v1/keys", keys);
api.route("/api/v1/integrations", integrations);
api.route("/api/v1/credentials", credentials);
api.route("/api/v1/org-data-layer", orgDataLayerRoutes);
api.route("/api/v1/tracking-plan", trackingPlanRoutes);
api.route("/api/v1/pii", piiRoutes);
api.route("/api/v1/dead-letters", release);
api.route("/api/v1/lookup-tables", lookupTables);
api.route("/api/v1/pipelines", pipelines);
api.route("/api/v1/pipelines", pipelineCanary);
api.route("/api/v1/pipelines", pipelinePreview);
api.route("/api/v1/currency-rates", currencyRates);
api.route("/api/v1/receipts", receipts);
api.route("/api/v1/payment-webhooks", paymentWebhooks);
api.route("/api/v1/profiles", profileAttribution);
api.all("/api/*", (c) => {
  throw new ApiError("not_found", `There is no ${c.req.method} ${c.req.path}`);
});
api.get("*", (c) => c.env.ASSETS.fetch(c.req.raw));
api.notFound(() => new ApiError("not_found", "There is nothing here").response());
api.onError(errorResponse);

export default { fetch: api.fetch } satisfies ExportedHandler<ApiEnv>;
