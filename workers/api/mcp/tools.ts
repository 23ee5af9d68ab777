/**
 * What an agent may do: each tool is one call of a route of the management API, with the caller's own credentials, so that its rights are
 * the same and the audit has it. Nothing here deletes, and nothing changes configuration but what can be undone by its opposite.
 */
import * as z from "zod";

export interface ApiCall {
  method: "GET" | "POST";
  path: string;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
}

export interface Tool<Input extends z.ZodRawShape = z.ZodRawShape> {
  name: string;
  title: string;
  description: string;
  /** Whether it changes or sends something. */
  writes: boolean;
  input: Input;
  call(given: z.infer<z.ZodObject<Input>>): ApiCall;
}

/** Infers a tool's arguments from its input. */
const tool = <Input extends z.ZodRawShape>(given: Tool<Input>) => given as unknown as Tool;

const environment_id = z
  .string()
  .optional()
  .describe("The environment, e.g. env_prod; may be left out where there is only one");
const limit = z.int().min(1).max(100).optional();
const id = (what: string) => z.string().min(1).max(256).describe(what);
const enc = encodeURIComponent;

export const tools: readonly Tool[] = [
  tool({
    name: "list_sources",
    title: "List sources",
    description: "The sources of an environment: websites, apps and servers that send events.",
    writes: false,
    input: { environment_id },
    call: (query) => ({ method: "GET", path: "/api/v1/sources", query }),
  }),
  tool({
    name: "get_source",
    title: "Read a source",
    description: "One source with its settings.",
    writes: false,
    input: { environment_id, source_id: id("e.g. src_shop") },
    call: ({ source_id, ...query }) => ({ method: "GET", path: `/api/v1/sources/${enc(source_id)}`, query }),
  }),
  tool({
    name: "list_integrations",
    title: "List integrations",
    description: "The integrations of an environment: the vendors and warehouses that events are delivered to.",
    writes: false,
    input: { environment_id },
    call: (query) => ({ method: "GET", path: "/api/v1/integrations", query }),
  }),
  tool({
    name: "get_integration",
    title: "Read an integration",
    description:
      "One integration and how it is doing: its circuit, counters and last failures. Secrets are never shown.",
    writes: false,
    input: { environment_id, integration_id: id("e.g. int_meta") },
    call: ({ integration_id, ...query }) => ({
      method: "GET",
      path: `/api/v1/integrations/${enc(integration_id)}`,
      query,
    }),
  }),
  tool({
    name: "get_status",
    title: "Read the status",
    description: "How many events, visitors and sessions an environment has, and how each integration is doing.",
    writes: false,
    input: { environment_id },
    call: (query) => ({ method: "GET", path: "/api/v1/status", query }),
  }),
  tool({
    name: "recent_events",
    title: "Recent events",
    description: "Up to 20 of the last events of a source, newest first; a sample.",
    writes: false,
    input: { environment_id, source_id: id("e.g. src_shop"), limit: z.int().min(1).max(20).optional() },
    call: (query) => ({ method: "GET", path: "/api/v1/events", query }),
  }),
  tool({
    name: "event_path",
    title: "An event's path",
    description:
      "What became of one event: as it came in, what each step did, each vendor's request and answer, and dead letters. Answers why an event did or did not reach a vendor.",
    writes: false,
    input: {
      environment_id,
      message_id: id("The event's message_id"),
      day: z.iso.date().optional().describe("The UTC day on which it arrived, if before yesterday"),
      anonymous_id: z.string().optional().describe("Its visitor, which makes the search quicker"),
    },
    call: ({ message_id, ...query }) => ({ method: "GET", path: `/api/v1/events/${enc(message_id)}`, query }),
  }),
  tool({
    name: "list_dead_letters",
    title: "List dead letters",
    description: "Events that were given up, newest first, with the reason.",
    writes: false,
    input: {
      environment_id,
      integration_id: z.string().optional(),
      reason: z.string().optional(),
      event: z.string().optional(),
      retried: z.enum(["yes", "no"]).optional(),
      limit,
    },
    call: (query) => ({ method: "GET", path: "/api/v1/dead-letters", query }),
  }),
  tool({
    name: "retry_dead_letter",
    title: "Retry a dead letter",
    description: "Sends one dead letter on its way again.",
    writes: true,
    input: { environment_id, dead_letter_id: id("Its id") },
    call: ({ dead_letter_id, ...query }) => ({
      method: "POST",
      path: `/api/v1/dead-letters/${enc(dead_letter_id)}/retry`,
      query,
    }),
  }),
  tool({
    name: "search_people",
    title: "Search people",
    description: "People whose name, e-mail address or id begins with a text.",
    writes: false,
    input: { environment_id, q: z.string().min(1).max(256), limit },
    call: (query) => ({ method: "GET", path: "/api/v1/profiles", query }),
  }),
  tool({
    name: "get_profile",
    title: "Read a profile",
    description: "One person: profile, identifiers and segments.",
    writes: false,
    input: { environment_id, who: id("per_…, or an identifier: email:ann@shop.example, or a user id") },
    call: ({ who, ...query }) => ({ method: "GET", path: `/api/v1/profiles/${enc(who)}`, query }),
  }),
  tool({
    name: "pause_integration",
    title: "Pause an integration",
    description: "Nothing new is delivered to it until it is resumed.",
    writes: true,
    input: { environment_id, integration_id: id("e.g. int_meta") },
    call: ({ integration_id, ...query }) => ({
      method: "POST",
      path: `/api/v1/integrations/${enc(integration_id)}/pause`,
      query,
    }),
  }),
  tool({
    name: "resume_integration",
    title: "Resume an integration",
    description: "Lets a paused integration go on.",
    writes: true,
    input: { environment_id, integration_id: id("e.g. int_meta") },
    call: ({ integration_id, ...query }) => ({
      method: "POST",
      path: `/api/v1/integrations/${enc(integration_id)}/resume`,
      query,
    }),
  }),
  tool({
    name: "test_integration",
    title: "Send a test event",
    description: "Sends one made-up order to the vendor now and answers with what the vendor said.",
    writes: true,
    input: {
      environment_id,
      integration_id: id("e.g. int_meta"),
      event: z.record(z.string(), z.unknown()).optional().describe("Differences from the sample event"),
    },
    call: ({ integration_id, event, ...query }) => ({
      method: "POST",
      path: `/api/v1/integrations/${enc(integration_id)}/test`,
      query,
      body: event ? { event } : {},
    }),
  }),
  tool({
    name: "get_tracking_plan",
    title: "Read the tracking plan",
    description: "The Org Data Layer's document of an environment, of which tracking_plan is a section.",
    writes: false,
    input: { environment_id },
    call: (query) => ({ method: "GET", path: "/api/v1/org-data-layer", query }),
  }),
  tool({
    name: "tracking_plan_violations",
    title: "Violations of the tracking plan",
    description: "What events have against the tracking plan, counted, each with a redacted sample.",
    writes: false,
    input: { environment_id },
    call: (query) => ({ method: "GET", path: "/api/v1/tracking-plan/violations", query }),
  }),
];
