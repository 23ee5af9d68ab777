import { ApiError } from "../../../core/api-error.ts";
import type { Environment } from "../../../core/environment.ts";
import { readIdentifier } from "../../../core/identifiers-of-event.ts";
import { type Identifier, type IdentifierKind, keyOf } from "../../../core/identity-graph.ts";
import { IDENTITY_REASONS } from "../../../core/identity-rules.ts";

const KIND = /^(user_id|anonymous_id|email|phone|device_id|external:[a-z][a-z0-9_]{0,31}):/;
const PERSON_ID = /^per_[0-9a-f]{24}$/;

/**
 * Whom a path or a body means: `per_…`, or an identifier with its kind, `email:ann@shop.example`, `external:loyalty_card:17`, in any form
 * that an event may carry it in; without a kind a user id. E-mail and phone in clear or as their SHA-256. Throws `invalid_request`.
 */
export function whoIs(written: string, environment: Environment): string {
  return PERSON_ID.test(written) ? written : keyOf(identifierOf(written, environment));
}

export function identifierOf(written: string, { profiles }: Environment): Identifier {
  const [prefix, kind] = KIND.exec(written) ?? ["", "user_id"];
  const found = readIdentifier(kind as IdentifierKind, written.slice(prefix.length), profiles.identity);
  if (!found.ok) throw new ApiError("invalid_request", `${kind}: ${IDENTITY_REASONS[found.reason]}`);
  return found.identifier;
}
