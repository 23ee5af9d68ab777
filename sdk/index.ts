/** For a page that bundles its scripts and imports the SDK instead of loading it with a tag. What is not imported is not shipped. */
import { createMillrace } from "./client.ts";

export { engagement } from "./auto/engagement.ts";
export { forms } from "./auto/forms.ts";
export { downloads, outboundLinks } from "./auto/links.ts";
export { notFound } from "./auto/not-found.ts";
export { pageViews } from "./auto/page-views.ts";
export { scrollDepth } from "./auto/scroll-depth.ts";
export { webVitals } from "./auto/web-vitals.ts";
export { type Call, createMillrace, type Fields, type Millrace, type Options, type Part } from "./client.ts";
export { type Commerce, type CommerceEvents, commerce, type Product } from "./commerce.ts";
export { cookiebot, didomi, gpp, oneTrust, tcf, usercentrics } from "./consent-managers.ts";
export { fingerprint } from "./fingerprint.ts";

export const millrace = /* @__PURE__ */ createMillrace();
export const init: typeof millrace.init = (options) => millrace.init(options);
