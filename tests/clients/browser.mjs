// A headless Chromium with the wallet page, one browser context a user, driven by local/clients/lines.mjs.
//   open       {name, email, password, path?}  signs in, listens to wallets/{uid} or to `path` → {uid}
//   text       {name, selector} → the text of each element that matches
//   screenshot {name, file}
//   close      {name}
// Pushes what the page reports (signed_in {uid}, snapshot {exists, data}, failed {code, message}), its uncaught errors
// as page_error {message}, and as outside {url} each request to another address than 127.0.0.1, which is refused.

import { accessSync, constants } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { delimiter, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { CommandError, Named, push, serve } from "../../local/clients/lines.mjs";

const { FIRESTORE_EMULATOR_HOST, FIREBASE_AUTH_EMULATOR_HOST, GOOGLE_CLOUD_PROJECT } = process.env;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-quic",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];
const TYPES = { ".html": "text/html", ".css": "text/css", ".mjs": "text/javascript", ".js": "text/javascript" };
const PAGE = fileURLToPath(new URL("page/", import.meta.url));
const SDK = dirname(createRequire(import.meta.url).resolve("firebase/package.json"));
const MODULES = ["app", "auth", "firestore"];

const executable = () => {
  const names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
  const candidates = [
    process.env.CHROMIUM_PATH,
    ...process.env.PATH.split(delimiter).flatMap((folder) => names.map((name) => join(folder, name))),
  ];
  const found = candidates.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!found) throw new CommandError("no Chromium: install `chromium`, or set CHROMIUM_PATH", { code: "no-chromium" });
  return found;
};

const { version } = JSON.parse(await readFile(join(SDK, "package.json"), "utf8"));
const importMap = {
  imports: Object.fromEntries(
    MODULES.flatMap((module) => [
      [`firebase/${module}`, `/sdk/firebase-${module}.js`],
      // The browser modules import each other from the CDN: the same files, here.
      [`https://www.gstatic.com/firebasejs/${version}/firebase-${module}.js`, `/sdk/firebase-${module}.js`],
    ]),
  ),
};

/** The files there are, by address: nothing else is served. */
const files = {
  "/": join(PAGE, "index.html"),
  "/wallet.css": join(PAGE, "wallet.css"),
  "/wallet.mjs": join(PAGE, "wallet.mjs"),
  ...Object.fromEntries(MODULES.map((module) => [`/sdk/firebase-${module}.js`, join(SDK, `firebase-${module}.js`)])),
};

const server = createServer(async ({ url }, response) => {
  const file = files[new URL(url, "http://localhost").pathname];
  if (!file) {
    response.writeHead(404).end();
    return;
  }
  let body = await readFile(file, "utf8");
  if (extname(file) === ".html") body = body.replace("<!-- import map -->", JSON.stringify(importMap));
  response.writeHead(200, { "content-type": `${TYPES[extname(file)]}; charset=utf-8` }).end(body);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${server.address().port}`;

let browser;
const launched = () =>
  (browser ??= chromium.launch({ executablePath: executable(), args: FLAGS, headless: true }));
const pages = new Named("page");

const open = async ({ name, email, password, path }) => {
  const context = await (await launched()).newContext({ viewport: { width: 480, height: 720 }, locale: "en-IN" });
  const page = await context.newPage();
  pages.set(name, page);
  page.on("pageerror", ({ message }) => push(name, "page_error", [{ message }]));
  await page.route(
    ({ hostname }) => hostname !== "127.0.0.1",
    (route) => {
      push(name, "outside", [{ url: route.request().url() }]);
      return route.abort();
    },
  );
  let settle;
  const signedIn = new Promise((resolve, reject) => {
    settle = { signed_in: resolve, failed: ({ code, message }) => reject(new CommandError(message, { code })) };
  });
  await page.exposeFunction("report", (event, payload) => {
    push(name, event, [payload]);
    settle[event]?.(payload);
  });
  const [firestoreHost, firestorePort] = FIRESTORE_EMULATOR_HOST.split(":");
  await page.addInitScript((wallet) => Object.assign(window, { wallet }), {
    projectId: GOOGLE_CLOUD_PROJECT,
    authUrl: `http://${FIREBASE_AUTH_EMULATOR_HOST}`,
    firestoreHost,
    firestorePort: Number(firestorePort),
    email,
    password,
    path,
  });
  const [user] = await Promise.all([signedIn, page.goto(origin)]);
  return user;
};

serve(
  {
    open,
    text: ({ name, selector }) => pages.require(name).locator(selector).allTextContents(),
    screenshot: async ({ name, file }) => {
      await pages.require(name).screenshot({ path: file, fullPage: true });
    },
    close: async ({ name }) => {
      await pages.require(name).context().close();
      pages.delete(name);
    },
  },
  async () => {
    await (await browser)?.close();
    server.close();
  },
);
