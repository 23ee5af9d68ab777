/**
 * An event's payload for one integration outside the processor, by the pipelines that are live now or by another version of the
 * integration's own: for replays, and for dead letters on their way again. The same code as the processor's.
 */
import { and, eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { ApiError } from "../../core/api-error.ts";
import type { Environment, Integration } from "../../core/environment.ts";
import type { Event } from "../../core/event.ts";
import type { PublishedPipeline } from "../../core/pipeline/published.ts";
import { configurationVersions as versions } from "../../db/schema.ts";
import { destinationNamed } from "../delivery/destinations/index.ts";
import { mapThroughPipelines, type Route, routeOf } from "./layer2.ts";
import { layer2Resources } from "./layer2-resources.ts";
import type { Mapped } from "./map-for-integration.ts";
import { enforceConsent } from "./steps/enforce-consent.ts";

/** A promise only where a step of the pipeline waits. */
export type MapFor = (event: Event, integration: Integration, sourceId: string) => Mapped | Promise<Mapped>;

interface MapEnv {
  CONFIG: KVNamespace;
  DB: D1Database;
  LOADER?: WorkerLoader;
}

/** `version`: of the integration's own pipeline, whatever its canary. Throws `invalid_request` where no pipeline has it. */
export async function mapFor(environment: Environment, env: MapEnv, version?: number): Promise<MapFor> {
  const documents = version === undefined ? undefined : await documentsOf(environment.id, env.DB, version);
  const candidates = [...(documents ?? [])].map(([id, document]) => ({ id, version: version!, document }));
  const pipelines = [...(environment.pipelines ?? []), ...candidates];
  const resources = await layer2Resources({ ...environment, pipelines }, env);
  return (event, integration, source_id) => {
    const live = routeOf(environment, source_id, integration.id);
    const route = documents ? at(live, documents, version!) : live;
    const destination = destinationNamed(integration.destination);
    return mapThroughPipelines(event, { environment, source_id, resources }, integration, destination, route);
  };
}

/** By pipeline. */
type Documents = Map<string, Record<string, unknown>>;

async function documentsOf(environmentId: string, database: D1Database, version: number): Promise<Documents> {
  const rows = await drizzle(database)
    .select({ id: versions.subject_id, document: versions.document })
    .from(versions)
    .where(
      and(eq(versions.kind, "pipeline"), eq(versions.environment_id, environmentId), eq(versions.version, version)),
    );
  if (rows.length === 0) throw new ApiError("invalid_request", `No pipeline has a version ${version}`);
  return new Map(rows.map(({ id, document }) => [id, document as Record<string, unknown>]));
}

/** Without canaries: all visitors' events go through this version. An own pipeline that never had it is as it is live. */
function at({ shared, own }: Route, documents: Documents, version: number): Route {
  const live = (one: PublishedPipeline | undefined) => one && { ...one, canary: undefined };
  const document = own && documents.get(own.id);
  return {
    shared: live(shared),
    own: document ? { ...own, version, document, canary: undefined } : live(own),
  } as Route;
}

/** What the event may be used for, as the processor would judge it: the lake keeps what people said and not what follows from it. */
export function withPurposes(
  event: Event,
  environment: Environment,
  objected: { gpc?: boolean; dnt?: boolean },
): Event {
  const verdict = enforceConsent.run(event, {
    environment,
    source_id: "",
    request: objected,
    vendor_ids: {},
    shard: undefined as never,
  });
  return verdict.verdict === "kept" ? verdict.event : event;
}
