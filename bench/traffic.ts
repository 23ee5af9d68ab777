/** Realistic events for benchmarks: 60 % page, 30 % track, 8 % identify, 2 % purchase; 30 % of visitors return. Seeded. */

export interface BenchEvent {
  type: string;
  [field: string]: unknown;
}

const PRODUCTS = ["Mill notebook, A5", "Blotting paper", "Letter set", "Fountain pen ink", "Desk calendar"];
const USER_AGENTS = [
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
  "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
];

/** `count` events of about 1 KB, the same ones for the same seed. */
export function traffic(count: number, seed = 1): BenchEvent[] {
  const random = mulberry32(seed);
  const visitors: string[] = [];
  const now = Date.now();
  return Array.from({ length: count }, (_, i) => {
    if (visitors.length === 0 || random() > 0.3) visitors.push(uuid(random));
    const visitor = visitors[Math.floor(random() * visitors.length)]!;
    const kind = random();
    const path = `/products/${Math.floor(random() * 500)}`;
    return {
      message_id: uuid(random),
      anonymous_id: visitor,
      timestamp: new Date(now - count + i).toISOString(),
      ...call(kind, random, i),
      context: {
        user_agent: USER_AGENTS[Math.floor(random() * USER_AGENTS.length)],
        locale: "en-GB",
        timezone: "Europe/London",
        screen: { width: 1440, height: 900 },
        page: {
          url: `https://shop.example.com${path}?utm_source=newsletter&utm_medium=email`,
          path,
          search: "?utm_source=newsletter&utm_medium=email",
          title: `${PRODUCTS[i % PRODUCTS.length]} – Mill & Race`,
          referrer: "https://www.google.com/",
        },
        campaign: { source: "newsletter", medium: "email", name: "autumn" },
        library: { name: "millrace.js", version: "0.1.0" },
      },
    };
  });
}

function call(kind: number, random: () => number, i: number): BenchEvent {
  const price = Math.round(random() * 5_000) / 100;
  const product = {
    product_id: `p${i % 500}`,
    name: PRODUCTS[i % PRODUCTS.length],
    category: "Paper",
    price,
    quantity: 1,
  };
  if (kind < 0.6) return { type: "page", properties: { section: "catalogue" } };
  if (kind < 0.9)
    return { type: "track", event: "Product Viewed", properties: { ...product, currency: "EUR", value: price } };
  if (kind < 0.98)
    return {
      type: "identify",
      user_id: `u${i}`,
      traits: { email: `person${i}@example.com`, first_name: "Ada", plan: "pro" },
    };
  const properties = { order_id: `o${i}`, revenue: price, total: price, currency: "EUR", products: [product] };
  return { type: "track", event: "Order Completed", properties };
}

function uuid(random: () => number): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20)].join("-");
}

/** A small seeded generator (public domain): benchmarks must send the same thing every time. */
function mulberry32(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
