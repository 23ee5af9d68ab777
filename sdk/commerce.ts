/**
 * The e-commerce events of Segment's specification, version 2 (https://segment.com/docs/connections/spec/ecommerce/v2/), as types:
 * every destination knows these names and properties.
 *
 *     const shop = commerce(millrace);
 *     shop.track("Order Completed", { order_id: "o-1", revenue: 25, currency: "EUR", products: [{ product_id: "p-1", price: 25 }] });
 */
import type { Millrace } from "./client.ts";

export interface Product {
  product_id?: string;
  sku?: string;
  name?: string;
  brand?: string;
  category?: string;
  variant?: string;
  /** Of one. */
  price?: number;
  quantity?: number;
  coupon?: string;
  /** In a list, from 1. */
  position?: number;
  url?: string;
  image_url?: string;
}

interface Money {
  /** ISO 4217. */
  currency?: string;
}

/** A product that something happened to. */
type WithProduct = Product & Money & { value?: number };

interface Order extends Money {
  order_id: string;
  checkout_id?: string;
  affiliation?: string;
  /** With shipping and tax. */
  total?: number;
  subtotal?: number;
  /** Without shipping and tax. */
  revenue?: number;
  /** What `revenue` is called where the event is worth something else. */
  value?: number;
  shipping?: number;
  tax?: number;
  discount?: number;
  coupon?: string;
  products?: Product[];
}

interface List {
  list_id?: string;
  category?: string;
  products?: Product[];
}

interface CheckoutStep {
  checkout_id?: string;
  step?: number;
  shipping_method?: string;
  payment_method?: string;
}

interface Promotion {
  promotion_id?: string;
  creative?: string;
  name?: string;
  position?: string;
}

interface Coupon {
  order_id?: string;
  cart_id?: string;
  coupon_id?: string;
  coupon_name?: string;
}

interface Share {
  share_via?: string;
  share_message?: string;
  recipient?: string;
}

interface Wishlist {
  wishlist_id?: string;
  wishlist_name?: string;
}

export interface CommerceEvents {
  "Products Searched": { query: string };
  "Product List Viewed": List;
  "Product List Filtered": List & {
    filters?: { type: string; value: string }[];
    sorts?: { type: string; value: string }[];
  };
  "Promotion Viewed": Promotion;
  "Promotion Clicked": Promotion;
  "Product Clicked": WithProduct;
  "Product Viewed": WithProduct;
  "Product Added": WithProduct & { cart_id?: string };
  "Product Removed": WithProduct & { cart_id?: string };
  "Cart Viewed": Money & { cart_id?: string; products?: Product[] };
  "Checkout Started": Partial<Order>;
  "Checkout Step Viewed": CheckoutStep;
  "Checkout Step Completed": CheckoutStep;
  "Payment Info Entered": CheckoutStep & { order_id?: string };
  "Order Updated": Order;
  "Order Completed": Order;
  "Order Refunded": Order;
  "Order Cancelled": Order;
  "Coupon Entered": Coupon;
  "Coupon Applied": Coupon & { discount?: number };
  "Coupon Denied": Coupon & { reason?: string };
  "Coupon Removed": Coupon & { discount?: number };
  "Product Added to Wishlist": WithProduct & Wishlist;
  "Product Removed from Wishlist": WithProduct & Wishlist;
  "Wishlist Product Added to Cart": WithProduct & Wishlist & { cart_id?: string };
  "Product Shared": WithProduct & Share;
  "Cart Shared": Share & { cart_id?: string; products?: Product[] };
  "Product Reviewed": { product_id: string; review_id?: string; review_body?: string; rating?: number | string };
}

export interface Commerce {
  /** Further properties of your own are welcome; the specification's have its types. */
  track<Name extends keyof CommerceEvents>(
    event: Name,
    properties: CommerceEvents[Name] & Record<string, unknown>,
  ): void;
}

/** `millrace.track`, that knows the specification. */
export function commerce(millrace: Pick<Millrace, "track">): Commerce {
  return { track: (event, properties) => millrace.track(event, properties) };
}
