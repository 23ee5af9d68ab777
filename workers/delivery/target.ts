import type { Blocked } from "../../core/circuit-breaker.ts";

import { openCredentials } from "../../core/credentials.ts";

import type { Integration } from "../../core/environment.ts";
import type { DeliveryMessage } from "../../core/queue-messages.ts";
import { readEnvironment, readSecrets } from "../config.ts";
import type { DeliveryEnv } from "../env.ts";
import { customerUrlsOf, problemOfCustomerUrl } from "./customer-url.ts";
import { type Destination, isSecret } from "./destination.ts";
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
 * Where a message goes, what becomes of its events where there is no such place any more, or why the integration cannot be used as
 * it is set. Throws where that cannot be told now: KV fails, or the secrets do not open.
 */
export async function targetOf(
  { environment_id, integration_id }: Pick<DeliveryMessage, "environment_id" | "integration_id">,
  env: Pick<DeliveryEnv, "CONFIG" | "CREDENTIALS_KEY" | "VENDOR_SINK_URL">,
): Promise<
  { target: Target } | { instead: Settled } | { blocked: Blocked; integration: Integration; destination: Destination }
> {
  const environment = await readEnvironment(env.CONFIG, environment_id);
  if (!environment) return undeliverable("unknown_environment", `no environment ${environment_id}`);
  const integration = environment.integrations.find((one) => one.id === integration_id);
  if (!integration?.enabled) return { instead: { outcome: "filtered", reason: "integration_disabled" } };
  const destination = destinationNamed(integration.destination);
  if (!destination) return undeliverable("unknown_destination", `no destination ${integration.destination}`);
  const stored = await readSecrets(env.CONFIG, integration.id);
  const secrets = stored ? await openCredentials(env.CREDENTIALS_KEY, integration.id, stored.sealed) : {};
  const parsed = destination.settings.safeParse({ ...integration.settings, ...(secrets as object) });
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    const setting = String(path[0]);
    const isMissing =
      isSecret(destination.settings.shape[setting]) && (secrets as Record<string, unknown>)[setting] === undefined;
    const state = isMissing ? "credentials_missing" : "misconfigured";
    return { blocked: { state, reason: `${path.join(".")}: ${message}` }, integration, destination };
  }
  const settings = parsed.data;
  // The development sink stands for every host: there is nothing to resolve.
  const names = env.VENDOR_SINK_URL ? [] : customerUrlsOf(destination.settings);
  for (const name of names) {
    const problem = typeof settings[name] === "string" && (await problemOfCustomerUrl(settings[name]));
    if (problem)
      return { blocked: { state: "misconfigured", reason: `${name}: ${problem}` }, integration, destination };
  }
  return { target: { integration, destination, settings, mask: masker(secrets) } };
}

function undeliverable(reason: "unknown_environment" | "unknown_destination", detail: string): { instead: Settled } {
  return { instead: { outcome: "undeliverable", reason, detail } };
}
