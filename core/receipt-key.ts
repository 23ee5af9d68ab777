/**
 * The key that receipts are signed with: Ed25519, made of 32 random bytes as base64 (`openssl rand -base64 32`), as every secret of ours
 * is. Whoever verifies needs the public half only, as a JSON Web Key (RFC 8037).
 */
import { CompactSign, compactVerify, importJWK, type JWK } from "jose";
import { sha256 } from "./hash.ts";
import { type ReceiptStatement, receiptStatement } from "./receipt-chain.ts";

/** Of PKCS #8, in front of the 32 bytes: https://www.rfc-editor.org/rfc/rfc8410#section-7 */
const PKCS8_HEAD = "MC4CAQAwBQYDK2VwBCIEIA";

export interface PublicReceiptKey {
  kty: "OKP";
  crv: "Ed25519";
  x: string;
  kid: string;
  alg: "EdDSA";
  use: "sig";
}

interface SigningKey {
  key: CryptoKey;
  public: PublicReceiptKey;
}

/** Throws where the secret is not 32 bytes of base64. */
export async function signingKey(secret: string): Promise<SigningKey> {
  const seed = Buffer.from(secret, "base64");
  if (seed.length !== 32) throw new Error("RECEIPT_KEY must be 32 bytes as base64");
  const pkcs8 = Buffer.concat([Buffer.from(PKCS8_HEAD, "base64"), seed]);
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, { name: "Ed25519" }, true, ["sign"]);
  const { x } = (await crypto.subtle.exportKey("jwk", key)) as { x: string };
  return { key, public: { kty: "OKP", crv: "Ed25519", x, kid: keyIdOf(x), alg: "EdDSA", use: "sig" } };
}

/** Follows from the key, so that nobody can give a key another's name. */
const keyIdOf = (x: string) => sha256(x).slice(0, 16);

/** A compact JWS. Ed25519 signs the same text the same way each time, so a file that is written twice is the same file. */
export async function sign(statement: ReceiptStatement, { key, public: { kid } }: SigningKey): Promise<string> {
  return new CompactSign(Buffer.from(JSON.stringify(statement)))
    .setProtectedHeader({ alg: "EdDSA", kid, typ: "millrace-receipts" })
    .sign(key);
}

export type Opened = { ok: true; statement: ReceiptStatement; kid: string } | { ok: false; why: string };

/** The statement, if one of these keys signed it. */
export async function openStatement(jws: string, keys: readonly JWK[]): Promise<Opened> {
  try {
    const { payload, protectedHeader } = await compactVerify(jws, async ({ kid }) => {
      const found = keys.find((key) => key.kid === kid && typeof key.x === "string" && keyIdOf(key.x) === kid);
      if (!found) throw new Error(`no public key ${kid} is known`);
      return importJWK(found, "EdDSA");
    });
    const statement = receiptStatement.parse(JSON.parse(new TextDecoder().decode(payload)));
    return { ok: true, statement, kid: protectedHeader.kid ?? "" };
  } catch (error) {
    return { ok: false, why: (error as Error).message };
  }
}
