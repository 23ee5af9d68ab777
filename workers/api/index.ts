/** Management: health, environments, sources and their keys, the live stream, status, dead letters. Everything but health asks for the admin token. */
import { timingSafeEqual } from "node:crypto";
import { Hono, type MiddlewareHandler } from "hono";
import { ApiError, errorResponse } from "../../core/api-error.ts";
import { sha256 } from "../../core/hash.ts";
import type { ApiEnv } from "../env.ts";
import { currencyRates } from "./routes/currency-rates.ts";
import { deadLetters } from "./routes/dead-letters.ts";
import { environments } from "./routes/environments.ts";
import { keys } from "./routes/keys.ts";
import { live } from "./routes/live.ts";
import { profiles } from "./routes/profiles.ts";
import { receiptKeys } from "./routes/receipt-keys.ts";
import { receipts } from "./routes/receipts.ts";
import { shards } from "./routes/shards.ts";
import { sources } from "./routes/sources.ts";
import { status } from "./routes/status.ts";

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
api.route("/.well-known/millrace-receipts.json", receiptKeys);
api.use("/api/*", requireAdmin);
api.route("/api/v1/live", live);
api.route("/api/v1/status", status);
api.route("/api/v1/dead-letters", deadLetters);
api.route("/api/v1/environments", environments);
api.route("/api/v1/environments", shards);
api.route("/api/v1/profiles", profiles);
api.route("/api/v1/sources", sources);
api.route("/api/v1/keys", keys);
api.route("/api/v1/currency-rates", currencyRates);
api.route("/api/v1/receipts", receipts);
api.all("/api/*", (c) => {
  throw new ApiError("not_found", `There is no ${c.req.method} ${c.req.path}`);
});
api.get("*", (c) => c.env.ASSETS.fetch(c.req.raw));
api.notFound(() => new ApiError("not_found", "There is nothing here").response());
api.onError(errorResponse);

export default { fetch: api.fetch } satisfies ExportedHandler<ApiEnv>;
