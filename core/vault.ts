/**
 * Sealing of credentials at rest: AES-256-GCM under a key that only delivery holds.
 * The context (the integration's id) is authenticated, so a sealed value cannot be moved to another integration.
 */
const FORMAT = "v1";

/** Any JSON value to `v1.<iv>.<ciphertext>` (base64). `key` is 32 bytes as base64. */
export async function seal(key: string, context: string, value: unknown): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const algorithm = { name: "AES-GCM", iv, additionalData: utf8(context) };
  const sealed = await crypto.subtle.encrypt(algorithm, await importKey(key), utf8(JSON.stringify(value)));
  return [FORMAT, base64(iv), base64(new Uint8Array(sealed))].join(".");
}

/** The value that was sealed. Throws `VaultError` where key, context or text are not the ones it was sealed with. */
export async function open(key: string, context: string, sealed: string): Promise<unknown> {
  const [format, iv, text] = sealed.split(".");
  if (format !== FORMAT || !iv || !text) throw new VaultError("not a sealed value");
  try {
    const algorithm = { name: "AES-GCM", iv: bytes(iv), additionalData: utf8(context) };
    const plain = await crypto.subtle.decrypt(algorithm, await importKey(key), bytes(text));
    return JSON.parse(new TextDecoder().decode(plain));
  } catch {
    // The cause is left out on purpose: it could carry bytes of the secret.
    throw new VaultError("the credentials key does not open this value");
  }
}

export class VaultError extends Error {}

function importKey(key: string): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", bytes(key), "AES-GCM", false, ["encrypt", "decrypt"]);
}

const utf8 = (text: string) => new TextEncoder().encode(text);
const bytes = (text: string) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const base64 = (data: Uint8Array) => btoa(String.fromCharCode(...data));
