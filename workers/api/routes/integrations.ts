import { drizzle } from "drizzle-orm/d1";
import { type Context, Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import type { Environment, Integration } from "../../../core/environment.ts";
import { type Event, event as eventSchema } from "../../../core/event.ts";
import { integrationDocument } from "../../../db/apply-environment.ts";
import {
  changeIntegration,
  createIntegration,
  deleteIntegration,
  getIntegration,
  type IntegrationChanges,
  integrationChanges,
  listIntegrations,
  shownIntegration,
} from "../../../db/integrations.ts";
import * as schema from "../../../db/schema.ts";
import type { Outcome } from "../../delivery/destination.ts";
import { exchange } from "../../delivery/make-calls.ts";
import { targetOf } from "../../delivery/target.ts";
import type { ApiEnv } from "../../env.ts";
import { mapFor } from "../../processor/map-for.ts";
import { describe } from "../describe.ts";
import { expectedRevision, withEtag } from "../etag.ts";
import { page, pageOf, pageQuery, readCursor } from "../page.ts";
import { environmentIdOf, environmentOf } from "./environment-of.ts";
import { refuseHiddenHosts } from "./environments.ts";

const DAY_MS = 86_400_000;

const boardQuery = z.object({
  from: z.iso.datetime().optional(),
  to: z.iso.datetime().optional(),
  by: z.enum(["hour", "event", "minute"]).default("hour"),
});

const testRequest = z.strictObject({
  /** Differences from the sample: an order of one product by a made-up person. */
  event: z.record(z.string(), z.unknown()).default({}),
});

/**
 * Integrations of `?environment_id`. A secret goes in with the settings and never comes out. GET /:id also tells how it is doing, with
 * its last failures; /:id/deliveries is the delivery board; /:id/test sends one event now and answers with what the vendor said.
 */
export const integrations = new Hono<{ Bindings: ApiEnv }>()
  .get("/", describe("Lists integrations", { query: pageQuery, answer: pageOf(shownIntegration) }), async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const after = readCursor(cursor, z.string());
    const db = drizzle(c.env.DB, { schema });
    const rows = await listIntegrations(db, await environmentIdOf(c), { after, limit: limit + 1 });
    const { items, next_cursor } = page(rows, limit, ({ id }) => id);
    return c.json({ items: items.map(({ revision: _, ...shown }) => shown), next_cursor });
  })
  .post(
    "/",
    describe("Creates an integration", { body: integrationDocument, answer: shownIntegration, status: 201 }),
    async (c) => {
      const given = c.req.valid("json");
      await refuseHidden(c.env, given.destination, given.settings);
      const { DB, CONFIG, CREDENTIALS_KEY } = c.env;
      const db = drizzle(DB, { schema });
      const made = await createIntegration(db, CONFIG, CREDENTIALS_KEY, await environmentIdOf(c), given);
      return c.json(withEtag(c, made), 201);
    },
  )
  .get(
    "/:id",
    describe("Reads an integration, and how it is doing", { answer: shownIntegration.loose() }),
    async (c) => {
      const id = c.req.param("id");
      const found = await getIntegration(drizzle(c.env.DB, { schema }), await environmentIdOf(c), id);
      return c.json({ ...withEtag(c, found), ...(await c.env.INTEGRATION_GATE.getByName(id).stats()) });
    },
  )
  .patch(
    "/:id",
    describe("Changes an integration; null puts a field back to its default", {
      body: integrationChanges,
      answer: shownIntegration,
    }),
    async (c) => c.json(withEtag(c, await change(c, c.req.valid("json")))),
  )
  .delete("/:id", describe("Deletes an integration"), async (c) => {
    const db = drizzle(c.env.DB, { schema });
    await deleteIntegration(db, c.env.CONFIG, await environmentIdOf(c), c.req.param("id"), expectedRevision(c));
    return c.body(null, 204);
  })
  .post(
    "/:id/pause",
    describe("Pauses an integration: nothing more is queued for it", { answer: shownIntegration }),
    async (c) => c.json(withEtag(c, await change(c, { enabled: false }))),
  )
  .post("/:id/resume", describe("Lets an integration go on", { answer: shownIntegration }), async (c) =>
    c.json(withEtag(c, await change(c, { enabled: true }))),
  )
  .get("/:id/deliveries", describe("The delivery board", { query: boardQuery }), async (c) => {
    const { by, ...given } = c.req.valid("query");
    const to = given.to ? Date.parse(given.to) : Date.now();
    const from = given.from ? Date.parse(given.from) : to - DAY_MS;
    if (from >= to) throw new ApiError("invalid_request", "from must be before to");
    const { integration } = await integrationOf(c);
    const gate = c.env.INTEGRATION_GATE.getByName(integration.id);
    const [board, { state, reason, failures }] = await Promise.all([gate.board({ from, to, by }), gate.stats()]);
    const inRange = failures.filter(({ at }) => Date.parse(at) >= from && Date.parse(at) < to);
    return c.json({
      integration_id: integration.id,
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      by,
      state,
      reason,
      ...board,
      /** The latest of each event, with what was to be sent. */
      failed_samples: [...new Map(inRange.map((one) => [one.event, one])).values()],
    });
  })
  .post("/:id/test", describe("Sends one event now", { body: testRequest }), async (c) => {
    const { event: differences } = c.req.valid("json");
    const { environment, integration } = await integrationOf(c);
    const event = sampleEvent(differences);
    // A test is the customer's own: it needs nobody's consent, and no source has to feed it.
    const { source_ids: _, ...asked } = integration;
    const map = await mapFor(environment, c.env);
    const mapped = await map(event, { ...asked, enabled: true }, "");
    if (mapped.outcome !== "queued") {
      return c.json({ event, outcome: "filtered", reason: mapped.reason, detail: mapped.detail ?? null });
    }
    const payload = JSON.parse(mapped.payload_json);
    const found = await targetOf({ environment_id: environment.id, integration_id: integration.id }, c.env);
    if ("blocked" in found)
      return c.json({ event, payload, outcome: found.blocked.state, reason: found.blocked.reason });
    if (!("target" in found)) throw new ApiError("conflict", `${integration.id} is disabled`);
    const { target } = found;
    // The very way of a delivery, but past the gate's permission: nothing of it is counted, and nothing pauses for it.
    const made = await exchange([payload], [event.message_id], target, c.env, target.destination.limits.timeoutMs);
    if ("unsent" in made) return c.json({ event, payload, ...verdictOf(made.unsent) });
    const { request, result, outcomes } = made;
    // Only now: a token that was fetched on the way is masked too.
    const { mask } = target;
    return c.json({
      event,
      payload,
      request: { url: mask(request.url), method: request.method, body: mask(request.body) },
      response: result.answered
        ? { status: result.response.status, body: result.response.body, ms: result.ms }
        : { error: result.error, ms: result.ms },
      ...verdictOf(outcomes[0]!),
    });
  });

async function change(c: Context<{ Bindings: ApiEnv }, "/:id">, changes: IntegrationChanges) {
  const [db, environmentId, id] = [drizzle(c.env.DB, { schema }), await environmentIdOf(c), c.req.param("id")];
  if (changes.settings) {
    const { destination } = await getIntegration(db, environmentId, id);
    await refuseHidden(c.env, destination, changes.settings);
  }
  const { CONFIG, CREDENTIALS_KEY } = c.env;
  return changeIntegration(db, CONFIG, CREDENTIALS_KEY, environmentId, id, changes, expectedRevision(c));
}

/** The development sink stands for every host: there is nothing to resolve. */
async function refuseHidden(env: ApiEnv, destination: string, settings: Record<string, unknown>): Promise<void> {
  if (env.VENDOR_SINK_URL) return;
  await refuseHiddenHosts([{ destination, settings }], () => "");
}

async function integrationOf(
  c: Context<{ Bindings: ApiEnv }, "/:id">,
): Promise<{ environment: Environment; integration: Integration }> {
  const environment = await environmentOf(c);
  const id = c.req.param("id");
  const integration = environment.integrations.find((one) => one.id === id);
  if (!integration) throw new ApiError("not_found", `No integration ${id} in ${environment.id}`);
  return { environment, integration };
}

/** As delivery would settle it: of a single event, a refusal of the whole request is its own. */
function verdictOf(outcome: Outcome) {
  const name = outcome.outcome === "batch_refused" ? "rejected" : outcome.outcome;
  return { outcome: name, reason: "reason" in outcome ? outcome.reason : null };
}

/** What every destination has a use for. Throws `invalid_request` where the differences make no event of it. */
function sampleEvent(differences: Record<string, unknown>): Event {
  const now = new Date().toISOString();
  const parsed = eventSchema.safeParse({
    message_id: `test_${crypto.randomUUID()}`,
    anonymous_id: "millrace-test-visitor",
    type: "track",
    event: "Order Completed",
    properties: {
      order_id: `test_${Date.now()}`,
      value: 1,
      revenue: 1,
      currency: "EUR",
      products: [{ product_id: "test", name: "Test product", price: 1, quantity: 1 }],
    },
    context: {
      user_agent:
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
      locale: "en-GB",
      page: { url: "https://www.example.com/thanks", title: "Thank you" },
      traits: { email: "test@example.com" },
      purposes: ["functional", "analytics", "marketing"],
    },
    timestamp: now,
    received_at: now,
    ...differences,
  });
  if (!parsed.success) throw new ApiError("invalid_request", `event: ${z.prettifyError(parsed.error)}`);
  return parsed.data as Event;
}
