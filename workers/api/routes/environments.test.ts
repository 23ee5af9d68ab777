import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { forgetHosts } from "../../delivery/customer-url.ts";
import { api } from "../index.ts";

beforeEach(forgetHosts);
afterEach(() => vi.restoreAllMocks());

async function save(url: string, sink?: string) {
  const document = {
    organisation: { id: "org_hosts", name: "Hosts" },
    name: "dev",
    sources: [],
    integrations: [
      {
        id: "int_hosts",
        name: "Hook",
        destination: "webhook",
        settings: { url, secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" },
      },
    ],
  };
  const response = await api.request(
    "/api/v1/environments/env_hosts",
    { method: "PATCH", headers: { authorization: "Bearer test-admin-token" }, body: JSON.stringify(document) },
    { ...env, VENDOR_SINK_URL: sink },
  );
  return { status: response.status, body: await response.json<{ error?: { message: string } }>() };
}

/** A resolver that knows one name. */
function resolver(address: string) {
  return vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    const wants = new URL(String(input)).searchParams.get("type");
    const type = address.includes(":") ? "AAAA" : "A";
    return Response.json({ Status: 0, Answer: wants === type ? [{ type: type === "A" ? 1 : 28, data: address }] : [] });
  });
}

it.each([
  ["https://169.254.169.254/latest", "169.254.169.254 is not a public address"],
  ["http://hooks.example.com/", "must begin with https://"],
  ["https://user:pw@hooks.example.com/", "must not hold a user name or password"],
])("an address that must not be called is not saved: %s", async (url, words) => {
  resolver("93.184.216.34");
  const { status, body } = await save(url);
  expect(status).toBe(400);
  expect(body.error!.message).toBe(`integrations.0.settings.url: ${words}`);
});

it.each(["10.1.2.3", "fd00::1", "::ffff:127.0.0.1"])("nor is a name that leads to %s", async (address) => {
  resolver(address);
  const { status, body } = await save("https://hooks.example.com/in");
  expect(status).toBe(400);
  expect(body.error!.message).toContain(`hooks.example.com leads to ${address}`);
});

it("a public one is saved; with the development sink nobody is asked", async () => {
  const asked = resolver("93.184.216.34");
  expect((await save("https://hooks.example.com/in")).status).toBe(200);
  expect(asked).toHaveBeenCalledTimes(2);
  asked.mockClear();
  expect((await save("https://other.example.com/in", "http://127.0.0.1:9")).status).toBe(200);
  expect(asked).not.toHaveBeenCalled();
});
