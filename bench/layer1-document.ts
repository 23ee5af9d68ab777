/** Every section of the Org Data Layer at work on the benchmark's traffic (traffic.ts). */
import type { OrgDataLayerInput } from "../core/org-data-layer.ts";

const text = { type: "string" };
const amount = { type: "number", minimum: 0 };
const product = {
  type: "object",
  required: ["product_id", "name"],
  properties: { product_id: text, name: text, category: text, price: amount, quantity: { type: "integer" } },
};

export const LAYER_1: OrgDataLayerInput = {
  tracking_plan: {
    unplanned_events: "warn",
    unplanned_properties: "warn",
    events: {
      "Product Viewed": {
        properties: {
          ...product,
          properties: { ...product.properties, currency: { enum: ["EUR", "USD"] }, value: amount },
        },
      },
      "Order Completed": {
        properties: {
          type: "object",
          required: ["order_id", "products"],
          properties: {
            order_id: { ...text, pattern: "^o[0-9]+$" },
            revenue: amount,
            total: amount,
            currency: text,
            products: { type: "array", minItems: 1, items: product },
          },
        },
      },
    },
    page: { properties: { properties: { section: text } } },
    identify: {
      traits: {
        required: ["email"],
        properties: { email: { ...text, format: "email" }, first_name: text, plan: text },
      },
    },
    common: { context: { required: ["library"] } },
  },
  standardise: {
    case: "snake_case",
    events: { "Checkout Completed": "Order Completed" },
    properties: { sku_id: "sku" },
  },
  types: {
    "properties.price": "number",
    "properties.value": "number",
    "properties.revenue": "number",
    "properties.products.*.quantity": "integer",
  },
  normalise: { known_fields: true },
  cleanse: { strip_html: true },
  pii: {
    classes: {
      email: "mask",
      phone: "mask",
      iban: "mask",
      ssn: "mask",
      pesel: "mask",
      nip: "mask",
      ip: "mask",
      birth_date: "mask",
      name: "mask",
      address: "mask",
    },
  },
};
