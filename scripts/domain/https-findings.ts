/** What a host answers, and whether it is Millrace that does. Only what writes nothing is asked. */
import {
  type Answer,
  type Asked,
  ask,
  type Failed,
  type Handshake,
  shakeHands,
  type Target,
  type Trouble,
} from "./ask.ts";
import { type Finding, printable, type Question } from "./finding.ts";

const EXPIRES_SOON_MS = 14 * 86_400_000;

export interface Page {
  /** The origin of the pages that send. */
  pages: string;
  script: string | undefined;
  writeKey: string | undefined;
}

export async function httpsFindings(target: Target, page: Page): Promise<Finding[]> {
  const handshake = await shakeHands(target);
  if (!handshake.ok) return [await noHttps(target, handshake)];
  return [certificateFinding(handshake), ...(await Promise.all(questions(target, page).map((question) => question())))];
}

/** A route for one path brings only that path to Millrace: then only what lies there is asked. */
function questions(target: Target, { pages, script, writeKey }: Page): (() => Promise<Finding>)[] {
  const asking = (asked: Asked) => ask(target, asked);
  if (script) {
    const events = script.replace(/[^/]+$/, "e");
    return [() => scriptFinding(asking, script), () => eventsFinding(asking, events, pages)];
  }
  return [
    () => healthFinding(asking, target.host),
    () => scriptFinding(asking, "/millrace.js"),
    () => eventsFinding(asking, "/v1/batch", pages),
    () => writeKeyFinding(asking, writeKey, pages),
  ];
}

function certificateFinding({ issuer, valid_until, tls, http, ms }: Handshake): Finding {
  const until = valid_until.toISOString().slice(0, 10);
  const says = `Valid until ${until}, from ${printable(issuer)}; ${tls}, ${http}, ${ms} ms.`;
  if (valid_until.getTime() - Date.now() > EXPIRES_SOON_MS) return { question: "certificate", outcome: "good", says };
  const next = "Cloudflare renews its certificates by itself: look there for what keeps it from doing so.";
  return { question: "certificate", outcome: "warning", says: `${says} That is soon.`, next };
}

const NO_CERTIFICATE_YET =
  "A new custom domain or custom hostname waits for its certificate, as a rule for minutes: look at its status in Cloudflare.";

const TROUBLES: Record<Trouble, [says: string, next: string]> = {
  wrong_name: [
    "The certificate is for other names.",
    "Make the host a custom domain of the Worker, or a custom hostname of Cloudflare for SaaS: both bring a certificate.",
  ],
  expired: ["The certificate is past its time.", "Renew it; Cloudflare's own renew themselves."],
  not_yet_valid: ["The certificate is not valid yet.", "Is the clock of this machine right?"],
  untrusted: [
    "The certificate comes from no one whom browsers trust.",
    "Use one of Cloudflare's edge certificates: an origin certificate is for the way behind Cloudflare only.",
  ],
  no_certificate: ["There is no certificate for this host where it leads.", NO_CERTIFICATE_YET],
  no_tls: ["What answers does not speak HTTPS.", "Point the host at Cloudflare, proxied."],
  refused: ["Nobody listens at this port.", "Point the host at Cloudflare, proxied."],
  unreachable: ["This machine has no way to that address.", "Try from another network: this one may lack IPv6."],
  cut: ["The connection was cut.", NO_CERTIFICATE_YET],
  timeout: ["No answer within 10 seconds.", "Is it the right address, and no firewall in between?"],
  failed: ["The connection failed.", "Try again; then look at the host's record and certificate in Cloudflare."],
};

async function noHttps(target: Target, { trouble, code }: Failed): Promise<Finding> {
  const [says, next] = TROUBLES[trouble];
  const finding: Finding = { question: "certificate", outcome: "failed", says: `${says} (${printable(code)})`, next };
  if (!["no_tls", "refused", "cut", "timeout", "no_certificate"].includes(trouble)) return finding;
  const plain = await ask(target, { path: "/health/live", plainPort: target.port === 443 ? 80 : target.port });
  return plain.ok
    ? { ...finding, says: `${finding.says} By plain HTTP something answers; pages of HTTPS may not ask it.` }
    : finding;
}

type Asking = (asked: Asked) => Promise<Answer | Failed>;

async function healthFinding(asking: Asking, host: string): Promise<Finding> {
  const answer = await asking({ path: "/health/live" });
  const strange = strangeness("health", "/health/live", answer);
  if (strange) return strange;
  const { status, body, ms } = answer as Answer;
  if (status === 200 && json(body).status === "ok") {
    return { question: "health", outcome: "good", says: `Millrace answers, in ${ms} ms.` };
  }
  return {
    question: "health",
    outcome: "failed",
    says: `/health/live answers ${status}, and not as Millrace does.${quoted(body)}`,
    next: `Is the Worker deployed, with this host? If only a path of it is Millrace's, name the script: npm run domain -- check ${host}/q7/shop.js`,
  };
}

async function scriptFinding(asking: Asking, path: string): Promise<Finding> {
  const answer = await asking({ path });
  const strange = strangeness("script", path, answer);
  if (strange) return strange;
  const { status, headers, body, bytes } = answer as Answer;
  if (status !== 200 || !/javascript/.test(headers["content-type"] ?? "") || !body.includes("millrace")) {
    const next =
      path === "/millrace.js"
        ? "Build before you deploy: npm run build && npx wrangler deploy"
        : "Is this the source's script_path, and is there a route for it? A change is everywhere after a minute.";
    return { question: "script", outcome: "failed", says: `${path} answers ${status}, and not with the script.`, next };
  }
  const encoding = headers["content-encoding"];
  const size = `${(bytes / 1_000).toFixed(1)} kB`;
  if (encoding) {
    return { question: "script", outcome: "good", says: `${path} is ${size}, compressed (${printable(encoding)}).` };
  }
  return {
    question: "script",
    outcome: "warning",
    says: `${path} is ${size}, not compressed.`,
    next: "Cloudflare compresses scripts by itself: look for a rule, or a proxy in between, that keeps it from doing so.",
  };
}

/** A preflight is what a browser sends first, and writes nothing. Pages of the same host send none; it is a probe for them. */
async function eventsFinding(asking: Asking, path: string, pages: string): Promise<Finding> {
  const headers = {
    origin: pages,
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type",
  };
  const answer = await asking({ method: "OPTIONS", path, headers });
  const strange = strangeness("events", path, answer);
  if (strange) return strange;
  const { status, headers: said } = answer as Answer;
  const lacks = [
    status >= 300 && `answers ${status}`,
    said["access-control-allow-origin"] !== pages && "does not name the origin",
    said["access-control-allow-credentials"] !== "true" && "does not allow cookies",
    !/\bPOST\b|\*/.test(said["access-control-allow-methods"] ?? "") && "does not allow POST",
    !/\bcontent-type\b/i.test(said["access-control-allow-headers"] ?? "") && "does not allow content-type",
  ].filter((lack) => lack !== false);
  if (lacks.length === 0) {
    return { question: "events", outcome: "good", says: `Pages of ${pages} may send to ${path}, with cookies.` };
  }
  return {
    question: "events",
    outcome: "failed",
    says: `Pages of ${pages} may not send to ${path}: it ${lacks.join(", ")}.`,
    next: "Does the path reach Millrace, and does no rule change the headers of its answers?",
  };
}

async function writeKeyFinding(asking: Asking, writeKey: string | undefined, pages: string): Promise<Finding> {
  if (writeKey === undefined) {
    return { question: "write_key", outcome: "skipped", says: "Not asked: --write-key wk_… would be checked." };
  }
  const path = `/v1/projects/${encodeURIComponent(writeKey)}/settings`;
  const answer = await asking({ path, headers: { origin: pages } });
  const strange = strangeness("write_key", "/v1/projects/…/settings", answer);
  if (strange) return strange;
  const { status, body } = answer as Answer;
  const { integrations, error } = json(body) as {
    integrations?: unknown;
    error?: { code?: unknown; message?: unknown };
  };
  if (status === 200 && integrations) return { question: "write_key", outcome: "good", says: "It is known here." };
  if (error?.code === "unknown_write_key") {
    const next = "Compare it with the one that was shown when it was made; a revoked key counts as unknown.";
    return { question: "write_key", outcome: "failed", says: "It is not known here.", next };
  }
  const why = typeof error?.message === "string" ? `: ${printable(error.message)}` : ".";
  return {
    question: "write_key",
    outcome: "failed",
    says: `It is not taken (${status})${why}`.replaceAll(writeKey, "wk_…"),
    next: "Look at the settings of its source.",
  };
}

/** What no Millrace answers: no answer, a redirect, a challenge, or a page of Cloudflare's in its place. */
function strangeness(question: Question, path: string, answer: Answer | Failed): Finding | undefined {
  const failed = (says: string, next: string): Finding => ({ question, outcome: "failed", says, next });
  if (!answer.ok) {
    const [says, next] = TROUBLES[answer.trouble];
    return failed(`${path}: ${says} (${printable(answer.code)})`, next);
  }
  const { status, headers, body } = answer;
  if (status >= 300 && status < 400 && headers.location) {
    const next = "Leave this host out of redirect rules: a browser's events do not survive a redirect.";
    return failed(`${path} redirects to ${printable(headers.location)}`, next);
  }
  if (headers["cf-mitigated"]) {
    const next = "Add a rule that skips bot challenges for this host: a script cannot solve one.";
    return failed(`${path}: Cloudflare challenges the visitor instead of asking Millrace.`, next);
  }
  if (status < 400) return undefined;
  const code = /\berror(?: code:?)?\s*(1\d{3})\b/i.exec(body)?.[1];
  if (code) {
    const next =
      CLOUDFLARE_ERRORS[code] ?? `https://developers.cloudflare.com/support/troubleshooting/http-status-codes/`;
    return failed(`${path}: Cloudflare answers error ${code}.`, next);
  }
  if (headers.server === "cloudflare" && status >= 520 && status <= 530) {
    const next =
      "The Worker has no route or custom domain for this host, so that Cloudflare looked for a server behind it.";
    return failed(`${path}: Cloudflare answers ${status}: it found no server.`, next);
  }
  return undefined;
}

/** https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-1xxx-errors/ */
const CLOUDFLARE_ERRORS: Record<string, string> = {
  "1000":
    "The record names Cloudflare's own addresses. Delete it; use a custom domain, or Cloudflare for SaaS from elsewhere.",
  "1014":
    "The CNAME leads into a zone of another account, which Cloudflare allows only as a custom hostname of Cloudflare for SaaS.",
  "1016":
    "No route matches, and the server behind the record does not exist. Give the Worker a route or this custom domain.",
};

function json(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** A short page's text is often the best hint. */
const quoted = (body: string): string => (body && body.length <= 200 ? ` It says: ${printable(body)}` : "");
