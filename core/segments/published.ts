/** Segments as the environment's snapshot has them, and what is counted of every event for their sake. */
import * as z from "zod";
import { compiledOnce } from "../compiled-once.ts";
import type { ComputedTrait } from "../computed-traits.ts";
import type { Surroundings } from "./compile.ts";
import { type Condition, countersOf, readDefinition, segmentId } from "./definition.ts";

export const publishedSegment = z.object({
  id: segmentId,
  version: z.int().min(1),
  definition: z.custom<Condition>((given) => readDefinition(given).ok, "not a segment's definition"),
});
export type PublishedSegment = z.infer<typeof publishedSegment>;

interface OfEnvironment {
  profiles: { computed_traits: ComputedTrait[] };
  segments?: PublishedSegment[] | undefined;
}

const countersOfAll = compiledOnce((segments: PublishedSegment[]) => countersOf(segments.map((one) => one.definition)));

/** The computed traits that an environment declares, and the counters that its segments need. */
export function keptOfPeople({ profiles, segments }: OfEnvironment): ComputedTrait[] {
  return segments ? [...profiles.computed_traits, ...countersOfAll(segments)] : profiles.computed_traits;
}

export function surroundingsOf({ profiles, segments = [] }: OfEnvironment): Surroundings {
  return {
    computed_traits: profiles.computed_traits,
    segment: (id) => segments.find((one) => one.id === id)?.definition,
  };
}
