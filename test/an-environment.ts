import { type Environment, type Integration, type Source, source } from "../core/environment.ts";
import { profileSettings } from "../core/profile-settings.ts";
import { firstProfileShardMap, firstShardMap } from "../core/shard-map.ts";

/** A valid environment with everything a test does not care about filled in: one source, two shards, no integrations. */
export function anEnvironment(given: Partial<Environment> = {}): Environment {
  return {
    id: "env_test",
    organisation_id: "org_test",
    name: "dev",
    version: 7,
    published_at: "2026-11-20T09:00:00.000Z",
    shard_map: firstShardMap(2),
    profile_shard_map: firstProfileShardMap(2),
    profiles: profileSettings.parse({}),
    session_timeout_s: 1_800,
    new_session_on_campaign: false,
    consent_default: "granted",
    sources: [aSource()],
    integrations: [],
    ...given,
  };
}

/** An enabled integration; its id is `int_` and its destination's name, which `settings` must suit. */
export function anIntegration(given: Partial<Integration> & Pick<Integration, "destination">): Integration {
  return {
    id: `int_${given.destination}`,
    name: given.destination,
    enabled: true,
    profile_events: [],
    settings: {},
    ...given,
  };
}

/** A source with every setting at its default. */
export function aSource(given: Partial<Source> = {}): Source {
  return { ...source.parse({ id: "src_test", name: "Test shop" }), ...given };
}
