/**
 * The hidden page on the hub's host. Its parent hands it a token that says who the visitor is there; it asks the hub, whose cookie
 * it alone can send along, and hands back a token of whom the hub knew before, if that is somebody else.
 */
import { createHash } from "node:crypto";

/**
 * An embedded page reaches its cookies where the browser does not block third parties, or where it was granted access to its
 * storage earlier. It cannot ask for that: a hidden page never gets the click which browsers demand. Links stand in there.
 */
const SCRIPT = `"use strict";
const linked = document.documentElement.dataset.linked.split(" ");
const write_key = new URLSearchParams(location.search).get("key");
addEventListener("message", async ({ source, origin, data }) => {
  if (source !== parent || !linked.includes(origin.split("//")[1]) || !data || data.millrace !== "exchange") return;
  try {
    const { state } = await navigator.permissions.query({ name: "storage-access" }).catch(() => ({}));
    if (state === "granted") await document.requestStorageAccess();
    const body = JSON.stringify({ write_key, token: data.token, consent: data.consent });
    const response = await fetch("/v1/hub/exchange", { method: "POST", body });
    const { token } = response.ok ? await response.json() : {};
    parent.postMessage({ millrace: "exchanged", token }, origin);
  } catch {}
});
`;

const SCRIPT_HASH = `'sha256-${createHash("sha256").update(SCRIPT).digest("base64")}'`;

/** `linkedHosts` as the configuration has them: letters, digits, dots, dashes and colons only. */
export function framePage(linkedHosts: string[]): Response {
  const page = `<!doctype html><html lang="en" data-linked="${linkedHosts.join(" ")}"><meta charset="utf-8"><title>Identity Hub</title><script>${SCRIPT}</script></html>`;
  return new Response(page, {
    headers: {
      "content-type": "text/html; charset=utf-8",
      // A host without a scheme stands for https alone where the frame itself came by https.
      "content-security-policy": [
        "default-src 'none'",
        `script-src ${SCRIPT_HASH}`,
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        `frame-ancestors ${linkedHosts.join(" ")}`,
      ].join("; "),
      "cache-control": "no-store",
      "referrer-policy": "same-origin",
      "x-content-type-options": "nosniff",
      "x-robots-tag": "noindex",
    },
  });
}
