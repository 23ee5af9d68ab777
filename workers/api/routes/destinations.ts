import { Hono } from "hono";
import * as z from "zod";
import { ApiError } from "../../../core/api-error.ts";
import { type Destination, isSecret } from "../../delivery/destination.ts";
import { destinationNamed, destinations } from "../../delivery/destinations/index.ts";
import type { ApiEnv } from "../../env.ts";
import { describe } from "../describe.ts";

const entry = z.object({
  name: z.string(),
  title: z.string(),
  purpose: z.string(),
  limits: z.record(z.string(), z.unknown()),
  /** JSON Schema of `settings`; secrets are marked `writeOnly` and `format: password`. */
  settings_schema: z.record(z.string(), z.unknown()),
  /** A full, valid set, without the secrets. */
  example_settings: z.record(z.string(), z.unknown()),
});

/** The catalogue: what an integration may lead to, with the schema that a form for its settings is made of. */
export const destinationCatalogue = new Hono<{ Bindings: ApiEnv }>()
  .get("/", describe("Lists destinations", { answer: z.object({ items: z.array(entry) }) }), (c) =>
    c.json({ items: Object.values(destinations).map(described) }),
  )
  .get("/:name", describe("Reads a destination", { answer: entry }), (c) => {
    const destination = destinationNamed(c.req.param("name"));
    if (!destination) throw new ApiError("not_found", `There is no destination ${c.req.param("name")}`);
    return c.json(described(destination));
  });

function described({ name, title, purpose, limits, settings, exampleSettings }: Destination): z.infer<typeof entry> {
  const { shape } = settings;
  const open = Object.entries(exampleSettings).filter(([key]) => !(shape[key] && isSecret(shape[key] as z.ZodType)));
  return {
    name,
    title,
    purpose,
    limits: limits as Record<string, unknown>,
    settings_schema: settingsSchema(settings),
    example_settings: Object.fromEntries(open),
  };
}

export function settingsSchema(settings: z.ZodType): Record<string, unknown> {
  return z.toJSONSchema(settings, {
    // What a form sends: defaults need not be filled in, and a transformation is ours to make.
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      if (!isSecret(zodSchema as unknown as z.ZodType)) return;
      jsonSchema.writeOnly = true;
      if (jsonSchema.type === "string") jsonSchema.format = "password";
    },
  }) as Record<string, unknown>;
}
