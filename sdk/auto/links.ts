import type { Part } from "../client.ts";

/** The documents, archives, programs and films of today; anything else says `download` on its link. */
const FILE = /\.(pdf|xlsx?|docx?|pptx?|txt|csv|exe|dmg|pkg|zip|gz|rar|7z|mov|mp[34]|wav)$/i;

/** A click on a link that leads to another host. */
export const outboundLinks: Part = (millrace) =>
  onLink((link) => {
    if (link.host && link.host !== location.host && !FILE.test(link.pathname))
      millrace.track("Outbound Link Clicked", { url: link.href, host: link.host });
  });

/** A click on a link to a document, an archive, a film: on any host. */
export const downloads: Part = (millrace) =>
  onLink((link) => {
    const [, extension] = FILE.exec(link.pathname) || [];
    if (extension || link.hasAttribute("download")) millrace.track("File Downloaded", { url: link.href, extension });
  });

/** By mouse, finger or keyboard, here or in a new tab; also in a shadow tree. */
function onLink(followed: (link: HTMLAnchorElement) => void): void {
  for (const type of ["click", "auxclick"] as const) {
    addEventListener(
      type,
      (event) => {
        const link = event.composedPath().find((one) => (one as Element).localName === "a") as HTMLAnchorElement;
        if (event.button < 2 && link && /^http/.test(link.protocol)) followed(link);
      },
      true,
    );
  }
}
