import { openCredentials } from "../../core/credentials.ts";
import type { Integration } from "../../core/environment.ts";
import type { DeliveryMessage } from "../../core/queue-messages.ts";
import { readEnvironment, readSecrets } from "../config.ts";
import type { DeliveryEnv } from "../env.ts";
import type { Destination } from "./destination.ts";
import { destinationNamed } from "./destinations/index.ts";
import type { Settled } from "./parcel.ts";
import { type Mask, masker } from "./vendor-call.ts";

/** Everything about an integration that a delivery needs. */
export interface Target {
  integration: Integration;
  destination: Destination;
  /** With the secrets. */
  settings: Record<string, unknown>;
  mask: Mask;
  /** The token that the vendor was last shown (credentials-for.ts); `mask` blanks it too. */
  token?: string;
}

/**
 * Where a message goes, or what becomes of its events where there is no such place any more. Throws where that cannot be told
 * now: KV fails, the secrets do not open, or do not fit the settings.
 */
export async function targetOf(
  { environment_id, integration_id }: DeliveryMessage,
  env: DeliveryEnv,
): Promise<{ target: Target } | { instead: Settled }> {
  const environment = await readEnvironment(env.CONFIG, environment_id);
  if (!environment) return undeliverable("unknown_environment", `no environment ${environment_id}`);
  const integration = environment.integrations.find((one) => one.id === integration_id);
  if (!integration?.enabled) return { instead: { outcome: "filtered", reason: "integration_disabled" } };
  const destination = destinationNamed(integration.destination);
  if (!destination) return undeliverable("unknown_destination", `no destination ${integration.destination}`);
  const stored = await readSecrets(env.CONFIG, integration.id);
  const secrets = stored ? await openCredentials(env.CREDENTIALS_KEY, integration.id, stored.sealed) : {};
  const settings = destination.settings.parse({ ...integration.settings, ...(secrets as object) });
  return { target: { integration, destination, settings, mask: masker(secrets) } };
}

function undeliverable(reason: "unknown_environment" | "unknown_destination", detail: string): { instead: Settled } {
  return { instead: { outcome: "undeliverable", reason, detail } };
}
