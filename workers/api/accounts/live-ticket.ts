/** A browser or a script cannot set headers on a WebSocket: it asks for a ticket first, which opens one environment's stream for a minute. */
import { timingSafeEqual } from "node:crypto";
import * as z from "zod";
import { hmacSha256 } from "../../../core/hash.ts";
import type { ApiEnv } from "../../env.ts";

export const TICKET_S = 60;

const content = z.object({
  environment_id: z.string(),
  organisation_id: z.string().nullable(),
  actor: z.object({
    type: z.enum(["admin_token", "user", "api_key", "personal_token"]),
    id: z.string(),
    name: z.string(),
  }),
  /** Milliseconds. */
  until: z.number(),
});
export type LiveTicket = z.infer<typeof content>;

/** The admin token signs where a deployment has no AUTH_SECRET: both are secrets of the api alone. */
const sign = ({ AUTH_SECRET, ADMIN_TOKEN }: ApiEnv, body: string) =>
  hmacSha256(new TextEncoder().encode(`live-ticket ${AUTH_SECRET ?? ADMIN_TOKEN}`), body);

export function makeLiveTicket(env: ApiEnv, ticket: LiveTicket): string {
  const body = Buffer.from(JSON.stringify(ticket)).toString("base64url");
  return `${body}.${Buffer.from(sign(env, body), "base64").toString("base64url")}`;
}

export function openLiveTicket(env: ApiEnv, written: string, now = Date.now()): LiveTicket | undefined {
  const [body = "", signature = ""] = written.split(".");
  const expected = Buffer.from(sign(env, body), "base64");
  const given = Buffer.from(signature, "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  const ticket = content.parse(JSON.parse(Buffer.from(body, "base64url").toString()));
  return ticket.until > now ? ticket : undefined;
}
