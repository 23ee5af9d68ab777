/**
 * What tells one device from another without storing anything: how it draws, which fonts it has, what it says of itself, as a hash on
 * every event in `context.fingerprint`. No script of ours loads this by itself, and no other part of Millrace uses it to say who
 * somebody is. In the EU, the UK and elsewhere reading a device like this needs the same consent as a cookie does
 * (EDPB Guidelines 2/2023 on Article 5(3) of the ePrivacy Directive): docs/privacy.md.
 *
 *     init({ writeKey, consent: "wait", auto: [fingerprint, pageViews] });
 */
import type { Part } from "./client.ts";

const FONTS = [
  "Arial",
  "Calibri",
  "Cambria",
  "Comic Sans MS",
  "Consolas",
  "Georgia",
  "Helvetica Neue",
  "Menlo",
  "Roboto",
  "Segoe UI",
  "Ubuntu",
  "Verdana",
];
const SAMPLE = "mmmmmmmmmlli 0Oo&";

/** Reads the device at the first event; where the page asks for consent, at the first one after a yes. Events before have none. */
export const fingerprint: Part = (millrace, { consent }) => {
  let known: string | undefined;
  millrace.on("event", (event) => {
    if (consent && !event.context.consent?.analytics) return;
    known ??= hash([...traits(), drawing(), ...fonts()].join("|"));
    event.context = { ...event.context, fingerprint: known };
  });
};

function traits(): unknown[] {
  const { userAgent, language, hardwareConcurrency, maxTouchPoints } = navigator;
  const { width, height, colorDepth } = screen;
  return [userAgent, language, hardwareConcurrency, maxTouchPoints, width, height, colorDepth, devicePixelRatio];
}

/** Pixels differ by graphics card, driver and font rendering. Empty where the browser refuses. */
function drawing(): string {
  try {
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d")!;
    context.textBaseline = "top";
    context.font = "14px Arial";
    context.fillStyle = "#f60";
    context.fillRect(4, 4, 80, 18);
    context.fillStyle = "#069";
    context.fillText(SAMPLE, 2, 6);
    return canvas.toDataURL();
  } catch {
    return "";
  }
}

/** The fonts that are there: text in one that is missing is as wide as in the one that stands in for it. */
function fonts(): string[] {
  const context = document.createElement("canvas").getContext("2d");
  if (!context) return [];
  const width = (font: string) => {
    context.font = `48px ${font}`;
    return context.measureText(SAMPLE).width;
  };
  const standIn = width("monospace");
  return FONTS.filter((font) => width(`"${font}", monospace`) !== standIn);
}

/** FNV-1a, twice with other seeds: 64 bits as hex. Not for secrets. */
function hash(text: string): string {
  const half = (seed: number) => {
    let value = seed;
    for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 16_777_619);
    return (value >>> 0).toString(16).padStart(8, "0");
  };
  return half(2_166_136_261) + half(3_339_675_911);
}
