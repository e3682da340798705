// A headless Chromium with the wallet page, one browser context a user, driven by local/clients/lines.mjs.
//   open       {name, email, password, path?}  signs in, listens to wallets/{uid} or to `path` → {uid}
//   chat       {name, email, password, path}   signs in, shows the messages of `path` as text → {uid}
//   text       {name, selector} → the text of each element that matches
//   screenshot {name, file}
//   fetch      {url, method, headers, text} → {status, text, error}: by a page of this origin, as CORS allows
//   close      {name}
// Pushes what the page reports (signed_in {uid}, snapshot {exists, data}, failed {code, message}), its uncaught errors
// as page_error {message}, and as outside {url} each request to another address than 127.0.0.1, which is refused.

import { createServer } from "node:http";
import { Named, serve } from "../../local/clients/lines.mjs";
import { answer, blank, browser, page, sdk, signIn } from "./chromium.mjs";

const { FIRESTORE_EMULATOR_HOST, FIREBASE_AUTH_EMULATOR_HOST, GOOGLE_CLOUD_PROJECT } = process.env;
const MODULES = ["app", "auth", "firestore"];
const files = {
  "/": page("index.html"),
  "/wallet.css": page("wallet.css"),
  "/wallet.mjs": page("wallet.mjs"),
  "/chat.html": page("chat.html"),
  "/chat.mjs": page("chat.mjs"),
  ...sdk(MODULES),
};

const server = createServer((request, response) => answer(files, MODULES, request, response));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${server.address().port}`;

const chromium = browser();
const pages = new Named("page");

const open = async ({ name, email, password, path }, file = "") => {
  const made = await blank(await chromium.get(), name, { viewport: { width: 480, height: 720 } });
  pages.set(name, made);
  const [firestoreHost, firestorePort] = FIRESTORE_EMULATOR_HOST.split(":");
  await made.addInitScript((wallet) => Object.assign(window, { wallet }), {
    projectId: GOOGLE_CLOUD_PROJECT,
    authUrl: `http://${FIREBASE_AUTH_EMULATOR_HOST}`,
    firestoreHost,
    firestorePort: Number(firestorePort),
    email,
    password,
    path,
  });
  return signIn(made, name, `${origin}/${file}`);
};

serve(
  {
    open: (wanted) => open(wanted),
    chat: (wanted) => open(wanted, "chat.html"),
    text: ({ name, selector }) => pages.require(name).locator(selector).allTextContents(),
    screenshot: async ({ name, file }) => {
      await pages.require(name).screenshot({ path: file, fullPage: true });
    },
    fetch: async ({ url, method, headers, text }) => {
      // Not in an opened page: its watch over addresses makes Playwright answer preflights itself.
      const context = await (await chromium.get()).newContext();
      try {
        const page = await context.newPage();
        await page.goto(`${origin}/wallet.css`);
        return await page.evaluate(
          async ([url, options]) => {
            try {
              const answer = await fetch(url, options);
              return { status: answer.status, text: await answer.text(), error: null };
            } catch ({ message }) {
              return { status: null, text: null, error: message };
            }
          },
          [url, { method, headers, body: text ?? undefined }],
        );
      } finally {
        await context.close();
      }
    },
    close: async ({ name }) => {
      await pages.require(name).context().close();
      pages.delete(name);
    },
  },
  async () => {
    await chromium.close();
    server.close();
  },
);
