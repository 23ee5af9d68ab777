/**
 * How a vendor knows us, as data: a destination says which of these it is by its settings, and everything that it takes to
 * get a token (signing, exchange, refresh, caching) is done elsewhere, once.
 */
import * as z from "zod";
import type { ProviderName } from "../../core/oauth-providers.ts";
import { secret } from "./destination.ts";

export type Authentication =
  /** A person's consent (`/api/v1/integrations/:id/connect`); the grant lives in the integration's gate. */
  | { scheme: "oauth2"; provider: ProviderName; scopes: string[]; client_id: string; client_secret: string }
  /** Google: a JWT signed by the account's key, exchanged for a token. */
  | { scheme: "google_service_account"; key: string; scope: string }
  /** Snowflake: a JWT signed by the user's key is the token. */
  | { scheme: "snowflake_key_pair"; account: string; user: string; private_key: string }
  /** AWS Signature Version 4: every request is signed. */
  | { scheme: "aws_sigv4"; access_key_id: string; secret_access_key: string; region: string; service: string };

const accountKey = z.looseObject({
  client_email: z.email(),
  private_key: z.string().includes("-----BEGIN PRIVATE KEY-----"),
  private_key_id: z.string().optional(),
});
export type GoogleAccountKey = z.infer<typeof accountKey>;

/** Throws where the text is not such a key; a setting has been checked when it was saved. */
export const readGoogleAccountKey = (text: string): GoogleAccountKey => accountKey.parse(JSON.parse(text));

/** A setting: the JSON key file of a Google service account, whole. */
export const googleAccountKey = () =>
  secret(
    z.string().refine((text) => {
      try {
        return accountKey.safeParse(JSON.parse(text)).success;
      } catch {
        return false;
      }
    }, "must be the JSON key file of a service account, with client_email and private_key"),
  );

/** A setting: an unencrypted private key, PKCS #8 in PEM. */
export const privateKeyPem = () =>
  secret(
    z
      .string()
      .regex(
        /^\s*-----BEGIN PRIVATE KEY-----[\sA-Za-z0-9+/=]+-----END PRIVATE KEY-----\s*$/,
        "must be an unencrypted private key in PKCS #8 (-----BEGIN PRIVATE KEY-----)",
      ),
  );
