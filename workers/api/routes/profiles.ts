import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import type { Environment } from "../../../core/environment.ts";
import { type Cancellation, keyOf } from "../../../core/identity-graph.ts";
import { IDENTITY_REASONS } from "../../../core/identity-rules.ts";
import type { ProfileChange, ProfileChangeKind } from "../../../core/profile-change.ts";
import type { ApiEnv } from "../../env.ts";
import {
  erasePerson,
  exportPerson,
  mergePeople,
  personBehind,
  searchPeople,
  type Undone,
  undoLinks,
  whoBehind,
} from "../../people.ts";
import { timelineOfPerson } from "../../person-timeline.ts";
import { queueProfileChanges } from "../../profile-changes-queue.ts";
import { forgetVisitor } from "../../visitor-shards.ts";
import { jsonBody } from "../json-body.ts";
import { visibleTo } from "../personal.ts";
import { environmentOf } from "./environment-of.ts";
import { identifierOf, whoIs } from "./identifier-of.ts";

const search = z.object({
  q: z.string().min(1).max(256),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  /** `next` of the answer before. */
  cursor: z.string().max(2_048).optional(),
});
const page = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  cursor: z.string().max(16_384).optional(),
});
const searchCursor = z.object({ value: z.string(), home: z.string() });
const timelineCursor = z.record(z.string(), z.string());
const who = z.string().min(1).max(2_048);
const merge = z.strictObject({ into: who, from: who });
const apart = { keep_apart: z.boolean().default(false) };
const unmerge = z.union([
  z.strictObject({ message_id: z.string().min(1).max(256), ...apart }),
  z.strictObject({ between: z.tuple([who, who]), ...apart }),
]);
const split = z.strictObject({ identifier: who, ...apart });

/** Whoever holds the one token that there is. */
const BY = "admin";

/**
 * People. A person is named by `per_…` or by any identifier: `email:ann@shop.example`; without a kind by their user id.
 *
 *     GET    /?q=ann               whose name, address and such begin with this
 *     GET    /:who                 profile, identifiers, links that were not made and why
 *     GET    /:who/timeline        what they did, newest first
 *     GET    /:who/export          everything that is kept of them
 *     POST   /merge {into, from}   two are one, whoever they are
 *     POST   /:who/unmerge         {message_id} or {between: [one, other]}: undoes a link
 *     POST   /:who/split           {identifier}: undoes all links of one identifier
 *     DELETE /:who                 forgets them; what was said until now does not bring them back
 */
export const profiles = new Hono<{ Bindings: ApiEnv }>()
  .get("/", async (c) => {
    const parsed = search.safeParse(c.req.query());
    if (!parsed.success) throw new ApiError("invalid_request", z.prettifyError(parsed.error));
    const { q, limit, cursor } = parsed.data;
    const environment = await environmentOf(c);
    const { people, next } = await searchPeople(
      c.env,
      environment,
      q,
      limit,
      cursor === undefined ? undefined : read(cursor, searchCursor),
    );
    return c.json({ people: visibleTo(c, people), ...(next && { next: write(next) }) });
  })
  .get("/:who", async (c) => {
    const environment = await environmentOf(c);
    const person = await personBehind(c.env, environment, whoIs(c.req.param("who"), environment));
    if (!person) throw nobody(c.req.param("who"));
    return c.json(visibleTo(c, person));
  })
  .get("/:who/timeline", async (c) => {
    const parsed = page.safeParse(c.req.query());
    if (!parsed.success) throw new ApiError("invalid_request", z.prettifyError(parsed.error));
    const { limit, cursor } = parsed.data;
    const environment = await environmentOf(c);
    const person = await whoBehind(c.env, environment, whoIs(c.req.param("who"), environment));
    if (!person) throw nobody(c.req.param("who"));
    const from = cursor === undefined ? undefined : read(cursor, timelineCursor);
    const { next, ...timeline } = await timelineOfPerson(c.env.VISITOR_SHARD, environment, person, limit, from);
    return c.json({ ...visibleTo(c, timeline), ...(next && { next: write(next) }) });
  })
  .get("/:who/export", async (c) => {
    const environment = await environmentOf(c);
    const exported = await exportPerson(c.env, environment, whoIs(c.req.param("who"), environment));
    if (!exported) throw nobody(c.req.param("who"));
    return c.json(visibleTo(c, exported));
  })
  .post("/merge", async (c) => {
    const { into, from } = await jsonBody(c, merge);
    const environment = await environmentOf(c);
    const [one, other] = [whoIs(into, environment), whoIs(from, environment)];
    const merged = await mergePeople(c.env, environment, one, other, BY);
    if (!merged.ok) throw refusal(merged, `${into} or ${from}`);
    const { message_id, person_id } = merged;
    await tell(c.env, environment, "merged", person_id, one.startsWith("per_") ? "" : one, message_id);
    return c.json({ person_id, message_id });
  })
  .post("/:who/unmerge", async (c) => {
    const body = await jsonBody(c, unmerge);
    const environment = await environmentOf(c);
    const target: Cancellation["target"] =
      "message_id" in body
        ? { message_id: body.message_id }
        : { pair: [identifierOf(body.between[0], environment), identifierOf(body.between[1], environment)] };
    return c.json(await undo(c.env, environment, c.req.param("who"), target, body.keep_apart));
  })
  .post("/:who/split", async (c) => {
    const { identifier, keep_apart } = await jsonBody(c, split);
    const environment = await environmentOf(c);
    const target = { identifier: identifierOf(identifier, environment) };
    return c.json(await undo(c.env, environment, c.req.param("who"), target, keep_apart));
  })
  .delete("/:who", async (c) => {
    const environment = await environmentOf(c);
    const erased = await erasePerson(c.env, environment, whoIs(c.req.param("who"), environment));
    if (!erased) throw nobody(c.req.param("who"));
    const { person_id, identifiers } = erased;
    // What they did as visitors goes with them; what lies in the lake is named, for whoever rewrites it.
    const lake_files: string[] = [];
    for (const { kind, value } of identifiers) {
      if (kind !== "anonymous_id" && kind !== "user_id") continue;
      lake_files.push(...(await forgetVisitor(c.env.VISITOR_SHARD, environment, value)).lake_files);
    }
    await tell(c.env, environment, "deleted", person_id, keyOf(identifiers[0]!), `deleted:${Date.now()}`);
    return c.json({ ...erased, lake_files });
  });

async function undo(
  env: ApiEnv,
  environment: Environment,
  named: string,
  target: Cancellation["target"],
  keepsApart: boolean,
) {
  const key = whoIs(named, environment);
  const cancellation: Cancellation = {
    target,
    at: Date.now(),
    by: BY,
    ...(keepsApart && { keeps_apart: true as const }),
  };
  const undone = await undoLinks(env, environment, key, cancellation);
  if (!undone.ok) throw refusal(undone, named);
  return { person: (await personBehind(env, environment, key)) ?? null };
}

const nobody = (named: string) => new ApiError("not_found", `Nobody is known by ${named}`);

function refusal({ reason }: Undone & { ok: false }, named: string): ApiError {
  if (reason === "not_found") return nobody(named);
  if (reason === "same_person") return new ApiError("conflict", "They are one person already");
  return new ApiError("conflict", IDENTITY_REASONS[reason], { details: { reason } });
}

async function tell(
  env: ApiEnv,
  environment: Environment,
  kind: ProfileChangeKind,
  person_id: string,
  key: string,
  cause: string,
): Promise<void> {
  if (!environment.integrations.some(({ enabled, profile_events }) => enabled && profile_events?.includes(kind)))
    return;
  const change: ProfileChange = { kind, person_id, key: key || person_id, cause, at: new Date().toISOString() };
  await queueProfileChanges(env, environment.id, [change]);
}

/** A place in the list, which nobody is to read anything into. */
const write = (place: object) => Buffer.from(JSON.stringify(place)).toString("base64url");

function read<T>(cursor: string, shape: z.ZodType<T>): T {
  try {
    return shape.parse(JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")));
  } catch {
    throw new ApiError("invalid_request", "cursor: not one of ours");
  }
}
