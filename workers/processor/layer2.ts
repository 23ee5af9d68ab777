/**
 * Layer 2: what one integration gets of an event, through the pipelines of its source and its own. Synchronous unless a step waits.
 * The order is the one of core/pipeline.ts; the destination's own mapping stands between stages 5 and 6.
 */
import type { Environment, Integration } from "../../core/environment.ts";
import type { Event } from "../../core/event.ts";
import { isAmong, type PublishedPipeline, versionTag } from "../../core/pipeline/published.ts";
import { type CompiledPipeline, compilePipeline, type RunContext, type StageOutcome } from "../../core/pipeline/run.ts";
import type { Destination } from "../delivery/destination.ts";
import {
  type Filtered,
  invalidPayload,
  type Mapped,
  mapForIntegration,
  payloadFor,
  queue,
  refusalOf,
} from "./map-for-integration.ts";

/** The pipelines that an event goes through on its way to one integration. */
export interface Route {
  /** Of its source, for all integrations. */
  shared?: PublishedPipeline | undefined;
  own?: PublishedPipeline | undefined;
}

/** `context.environment` says by which pipelines; `route` outranks it, for a preview or a replay through another version. */
export function mapThroughPipelines(
  event: Event,
  context: RunContext & { environment: Environment },
  integration: Integration,
  destination: Destination | undefined,
  route: Route = routeOf(context.environment, context.source_id, integration.id),
): Mapped | Promise<Mapped> {
  if (!route.shared && !route.own) return mapForIntegration(event, context.source_id, integration, destination);
  const refusal = refusalOf(event, context.source_id, integration, destination);
  if (refusal) return refusal;
  const shared = route.shared && versionFor(route.shared, event);
  const own = route.own && versionFor(route.own, event);
  const versions = [shared, own].flatMap((one) => one?.tag ?? []);
  const run = new Run(integration, destination!, context, versions);
  const transformed = shared ? sharedOutcome(shared, event, context) : kept(event);
  return then(transformed, (outcome) => run.afterShared(outcome, own));
}

/** What one event and one integration have in common from stage to stage. */
class Run {
  #skipped = 0;
  readonly #integration: Integration;
  readonly #destination: Destination;
  readonly #context: RunContext;
  readonly #versions: string[];

  constructor(integration: Integration, destination: Destination, context: RunContext, versions: string[]) {
    this.#integration = integration;
    this.#destination = destination;
    this.#context = context;
    this.#versions = versions;
  }

  afterShared(outcome: StageOutcome<Event>, own: Version | undefined): Mapped | Promise<Mapped> {
    if (outcome.outcome !== "kept") return this.#ended(outcome);
    this.#skipped += outcome.skipped;
    if (!own) return this.#payload(outcome.value, undefined);
    const { compiled } = own;
    if ("problem" in compiled) return this.#ended(uncompiled(compiled.problem));
    return then(compiled.shape(outcome.value, this.#context), (shaped) => {
      if (shaped.outcome !== "kept") return this.#ended(shaped);
      this.#skipped += shaped.skipped;
      return this.#payload(shaped.value, compiled);
    });
  }

  #payload(event: Event, own: CompiledPipeline | undefined): Mapped | Promise<Mapped> {
    const mapped = payloadFor(event, this.#integration, this.#destination);
    if ("outcome" in mapped) return this.#told(mapped);
    this.#context.trace?.({
      stage: "map",
      step: `${this.#destination.title}'s own mapping`,
      before: {},
      after: mapped.payload,
      outcome: "kept",
    });
    if (!own) return this.#checked(mapped.payload, "quarantine");
    const { on_error } = own.document.output;
    return then(own.customise(event, mapped.payload, this.#context), (customised) => {
      if (customised.outcome !== "kept") return this.#ended(customised);
      this.#skipped += customised.skipped;
      return this.#checked(customised.value, on_error);
    });
  }

  /** 7. Output validation. */
  #checked(payload: object, policy: "skip" | "drop" | "quarantine"): Mapped {
    const problem = invalidPayload(payload, this.#destination);
    this.#context.trace?.({
      stage: "output",
      step: `${this.#destination.title}'s schema`,
      before: payload,
      after: payload,
      outcome: !problem ? "kept" : policy === "skip" ? "skipped" : "failed",
      ...(problem?.detail !== undefined && { detail: problem.detail }),
    });
    if (problem && policy !== "skip") return this.#told({ ...problem, quarantined: policy === "quarantine" });
    if (problem) this.#skipped++;
    return this.#told(queue(payload));
  }

  #ended(outcome: Exclude<StageOutcome<unknown>, { outcome: "kept" }>): Mapped {
    if (outcome.outcome === "filtered") return this.#told(outcome);
    const { detail, policy } = outcome;
    return this.#told({ outcome: "filtered", reason: "pipeline_failed", detail, quarantined: policy === "quarantine" });
  }

  #told(mapped: Mapped): Mapped {
    return { ...mapped, versions: this.#versions, ...(this.#skipped > 0 && { skipped: this.#skipped }) };
  }
}

interface Version {
  tag: string;
  compiled: CompiledPipeline | { problem: string };
}

/** Whether an outcome is a failure of the pipeline rather than its wish. */
export const hasFailed = (mapped: Mapped): mapped is Mapped & Filtered =>
  mapped.outcome === "filtered" && ["pipeline_failed", "invalid_payload", "mapping_failed"].includes(mapped.reason);

/** The version that this visitor's events go through. */
function versionFor(pipeline: PublishedPipeline, event: Event): Version {
  const { id, canary } = pipeline;
  const isCanary = canary && isAmong(`canary ${id}`, event.anonymous_id, canary.percent);
  const { version, document } = isCanary ? canary : pipeline;
  return { tag: versionTag(id, version), compiled: compiledOf(id, document) };
}

const compiledDocuments = new WeakMap<object, Version["compiled"]>();

/** Once for each snapshot: a document is the snapshot's own object. */
function compiledOf(id: string, document: object): Version["compiled"] {
  let compiled = compiledDocuments.get(document);
  if (!compiled) {
    try {
      compiled = compilePipeline(id, document);
    } catch (error) {
      compiled = { problem: `the pipeline ${id} cannot be read: ${error instanceof Error ? error.message : error}` };
    }
    compiledDocuments.set(document, compiled);
  }
  return compiled;
}

/** A shared pipeline's result for an event, which every integration begins with: made once. */
const sharedOutcomes = new WeakMap<
  Event,
  { by: Version["compiled"]; outcome: StageOutcome<Event> | Promise<StageOutcome<Event>> }
>();

function sharedOutcome(
  { compiled }: Version,
  event: Event,
  context: RunContext,
): StageOutcome<Event> | Promise<StageOutcome<Event>> {
  if ("problem" in compiled) return uncompiled(compiled.problem);
  if (context.trace) return compiled.shape(event, context);
  const known = sharedOutcomes.get(event);
  if (known?.by === compiled) return known.outcome;
  const outcome = compiled.shape(event, context);
  sharedOutcomes.set(event, { by: compiled, outcome });
  return outcome;
}

const uncompiled = (problem: string) => ({ outcome: "failed", policy: "quarantine", detail: problem }) as const;
const kept = (event: Event): StageOutcome<Event> => ({ outcome: "kept", value: event, skipped: 0 });

const routes = new WeakMap<PublishedPipeline[], Map<string, Route>>();
const NO_ROUTE: Route = {};

/** The most particular pipelines: one that names the source outranks one that does not. */
export function routeOf({ pipelines }: Environment, sourceId: string, integrationId: string): Route {
  if (!pipelines?.length) return NO_ROUTE;
  let known = routes.get(pipelines);
  if (!known) {
    known = new Map();
    routes.set(pipelines, known);
  }
  const key = `${sourceId} ${integrationId}`;
  let route = known.get(key);
  if (!route) {
    const among = (integration: string | undefined) => {
      const fitting = pipelines.filter(
        (one) => one.integration_id === integration && (one.source_id ?? sourceId) === sourceId,
      );
      return fitting.find((one) => one.source_id !== undefined) ?? fitting[0];
    };
    route = { shared: among(undefined), own: among(integrationId) };
    known.set(key, route);
  }
  return route;
}

/** Goes on at once where there is nothing to wait for. */
function then<A, B>(value: A | Promise<A>, next: (value: A) => B | Promise<B>): B | Promise<B> {
  return value instanceof Promise ? value.then(next) : next(value);
}
