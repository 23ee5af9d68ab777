import { resolve } from "node:path";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { listPrices } from "./list-prices.ts";

/** The dashboard as static files below /app: beside the browser scripts, which keep the root. */
export default defineConfig({
  root: import.meta.dirname,
  base: "/app/",
  define: { LIST_PRICES: JSON.stringify(await listPrices()) },
  plugins: [react(), tailwindcss()],
  build: {
    outDir: resolve(import.meta.dirname, "dist/app"),
    emptyOutDir: true,
    target: "es2023",
    reportCompressedSize: false,
    // Fonts and pictures as files: the page allows none from data addresses but small marks.
    assetsInlineLimit: 0,
  },
});
