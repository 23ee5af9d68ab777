/**
 * For tests inside workerd: every vendor is the stand-in that test/vendor-sink plays, without a server between. Each call is
 * recorded; keys are made once a run.
 */
import { exportPKCS8, exportSPKI, generateKeyPair } from "jose";
import { vi } from "vitest";
import type { VendorCall } from "./vendor-sink/vendor.ts";
import { vendorAt } from "./vendor-sink/vendors.ts";

export interface NetworkCall {
  method: string;
  url: string;
  body: string;
  status: number;
}

/** Replaces the network. `instead` may answer in a vendor's place; a number is a status. */
export function vendorNetwork(instead: (call: VendorCall) => Response | number | undefined = () => undefined) {
  const calls: NetworkCall[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const body = Buffer.from((init?.body ?? "") as string);
    const call: VendorCall = {
      integration: "i",
      method: init?.method ?? "GET",
      url: new URL(String(input)),
      headers: init?.headers as Record<string, string>,
      body,
      bodyBytes: body.length,
      now: Date.now(),
    };
    const response = await answerTo(call, instead);
    calls.push({ method: call.method, url: call.url.href, body: body.toString(), status: response.status });
    return response;
  });
  return calls;
}

async function answerTo(call: VendorCall, instead: (call: VendorCall) => Response | number | undefined) {
  const other = instead(call);
  if (other !== undefined) return typeof other === "number" ? new Response(null, { status: other }) : other;
  const vendor = vendorAt(call.url.hostname);
  if (!vendor) throw new TypeError(`nobody answers at ${call.url.hostname}`);
  const { status, headers = {}, body } = (await vendor.authorise?.(call)) ?? vendor.receive(call).answer;
  if (typeof body === "string") return new Response(body, { status, headers });
  return Response.json(body ?? null, { status, headers });
}

export interface KeyPair {
  privateKey: string;
  publicKey: string;
}

let pair: Promise<KeyPair> | undefined;

/** RSA, in PEM. The same for all tests: making one takes a second. */
export function aKeyPair(): Promise<KeyPair> {
  pair ??= newKeyPair();
  return pair;
}

export async function newKeyPair(): Promise<KeyPair> {
  const { privateKey, publicKey } = await generateKeyPair("RS256", { extractable: true });
  return { privateKey: await exportPKCS8(privateKey), publicKey: await exportSPKI(publicKey) };
}
