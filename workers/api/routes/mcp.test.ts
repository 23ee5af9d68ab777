import { env } from "cloudflare:workers";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { environmentOf, fakeVendor, publishIntegration } from "../../../test/a-delivery.ts";
import { anEvent } from "../../../test/an-event.ts";
import { api } from "../index.ts";

let environment_id: string;
let integration_id: string;
beforeAll(async () => {
  const integration = await publishIntegration();
  integration_id = integration.id;
  environment_id = environmentOf(integration);
});

afterEach(() => vi.restoreAllMocks());

/** By the API, since what is managed is read from D1. */
async function configured(id: string, integration: string): Promise<void> {
  const settings = { url: "https://hooks.example.com/in", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" };
  const document = {
    organisation: { id: "org_mcp", name: "Mill" },
    name: "dev",
    sources: [],
    integrations: [{ id: integration, name: "Hook", destination: "webhook", settings }],
  };
  const init = {
    method: "PATCH",
    headers: { authorization: "Bearer test-admin-token" },
    body: JSON.stringify(document),
  };
  // The sink stands for the webhook's host, which here nothing resolves.
  const sink = { ...env, VENDOR_SINK_URL: "http://127.0.0.1:9" };
  expect((await api.request(`/api/v1/environments/${id}`, init, sink)).status).toBe(200);
}

/** The SDK's own client, whose network is this Worker. */
async function connect(token = "test-admin-token") {
  const client = new Client({ name: "test", version: "1.0.0" });
  const transport = new StreamableHTTPClientTransport(new URL("https://millrace.example/mcp"), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
    fetch: async (url, init) => api.fetch(new Request(url, init as RequestInit), env),
  });
  await client.connect(transport as Parameters<typeof client.connect>[0]);
  return client;
}

async function use(client: Client, name: string, given: Record<string, unknown> = {}) {
  const { isError, content } = await client.callTool({ name, arguments: { environment_id, ...given } });
  return { isError, answer: JSON.parse((content as { text: string }[])[0]!.text) };
}

describe("the SDK's client", () => {
  it("sees the tools, which tell what they take and whether they write", async () => {
    const { tools } = await (await connect()).listTools();
    const writing = tools.filter(({ annotations }) => !annotations?.readOnlyHint).map(({ name }) => name);
    expect(writing).toEqual(["retry_dead_letter", "pause_integration", "resume_integration", "test_integration"]);
    expect(tools.every(({ description, inputSchema }) => description && inputSchema.type === "object")).toBe(true);
  });

  it("reads an integration, and pauses it", async () => {
    await configured("env_mcp", "int_mcp");
    const client = await connect();
    const named = { environment_id: "env_mcp", integration_id: "int_mcp" };
    expect((await use(client, "get_integration", named)).answer).toMatchObject({ id: "int_mcp", enabled: true });
    await use(client, "pause_integration", named);
    expect((await use(client, "get_integration", named)).answer).toMatchObject({ id: "int_mcp", enabled: false });
  });

  it("reads what became of an event", async () => {
    const client = await connect();
    const event = anEvent({ message_id: "mcp-1" });
    await env.LIVE_FEED.getByName(environment_id).publish([{ kind: "received", source_id: "src_test", event }]);
    const path = await use(client, "event_path", { message_id: "mcp-1" });
    expect(path.answer).toMatchObject({ from: "live", received: { message_id: "mcp-1" }, delivered: [] });
  });

  it("is told why it was refused, in the API's own words", async () => {
    const client = await connect();
    expect(await use(client, "event_path", { message_id: "nobody-knows" })).toMatchObject({
      isError: true,
      answer: { error: { code: "not_found" } },
    });
    const wrong = await client.callTool({ name: "recent_events", arguments: { limit: 99 } });
    expect(wrong.isError).toBe(true);
  });

  it("has its caller's rights, and no others", async () => {
    const { isError, answer } = await use(await connect("somebody-else"), "get_status");
    expect([isError, answer.error.code]).toEqual([true, "unauthenticated"]);
  });

  it("leaves its changes in the audit", async () => {
    fakeVendor();
    await use(await connect(), "test_integration", { integration_id, event: { event: "Only Tried" } });
    const { results } = await env.DB.prepare("SELECT subject FROM audit_log WHERE subject LIKE ?")
      .bind(`/api/v1/integrations/${integration_id}/test%`)
      .all();
    expect(results).toHaveLength(1);
  });
});

it.each([
  ["without a token", "POST", {}, 401],
  ["with a session's cookie only", "POST", { cookie: "session=x" }, 401],
  [
    "from another site's page",
    "POST",
    { authorization: "Bearer test-admin-token", origin: "https://evil.example" },
    403,
  ],
  ["by GET", "GET", { authorization: "Bearer test-admin-token" }, 405],
])("is refused %s", async (_, method, headers, status) => {
  const response = await api.request("https://millrace.example/mcp", { method, headers: headers as HeadersInit }, env);
  expect(response.status).toBe(status);
});
