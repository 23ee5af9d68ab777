/** Proof Key for Code Exchange, https://www.rfc-editor.org/rfc/rfc7636: who began an authorisation is who may end it. */
import { createHash } from "node:crypto";

/** 256 bits of chance in the letters that a verifier, or a state, may have. */
export const randomToken = () => Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");

export const challengeOf = (verifier: string) => createHash("sha256").update(verifier).digest("base64url");
