import { Hono } from "hono";
import { signingKey } from "../../../core/receipt-key.ts";
import type { ApiEnv } from "../../env.ts";

/** GET, for everybody: the public keys by which receipts are verified, as a JSON Web Key Set; those that signed before follow. */
export const receiptKeys = new Hono<{ Bindings: ApiEnv }>().get("/", async (c) => {
  const { RECEIPT_KEY, RECEIPT_RETIRED_KEYS } = c.env;
  const current = RECEIPT_KEY ? [(await signingKey(RECEIPT_KEY)).public] : [];
  const retired = RECEIPT_RETIRED_KEYS ? (JSON.parse(RECEIPT_RETIRED_KEYS) as unknown[]) : [];
  return c.json({ keys: [...current, ...retired] }, 200, {
    "cache-control": "public, max-age=3600",
    "access-control-allow-origin": "*",
  });
});
