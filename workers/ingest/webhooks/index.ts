import { lemonSqueezy } from "./lemon-squeezy.ts";
import { paddle } from "./paddle.ts";
import { polar } from "./polar.ts";
import type { Provider } from "./provider.ts";
import { shopify } from "./shopify.ts";
import { stripe } from "./stripe.ts";

export const providers: Record<string, Provider> = Object.fromEntries(
  [stripe, lemonSqueezy, polar, paddle, shopify].map((one) => [one.name, one]),
);
