// A headless Chromium with the call page, one browser context and one origin a person, driven by
// local/clients/lines.mjs. The origin has the page and passes the rest on: the API's paths to API_URL, Socket.IO to the
// instance of signaling that `open` names; so the network between a page and signaling can fail here.
//   open       {name, email, password, userType, signaling}  signs in, connects, registers → {uid}
//   run        {name, method, args?}  calls a method of the page (window.call) → its result
//   click      {name, selector}
//   text       {name, selector} → the text of each element that matches
//   cut        {name}  drops the connections to signaling, as a lost network does
//   hold       {name}  keeps back what signaling sends; `release {name}` lets it through
//   screenshot {name, file}
// Pushes what the page reports: every event of the server, signed_in {uid}, failed {code, message}, connect, disconnect,
// state {connection}; its uncaught errors as page_error {message}; and as outside {url} each request to another address
// than 127.0.0.1, which is refused.

import { createServer, request as ask } from "node:http";
import { connect } from "node:net";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Named, serve } from "../../local/clients/lines.mjs";
import { answer, blank, browser, page, sdk, signIn } from "./chromium.mjs";

const { API_URL, FIREBASE_AUTH_EMULATOR_HOST, GOOGLE_CLOUD_PROJECT } = process.env;
const MODULES = ["app", "auth"];
const SOCKET_IO = dirname(createRequire(import.meta.url).resolve("socket.io-client/package.json"));
const files = {
  "/": page("call.html"),
  "/call.css": page("call.css"),
  "/call.mjs": page("call.mjs"),
  "/socket.io.mjs": join(SOCKET_IO, "dist", "socket.io.esm.min.js"),
  ...sdk(MODULES),
};
const FLAGS = [
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
  // Calls between pages of one machine, on 127.0.0.1, by that very address.
  "--allow-loopback-in-peer-connection",
  "--disable-features=WebRtcHideLocalIpsWithMdns",
];

/** What a page's browser sees as one origin, in front of the API and of one instance of signaling. */
class Origin {
  constructor(signaling) {
    this.signaling = new URL(signaling);
    this.pairs = new Set();
    this.held = false;
    this.server = createServer((given, response) =>
      given.url.startsWith("/api/") ? this.pass(given, response) : answer(files, MODULES, given, response),
    );
    this.server.on("upgrade", (given, socket, head) => this.splice(given, socket, head));
  }

  async listen() {
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${this.server.address().port}`;
  }

  pass(given, response) {
    const { url, method, headers } = given;
    const onward = ask(new URL(url, API_URL), { method, headers }, (answered) => {
      response.writeHead(answered.statusCode, answered.headers);
      answered.pipe(response);
    });
    onward.on("error", () => response.writeHead(502).end());
    given.pipe(onward);
  }

  splice({ method, url, rawHeaders }, socket, head) {
    const upstream = connect(Number(this.signaling.port), this.signaling.hostname);
    const pair = { socket, upstream };
    this.pairs.add(pair);
    const end = () => {
      this.pairs.delete(pair);
      socket.destroy();
      upstream.destroy();
    };
    for (const side of [socket, upstream]) side.on("error", end).on("close", end);
    const lines = rawHeaders.flatMap((value, index) => (index % 2 ? [] : [`${value}: ${rawHeaders[index + 1]}`]));
    upstream.write(`${[`${method} ${url} HTTP/1.1`, ...lines].join("\r\n")}\r\n\r\n`);
    upstream.write(head);
    socket.pipe(upstream);
    if (!this.held) upstream.pipe(socket);
  }

  cut() {
    for (const { socket, upstream } of this.pairs) {
      socket.destroy();
      upstream.destroy();
    }
  }

  hold() {
    this.held = true;
    for (const { socket, upstream } of this.pairs) upstream.unpipe(socket).pause();
  }

  release() {
    this.held = false;
    for (const { socket, upstream } of this.pairs) upstream.pipe(socket);
  }
}

const chromium = browser(FLAGS);
const pages = new Named("page");
const origins = new Named("origin");

const open = async ({ name, email, password, userType, signaling }) => {
  const made = await blank(await chromium.get(), name, { viewport: { width: 640, height: 720 } });
  const origin = new Origin(signaling);
  pages.set(name, made);
  origins.set(name, origin);
  await made.addInitScript((person) => Object.assign(window, { person }), {
    projectId: GOOGLE_CLOUD_PROJECT,
    authUrl: `http://${FIREBASE_AUTH_EMULATOR_HOST}`,
    email,
    password,
    userType,
  });
  return signIn(made, name, await origin.listen());
};

serve(
  {
    open,
    run: ({ name, method, args = [] }) =>
      pages.require(name).evaluate(([called, given]) => window.call[called](...given), [method, args]),
    click: ({ name, selector }) => pages.require(name).click(selector),
    text: ({ name, selector }) => pages.require(name).locator(selector).allTextContents(),
    cut: ({ name }) => origins.require(name).cut(),
    hold: ({ name }) => origins.require(name).hold(),
    release: ({ name }) => origins.require(name).release(),
    screenshot: async ({ name, file }) => {
      await pages.require(name).screenshot({ path: file });
    },
  },
  async () => {
    await chromium.close();
    for (const { server } of origins.values()) server.close();
  },
);
