/**
 * A headless Chromium for tests and demos: the one `CHROME_PATH` names; on Linux x64 the one that comes from npm; elsewhere an
 * installed Chrome, Edge or Chromium.
 */
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Browser, chromium } from "playwright-core";

const ARGS = [
  "--no-sandbox",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
];

/** `without`: of playwright's own arguments those that a test does not want. */
export async function launchBrowser(without: string[] = []): Promise<Browser> {
  return chromium.launch({ ...(await findChrome()), args: ARGS, ignoreDefaultArgs: without });
}

interface Chrome {
  executablePath: string;
  env?: Record<string, string | undefined>;
}

async function findChrome(): Promise<Chrome> {
  const named = process.env.CHROME_PATH;
  if (named) {
    if (existsSync(named)) return { executablePath: named };
    throw new Error(`CHROME_PATH names ${named}, which does not exist.`);
  }
  if (process.platform === "linux" && process.arch === "x64") return chromeFromNpm();

  const executablePath = installedChromes().find((path) => existsSync(path));
  if (executablePath) return { executablePath };
  throw new Error(
    "Found no Chrome, Edge or Chromium in the usual places. Install one, or set CHROME_PATH to the executable of yours.",
  );
}

function installedChromes(): string[] {
  if (process.platform === "darwin") {
    const names = ["Google Chrome", "Microsoft Edge", "Chromium"];
    return ["/Applications", join(homedir(), "Applications")].flatMap((folder) =>
      names.map((name) => `${folder}/${name}.app/Contents/MacOS/${name}`),
    );
  }
  if (process.platform === "win32") {
    const programs = ["Google\\Chrome\\Application\\chrome.exe", "Microsoft\\Edge\\Application\\msedge.exe"];
    const folders = [process.env.ProgramFiles, process.env["ProgramFiles(x86)"], process.env.LOCALAPPDATA];
    return folders.flatMap((folder) => (folder ? programs.map((program) => join(folder, program)) : []));
  }
  const names = ["google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "microsoft-edge"];
  return [...names.map((name) => `/usr/bin/${name}`), "/snap/bin/chromium"];
}

const PACKAGE = join(import.meta.dirname, "../node_modules/@sparticuz/chromium");
const CACHE = join(import.meta.dirname, "../node_modules/.cache");

/**
 * @sparticuz/chromium, unpacked once per version (3 s, 210 MB) into node_modules/.cache. The package was made for AWS Lambda:
 * - It unpacks straight into the temporary folder and takes whatever lies there for complete. We give it a private one and
 *   rename that when done, so two processes that come first at once cannot meet a half-written browser.
 * - Told that it runs on Lambda, it also unpacks the shared libraries (NSS, expat) which a plain Debian lacks. The browser,
 *   and nothing else, finds them through LD_LIBRARY_PATH.
 * - Its own `args` are left out: `--single-process` dies with the second page, and `--disable-web-security` would turn off
 *   the very CORS rules that the SDK's tests are about.
 */
async function chromeFromNpm(): Promise<Chrome> {
  const { version } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8")) as { version: string };
  const folder = join(CACHE, `chromium-${version}`);
  if (!existsSync(folder)) await unpackChromium(folder);
  const libraries = [join(folder, "al2023/lib"), process.env.LD_LIBRARY_PATH];
  return {
    executablePath: join(folder, "chromium"),
    env: {
      ...process.env,
      LD_LIBRARY_PATH: libraries.filter(Boolean).join(":"),
      FONTCONFIG_FILE: join(folder, "fonts.conf"),
    },
  };
}

async function unpackChromium(folder: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const unfinished = await mkdtemp(join(CACHE, "unpacking-chromium-"));
  try {
    await promisify(execFile)(
      process.execPath,
      ["--input-type=module", "--eval", 'await (await import("@sparticuz/chromium")).default.executablePath()'],
      {
        cwd: import.meta.dirname,
        env: { ...process.env, TMPDIR: unfinished, AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x" },
      },
    );
    await writeFile(join(unfinished, "fonts.conf"), fontsConf(folder));
    await rename(unfinished, folder).catch((error) => {
      if (!existsSync(folder)) throw error; // else another process was first: its copy is as good
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** The machine's fonts and, for a machine that has none, the one in the package. */
function fontsConf(folder: string): string {
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>${folder}/fonts/fonts</dir>
  <cachedir>${folder}/fonts-cache</cachedir>
</fontconfig>
`;
}
