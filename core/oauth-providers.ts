/**
 * Who hands out OAuth 2.0 tokens, and how each differs from RFC 6749: a provider is a few lines here because `oauth2.ts` does the work.
 * The app (client id and secret) is the customer's own, registered with the provider under our callback address.
 */

export interface Provider {
  title: string;
  authorise_url: string;
  token_url: string;
  /** Where the client's id and secret go (RFC 6749 §2.3.1). */
  client: "body" | "basic";
  /** Proof Key for Code Exchange (RFC 7636), where the provider documents it for apps with a secret. */
  pkce: boolean;
  /** Between scopes. */
  separator: " " | ",";
  /** What else the authorisation address needs, above all to be given a refresh token. */
  authorise_parameters?: Record<string, string>;
  token_headers?: Record<string, string>;
}

export const PROVIDERS = {
  // https://developers.google.com/identity/protocols/oauth2/web-server: without `prompt` only the first consent brings a refresh token.
  google: {
    title: "Google",
    authorise_url: "https://accounts.google.com/o/oauth2/v2/auth",
    token_url: "https://oauth2.googleapis.com/token",
    client: "body",
    pkce: true,
    separator: " ",
    authorise_parameters: { access_type: "offline", prompt: "consent" },
  },
  // https://learn.microsoft.com/en-us/linkedin/shared/authentication/authorization-code-flow: PKCE is for native apps only.
  linkedin: {
    title: "LinkedIn",
    authorise_url: "https://www.linkedin.com/oauth/v2/authorization",
    token_url: "https://www.linkedin.com/oauth/v2/accessToken",
    client: "body",
    pkce: false,
    separator: " ",
  },
  // https://developers.snap.com/api/marketing-api/Ads-API/authentication
  snapchat: {
    title: "Snapchat",
    authorise_url: "https://accounts.snapchat.com/login/oauth2/authorize",
    token_url: "https://accounts.snapchat.com/login/oauth2/access_token",
    client: "body",
    pkce: false,
    separator: " ",
  },
  // https://developers.hubspot.com/docs/api-reference/auth-oauth-v3/guide: v1 ends in February 2027.
  hubspot: {
    title: "HubSpot",
    authorise_url: "https://app.hubspot.com/oauth/authorize",
    token_url: "https://api.hubapi.com/oauth/v3/token",
    client: "body",
    pkce: false,
    separator: " ",
  },
  // https://github.com/reddit-archive/reddit/wiki/OAuth2: refuses requests without a User-Agent of their own.
  reddit: {
    title: "Reddit",
    authorise_url: "https://www.reddit.com/api/v1/authorize",
    token_url: "https://www.reddit.com/api/v1/access_token",
    client: "basic",
    pkce: false,
    separator: ",",
    authorise_parameters: { duration: "permanent" },
    token_headers: { "user-agent": "millrace/1.0" },
  },
  // https://developers.pinterest.com/docs/getting-started/set-up-authentication-and-authorization/
  pinterest: {
    title: "Pinterest",
    authorise_url: "https://www.pinterest.com/oauth/",
    token_url: "https://api.pinterest.com/v5/oauth/token",
    client: "basic",
    pkce: false,
    separator: ",",
  },
  // https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-auth-code-flow: `offline_access` brings the refresh token.
  microsoft: {
    title: "Microsoft",
    authorise_url: "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
    token_url: "https://login.microsoftonline.com/common/oauth2/v2.0/token",
    client: "body",
    pkce: true,
    separator: " ",
  },
} as const satisfies Record<string, Provider>;

export type ProviderName = keyof typeof PROVIDERS;
