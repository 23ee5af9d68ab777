import { env } from "cloudflare:workers";
import { beforeAll, expect, it } from "vitest";
import { environmentOf, publishIntegration } from "../../../test/a-delivery.ts";
import { api } from "../index.ts";

let environmentId: string;
beforeAll(async () => {
  environmentId = environmentOf(await publishIntegration());
});

const connect = (query: Record<string, string>, headers: Record<string, string> = { upgrade: "websocket" }) =>
  api.request(`/api/v1/live?${new URLSearchParams(query)}`, { headers }, env);

it("is a WebSocket that greets, then brings what is published", async () => {
  const response = await connect({ environment_id: environmentId, token: "test-admin-token" });
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
  ["without a token", {}, { upgrade: "websocket" }, 401, "unauthenticated"],
  ["with a wrong token", { token: "wrong" }, { upgrade: "websocket" }, 401, "unauthenticated"],
  ["without the upgrade", {}, { authorization: "Bearer test-admin-token" }, 426, "upgrade_required"],
  ["with another upgrade", { token: "test-admin-token" }, { upgrade: "h2c" }, 426, "upgrade_required"],
  [
    "to an environment that is not there",
    { token: "test-admin-token", environment_id: "env_nowhere" },
    { upgrade: "websocket" },
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
