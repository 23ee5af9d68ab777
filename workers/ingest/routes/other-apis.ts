/** Other APIs than Segment's, by which trackers and servers already send: each body becomes a batch of events (`dialects/`). */
import { Hono } from "hono";
import type { IngestEnv } from "../../env.ts";
import { collect } from "../collect.ts";
import { fromTrack } from "../dialects/s2-track.ts";
import { fromDevices, fromEvents, fromUsers } from "../dialects/s5.ts";
import { readBody } from "../read-body.ts";

export const otherApis = new Hono<{ Bindings: IngestEnv }>();

otherApis.post("/track", async (c) => {
  const { headers } = c.req.raw;
  const { value, ...signed } = await readBody(c.req.raw);
  const sender = `${headers.get("cf-connecting-ip")} ${headers.get("user-agent")}`;
  const { id, ...body } = fromTrack(value, sender);
  const collected = await collect(c.req.raw, { body, ...signed }, c.env);
  return new Response(JSON.stringify({ id }), { status: 202, headers: collected.headers });
});

for (const [path, read] of [
  ["/v1/events", fromEvents],
  ["/v1/users", fromUsers],
  ["/v1/devices", fromDevices],
] as const) {
  otherApis.post(path, async (c) => {
    const { value, ...signed } = await readBody(c.req.raw);
    const { reasons, ...body } = read(value);
    return collect(c.req.raw, { body, ...signed, reasons }, c.env);
  });
}
