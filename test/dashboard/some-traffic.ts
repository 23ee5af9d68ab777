/** A little of everything that the dashboard shows: a visitor who becomes Ann and buys, a pipeline, a plan that something goes against. */
import type { Ready } from "../journeys/dev-stack.ts";

export async function someTraffic({
  url,
  server_key,
  admin_token,
}: Pick<Ready, "url" | "server_key" | "admin_token">): Promise<void> {
  const send = (path: string, method: string, body: unknown, authorization: string) =>
    fetch(`${url}${path}`, {
      method,
      headers: { authorization, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const manage = async (method: string, path: string, body: unknown) => {
    const answer = await send(`/api/v1/${path}?environment_id=env_demo`, method, body, `Bearer ${admin_token}`);
    if (!answer.ok && answer.status !== 409)
      throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  };
  await manage("PATCH", "org-data-layer", {
    tracking_plan: {
      events: { "Order Completed": { properties: { type: "object", required: ["order_id", "currency"] } } },
    },
  });
  await manage("POST", "pipelines", {
    id: "pip_orders",
    name: "Orders for Meta",
    integration_id: "int_meta",
    document: { map: [{ events: ["Order Completed"], set: { "properties.content_type": { constant: "product" } } }] },
  });
  const page = (path: string, title: string) => ({
    type: "page",
    anonymous_id: "visitor-1",
    context: { page: { url: `https://shop.example${path}`, path, title } },
  });
  const who = { user_id: "ann", anonymous_id: "visitor-1" };
  const batch = [
    page("/", "Shop"),
    page("/shoes", "Shoes"),
    { type: "identify", ...who, traits: { email: "ann@shop.example", name: "Ann Miller", plan: "pro" } },
    {
      type: "track",
      event: "Product Viewed",
      ...who,
      properties: { name: '<img src=x onerror="document.title=1">', price: 59 },
    },
    {
      type: "track",
      event: "Order Completed",
      ...who,
      properties: {
        order_id: "o-1",
        revenue: 59,
        currency: "EUR",
        products: [{ product_id: "p-1", price: 59, quantity: 1 }],
      },
    },
    { type: "track", event: "Order Completed", ...who, properties: { revenue: 10 } },
  ];
  const answer = await send("/v1/batch", "POST", { batch }, `Basic ${btoa(`${server_key}:`)}`);
  if (!answer.ok) throw new Error(`/v1/batch: ${answer.status} ${await answer.text()}`);
}
