import { type Context, Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import type { Environment, Integration } from "../../../core/environment.ts";
import { type Event, event as eventSchema } from "../../../core/event.ts";
import type { Outcome } from "../../delivery/destination.ts";
import { exchange } from "../../delivery/make-calls.ts";
import { targetOf } from "../../delivery/target.ts";
import type { ApiEnv } from "../../env.ts";
import { mapFor } from "../../processor/map-for.ts";
import { jsonBody } from "../json-body.ts";
import { environmentOf } from "./environment-of.ts";

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
 * GET /:id: how it is doing, with its last failures. GET /:id/deliveries?from&to&by=hour|event|minute: the delivery board.
 * POST /:id/test: sends one event now and answers with what the vendor said.
 */
export const integrations = new Hono<{ Bindings: ApiEnv }>()
  .get("/:id", async (c) => {
    const { integration } = await integrationOf(c);
    const { settings: _, ...about } = integration;
    return c.json({ ...about, ...(await c.env.INTEGRATION_GATE.getByName(integration.id).stats()) });
  })
  .get("/:id/deliveries", async (c) => {
    const parsed = boardQuery.safeParse(c.req.query());
    if (!parsed.success) throw new ApiError("invalid_request", z.prettifyError(parsed.error));
    const { by, ...given } = parsed.data;
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
  .post("/:id/test", async (c) => {
    const { event: differences } = await jsonBody(c, testRequest);
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
