import type { Part } from "../client.ts";

/** How far down the page somebody has seen, in percent: what fits into the window was seen without scrolling. */
export const scrollDepth: Part = (millrace) => {
  let deepest = 0;
  let told = 0;
  const look = () => {
    const { scrollHeight } = document.documentElement;
    deepest = Math.max(deepest, Math.min(100, Math.round(((scrollY + innerHeight) / scrollHeight) * 100)));
  };
  addEventListener("scroll", look, true);
  millrace.on("leave", (properties) => {
    look();
    if (deepest > told) properties.scroll_depth = told = deepest;
  });
  millrace.on("event", ({ type }) => {
    if (type === "page") deepest = told = 0;
  });
};
