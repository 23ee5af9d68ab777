import { env } from "cloudflare:workers";
import { beforeAll, expect, it } from "vitest";
import { environmentOf, publishIntegration } from "../../../test/a-delivery.ts";
import { api } from "../index.ts";

let environmentId: string;
beforeAll(async () => {
  environmentId = environmentOf(await publishIntegration());
});

const ADMIN = { authorization: "Bearer test-admin-token" };
const WEBSOCKET = { upgrade: "websocket" };

async function ticketFor(environment_id: string): Promise<string> {
  const path = `/api/v1/live/tickets?environment_id=${environment_id}`;
  const response = await api.request(path, { method: "POST", headers: ADMIN }, env);
  return (await response.json<{ ticket: string }>()).ticket;
}

const connect = (query: Record<string, string>, headers: Record<string, string> = { upgrade: "websocket" }) =>
  api.request(`/api/v1/live?${new URLSearchParams(query)}`, { headers }, env);

it("is a WebSocket that greets, then brings what is published", async () => {
  const response = await connect({ environment_id: environmentId, ticket: await ticketFor(environmentId) });
  expect(response.status).toBe(101);
  const socket = response.webSocket!;
  const messages: unknown[] = [];
  const second = new Promise<void>((resolve) => {
    socket.addEventListener("message", ({ data }) => {
      if (messages.push(JSON.parse(data as string)) === 2) resolve();
    });
  });
  socket.accept();
  const item = { kind: "sampled", left_out: 3 } as const;
  expect(await env.LIVE_FEED.getByName(environmentId).publish([item])).toBe(1);
  await second;
  expect(messages).toEqual([[{ kind: "hello", watching: 1, filter: {} }], [item]]);
  socket.close();
});

it.each([
  ["without a ticket", {}, WEBSOCKET, 401, "unauthenticated"],
  ["with a wrong ticket", { ticket: "e30.wrong" }, WEBSOCKET, 401, "unauthenticated"],
  ["without the upgrade", {}, ADMIN, 426, "upgrade_required"],
  ["with another upgrade", {}, { ...ADMIN, upgrade: "h2c" }, 426, "upgrade_required"],
  [
    "to an environment that is not there",
    { environment_id: "env_nowhere" },
    { ...ADMIN, ...WEBSOCKET },
    404,
    "not_found",
  ],
])("is refused %s", async (_, query, headers, status, code) => {
  const given = Object.fromEntries(Object.entries({ environment_id: environmentId, ...query }));
  const response = await connect(given, headers as Record<string, string>);
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({ error: { code } });
  if (status === 426) expect(response.headers.get("upgrade")).toBe("websocket");
});

it("opens one environment with a ticket, and no other route", async () => {
  const ticket = await ticketFor(environmentId);
  expect((await connect({ environment_id: "env_other", ticket })).status).toBe(401);
  const status = `/api/v1/status?${new URLSearchParams({ environment_id: environmentId, ticket })}`;
  expect((await api.request(status, { headers: WEBSOCKET }, env)).status).toBe(401);
});
