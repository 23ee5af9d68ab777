/** The script behind `data-consent-manager`: connects the page's consent manager with the tag that asked for it. */
import { CONSENT_MANAGERS } from "./consent-managers.ts";

const { millrace, manager } = window.millraceConsent || {};
if (millrace && manager) CONSENT_MANAGERS[manager]?.(millrace, { writeKey: "" });
