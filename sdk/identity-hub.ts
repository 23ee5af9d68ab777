/**
 * The second script, for pages with `data-hub` or `data-linked`: asks the hub once a day who this visitor is, believes the token of
 * a link that led here, and gives links to the customer's other hosts a token of their own.
 */
import type { LinkedPage } from "./linking.ts";

const DAY_MS = 86_400_000;
/** Of the 120 seconds that a token is good for, the rest belongs to the page that it leads to. */
const FRESH_MS = 60_000;
const CLICK_WAIT_MS = 300;
/** A frame that is still loading holds up the page's own `load` event. */
const FRAME_WAIT_MS = 2_000;

const { millraceHub } = window;
if (millraceHub) {
  const page = millraceHub;
  const { hub, token, store, anonymousId, adopt, settled } = page;
  const recognise = async () => {
    // The last page went away while it was being told who the visitor is: the server knew, and the page did not hear of it.
    const before = store.get<string>("redeeming");
    store.set("redeeming");
    const now = anonymousId();
    if (before && now && before !== now) adopt({ anonymous_id: now, previous_id: before });

    // The host that a visitor comes from is the browser's word. Without it anybody could send people here as somebody else.
    if (token && page.linked.includes(hostOf(document.referrer))) return redeem(page, token);
    if (!hub || Date.now() - (store.get<number>("hub_asked_at") || 0) < DAY_MS) return;
    store.set("hub_asked_at", Date.now());
    const known = await exchange(page, new URL(hub));
    if (known) await redeem(page, known);
  };
  recognise().then(settled, settled);
  decorateLinks(page);
}

interface Answer {
  token?: string;
  anonymous_id?: string;
  previous_id?: string;
}

/** Of this host's own collector, which reads and sets this host's own cookie. Empty where it refused. */
async function ask(page: LinkedPage, path: string, body: object): Promise<Answer> {
  const { collector, writeKey: write_key, anonymousId, consent } = page;
  const response = await fetch(`${collector}/v1/hub/${path}`, {
    method: "POST",
    credentials: "include",
    body: JSON.stringify({ write_key, anonymous_id: anonymousId(), consent: consent(), ...body }),
  });
  return response.ok ? response.json() : {};
}

async function redeem(page: LinkedPage, token: string): Promise<void> {
  page.store.set("redeeming", page.anonymousId());
  const { anonymous_id, previous_id } = await ask(page, "redeem", { token });
  page.store.set("redeeming");
  if (anonymous_id) page.adopt({ anonymous_id, ...(previous_id && { previous_id }) });
}

/** Tells the hub who the visitor is here; a token of whom it knows, if that is somebody else. */
function exchange(page: LinkedPage, { origin, host }: URL): Promise<string | undefined> {
  const own = ask(page, "token", { audience: host });
  return new Promise((resolve, reject) => {
    const frame = document.createElement("iframe");
    frame.style.display = "none";
    frame.src = `${origin}/v1/hub/frame?key=${encodeURIComponent(page.writeKey)}`;
    const hear = (message: MessageEvent) => {
      if (message.source === frame.contentWindow && message.origin === origin) done(message.data.token);
    };
    const done = (token?: string) => {
      removeEventListener("message", hear);
      frame.remove();
      resolve(token);
    };
    frame.onload = () =>
      own
        .then(({ token }) => {
          const message = { millrace: "exchange", token, consent: page.consent() };
          if (token) frame.contentWindow!.postMessage(message, origin);
          else done();
        })
        .catch(reject);
    addEventListener("message", hear);
    setTimeout(done, FRAME_WAIT_MS);
    document.documentElement.append(frame);
  });
}

interface Prepared {
  at: number;
  token: Promise<string | undefined>;
  /** Once it is there. */
  ready?: string | undefined;
}

/**
 * A link gets its token in the moment it is followed, by mouse, finger or keyboard, here or in a new tab, and is as it was right
 * after that: what somebody copies or drags carries nothing. A token is asked for when the link is pointed at or focused.
 */
function decorateLinks(page: LinkedPage): void {
  const prepared: Record<string, Prepared> = {};

  const linkIn = (event: Event): HTMLAnchorElement | undefined => {
    const link = event.composedPath().find((one) => (one as Element).localName === "a") as
      | HTMLAnchorElement
      | undefined;
    const leadsAway = link && link.host !== location.host && page.linked.includes(link.host);
    return leadsAway && page.anonymousId() && !page.store.get("unlinked") ? link : undefined;
  };

  const prepare = (host: string): Prepared => {
    const known = prepared[host];
    if (known && Date.now() - known.at < FRESH_MS) return known;
    const made: Prepared = { at: Date.now(), token: Promise.resolve(undefined) };
    made.token = ask(page, "token", { audience: host }).then(
      ({ token }) => {
        made.ready = token;
        return token;
      },
      () => undefined,
    );
    prepared[host] = made;
    return made;
  };

  for (const type of ["pointerover", "pointerdown", "focusin"]) {
    addEventListener(type, (event) => {
      const link = linkIn(event);
      if (link) prepare(link.host);
    });
  }

  const follow = (event: MouseEvent) => {
    const link = event.button < 2 && linkIn(event);
    if (!link) return;
    const { token, ready } = prepare(link.host);
    delete prepared[link.host]; // it works once
    if (ready) {
      const original = link.getAttribute("href")!;
      const href = decorated(link.href, ready);
      link.href = href;
      setTimeout(() => {
        if (link.href === href) link.setAttribute("href", original);
      });
    } else if (opensHere(event, link)) {
      // A finger is quicker than the network: go on when the token is there, or without it.
      const wait = (later: Event) => {
        if (later !== event || later.defaultPrevented) return;
        later.preventDefault();
        const { href } = link;
        const late = new Promise<undefined>((resolve) => setTimeout(resolve, CLICK_WAIT_MS));
        Promise.race([token, late]).then((text) => location.assign(text ? decorated(href, text) : href));
      };
      addEventListener("click", wait, { once: true });
    }
  };
  addEventListener("click", follow, true);
  addEventListener("auxclick", follow, true);
}

/** Whether a click does nothing but load the link into this window, so that we may do it a moment later. */
function opensHere(event: MouseEvent, link: HTMLAnchorElement): boolean {
  const target = link.target || document.querySelector<HTMLBaseElement>("base[target]")?.target || "_self";
  const isPlain = !(event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  return isPlain && target === "_self" && !link.hasAttribute("download") && !/noreferrer/.test(link.rel);
}

function decorated(href: string, token: string): string {
  const url = new URL(href);
  url.search += `${url.search ? "&" : "?"}_mr=${token}`;
  return url.href;
}

function hostOf(url: string): string {
  return url.split("/")[2] ?? "";
}
