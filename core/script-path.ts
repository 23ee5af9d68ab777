/** Where the browser script lies: a path that the source chose, or the usual one; with the content's hash it never changes. */

const HASHED = /\.([0-9a-f]{8})\.js$/;

export const scriptPath = {
  usual: "/millrace.js",
  /** `/lib/shop.js` to `/lib/shop.1a2b3c4d.js`. */
  withHash: (path: string, hash: string) => path.replace(/\.js$/, `.${hash}.js`),
  withoutHash: (path: string) => path.replace(HASHED, ".js"),
  hashIn: (path: string) => HASHED.exec(path)?.[1],
};
