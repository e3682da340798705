// A headless Chromium for pages of the tests' own, and what these need: the files there are, the Firebase SDK as modules,
// and no way to another address than 127.0.0.1.

import { accessSync, constants } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { delimiter, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { CommandError, push } from "../../local/clients/lines.mjs";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-quic",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];
const LAUNCH_TIMEOUT_MS = 60_000;
const TIMEOUT_MS = 50_000; // of a click, of a page's loading: less than who drives this waits for a reply
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";
const TYPES = { ".html": "text/html", ".css": "text/css", ".mjs": "text/javascript", ".js": "text/javascript" };
const SDK = dirname(createRequire(import.meta.url).resolve("firebase/package.json"));
const { version } = JSON.parse(await readFile(join(SDK, "package.json"), "utf8"));

/** The path of a file beside the pages. */
export const page = (file) => fileURLToPath(new URL(`page/${file}`, import.meta.url));

const executable = () => {
  const candidates = [
    process.env.CHROMIUM,
    ...process.env.PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name))),
    MAC,
  ];
  const found = candidates.filter(Boolean).find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!found) throw new CommandError("no Chromium: install `chromium`, or set CHROMIUM", { code: "no-chromium" });
  return found;
};

/** The browser, started at the first use; `close` ends it if it was. */
export const browser = (flags = []) => {
  let launched;
  const get = () =>
    (launched ??= chromium.launch({
      executablePath: executable(),
      args: [...FLAGS, ...flags],
      headless: true,
      timeout: LAUNCH_TIMEOUT_MS,
    }));
  return { get, close: async () => (await launched)?.close() };
};

/** The address and the file of each of the Firebase SDK's modules. */
export const sdk = (modules) =>
  Object.fromEntries(modules.map((module) => [`/sdk/firebase-${module}.js`, join(SDK, `firebase-${module}.js`)]));

const importMap = (modules) =>
  JSON.stringify({
    imports: Object.fromEntries(
      modules.flatMap((module) => [
        [`firebase/${module}`, `/sdk/firebase-${module}.js`],
        // The browser modules import each other from the CDN: the same files, here.
        [`https://www.gstatic.com/firebasejs/${version}/firebase-${module}.js`, `/sdk/firebase-${module}.js`],
      ]),
    ),
  });

/** Answers with the file that `files` has for the address; nothing else is served. */
export const answer = async (files, modules, { url }, response) => {
  const file = files[new URL(url, "http://localhost").pathname];
  if (!file) {
    response.writeHead(404).end();
    return;
  }
  let body = await readFile(file, "utf8");
  if (extname(file) === ".html") body = body.replace("<!-- import map -->", importMap(modules));
  response.writeHead(200, { "content-type": `${TYPES[extname(file)]}; charset=utf-8` }).end(body);
};

/** A page in a context of its own. Its uncaught errors, and its requests to other addresses, are pushed. */
export const blank = async (launched, name, options) => {
  const context = await launched.newContext({ locale: "en-IN", ...options });
  context.setDefaultTimeout(TIMEOUT_MS);
  const made = await context.newPage();
  made.on("pageerror", ({ message }) => push(name, "page_error", [{ message }]));
  await made.route(
    ({ hostname }) => hostname !== "127.0.0.1",
    (route) => {
      push(name, "outside", [{ url: route.request().url() }]);
      return route.abort();
    },
  );
  return made;
};

/** Opens `url`, whose page says `report("signed_in", …)` or `report("failed", …)`; what it reports is pushed. */
export const signIn = async (made, name, url) => {
  let settle;
  const signedIn = new Promise((resolve, reject) => {
    settle = { signed_in: resolve, failed: ({ code, message }) => reject(new CommandError(message, { code })) };
  });
  await made.exposeFunction("report", (event, payload) => {
    push(name, event, [payload]);
    settle[event]?.(payload);
  });
  const [user] = await Promise.all([signedIn, made.goto(url)]);
  return user;
};
