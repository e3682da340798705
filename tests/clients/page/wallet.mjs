// Signs in and shows one's own wallet document, live. browser.mjs opens the page: `wallet` is its configuration,
// `report` its ear.

import { initializeApp } from "firebase/app";
import { connectAuthEmulator, inMemoryPersistence, initializeAuth, signInWithEmailAndPassword } from "firebase/auth";
import { connectFirestoreEmulator, doc, getFirestore, onSnapshot } from "firebase/firestore";

const { projectId, authUrl, firestoreHost, firestorePort, email, password, path } = window.wallet;
const element = (id) => document.getElementById(id);
const rupees = new Intl.NumberFormat("en-IN", { style: "currency", currency: "INR" });
const signed = new Intl.NumberFormat("en-IN", { style: "currency", currency: "INR", signDisplay: "always" });

const setStatus = (state, text) => {
  element("status").dataset.state = state;
  element("status").textContent = text;
};

const cell = (tag, textContent, className = "") =>
  Object.assign(document.createElement(tag), { textContent, className });

const addChange = (amount, balance) => {
  const item = document.createElement("li");
  const time = new Date().toLocaleTimeString("en-IN", { hour12: false });
  item.append(
    cell("time", time),
    cell("span", signed.format(amount), amount < 0 ? "less" : "more"),
    cell("span", rupees.format(balance)),
  );
  element("changes").prepend(item);
};

let shown = null;
const show = (snapshot) => {
  const balance = snapshot.data()?.balance ?? null;
  element("balance").textContent = balance === null ? "–" : rupees.format(balance);
  if (shown !== null && balance !== null && balance !== shown) addChange(balance - shown, balance);
  shown = balance;
  setStatus("live", "Live");
  window.report("snapshot", { exists: snapshot.exists(), data: snapshot.data() ?? null });
};

const fail = ({ code, message }) => {
  setStatus("failed", "Refused");
  window.report("failed", { code, message });
};

const app = initializeApp({ projectId, apiKey: "local" });
const auth = initializeAuth(app, { persistence: inMemoryPersistence });
connectAuthEmulator(auth, authUrl, { disableWarnings: true });
const firestore = getFirestore(app);
connectFirestoreEmulator(firestore, firestoreHost, firestorePort);

try {
  const { user } = await signInWithEmailAndPassword(auth, email, password);
  element("owner").textContent = user.email;
  window.report("signed_in", { uid: user.uid });
  onSnapshot(doc(firestore, path ?? `wallets/${user.uid}`), show, fail);
} catch (error) {
  fail(error);
}
