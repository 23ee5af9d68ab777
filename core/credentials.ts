/**
 * Credentials at rest, in an envelope: each value is sealed under a data key of its own, and the data key under the credentials
 * key. To change the credentials key, only the data keys are sealed anew (`rewrap`); no credential is opened for it.
 * CREDENTIALS_KEY is one key, or several with a space between: the first seals, all of them open.
 */
import { sha256 } from "./hash.ts";
import { open, seal, VaultError } from "./vault.ts";

const FORMAT = "v2";

/** `v2:<key id>:<sealed data key>:<sealed value>`. `context`, the integration's id, is authenticated in both. */
export async function sealCredentials(keys: string, context: string, value: unknown): Promise<string> {
  const [key] = keysIn(keys);
  const dataKey = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64");
  return [
    FORMAT,
    keyId(key!),
    await seal(key!, keyContext(context), dataKey),
    await seal(dataKey, context, value),
  ].join(":");
}

/** Throws `VaultError` where none of the keys is the one it was sealed with. Values that were sealed without an envelope open too. */
export async function openCredentials(keys: string, context: string, sealed: string): Promise<unknown> {
  const envelope = read(sealed);
  if (!envelope) return openPlain(keys, context, sealed);
  return open(await dataKeyOf(keys, context, envelope), context, envelope.value);
}

/** The same value for the first of the keys. Undefined where it is that already. Throws as `openCredentials` does. */
export async function rewrap(keys: string, context: string, sealed: string): Promise<string | undefined> {
  const envelope = read(sealed);
  if (!envelope) return sealCredentials(keys, context, await openPlain(keys, context, sealed));
  const [key] = keysIn(keys);
  if (envelope.keyId === keyId(key!)) return undefined;
  const dataKey = await dataKeyOf(keys, context, envelope);
  return [FORMAT, keyId(key!), await seal(key!, keyContext(context), dataKey), envelope.value].join(":");
}

/** Names a key without telling it. */
export const keyId = (key: string) => sha256(key).slice(0, 8);

/** The id of the key that now seals. */
export const currentKeyId = (keys: string) => keyId(keysIn(keys)[0]!);

interface Envelope {
  keyId: string;
  dataKey: string;
  value: string;
}

function read(sealed: string): Envelope | undefined {
  const [format, id, dataKey, value, ...rest] = sealed.split(":");
  if (format !== FORMAT) return undefined;
  if (!id || !dataKey || !value || rest.length) throw new VaultError("not a sealed value");
  return { keyId: id, dataKey, value };
}

async function dataKeyOf(keys: string, context: string, envelope: Envelope): Promise<string> {
  const key = keysIn(keys).find((one) => keyId(one) === envelope.keyId);
  if (!key) throw new VaultError(`sealed by key ${envelope.keyId}, which is not among the credentials keys`);
  return String(await open(key, keyContext(context), envelope.dataKey));
}

async function openPlain(keys: string, context: string, sealed: string): Promise<unknown> {
  const [first, ...others] = keysIn(keys);
  for (const key of others) {
    try {
      return await open(key, context, sealed);
    } catch {
      // Not this one: the last of them says what is wrong.
    }
  }
  return open(first!, context, sealed);
}

/** Another than the value's, so that neither can stand in the other's place. */
const keyContext = (context: string) => `data-key/${context}`;

function keysIn(keys: string): string[] {
  const found = keys.trim().split(/\s+/);
  if (!found[0]) throw new VaultError("there is no credentials key");
  return found;
}
