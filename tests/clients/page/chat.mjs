// Signs in and shows the messages of a session as text, live. browser.mjs opens the page: `wallet` is its configuration,
// `report` its ear.

import { initializeApp } from "firebase/app";
import { connectAuthEmulator, inMemoryPersistence, initializeAuth, signInWithEmailAndPassword } from "firebase/auth";
import { collection, connectFirestoreEmulator, getFirestore, onSnapshot, orderBy, query } from "firebase/firestore";

const { projectId, authUrl, firestoreHost, firestorePort, email, password, path } = window.wallet;
const list = document.getElementById("messages");

const show = ({ docs }) => {
  list.replaceChildren(
    ...docs.map((message) => Object.assign(document.createElement("li"), { textContent: message.data().message })),
  );
  // What markup would have made, or run.
  const made = [...list.querySelectorAll("li *")].map(({ tagName }) => tagName);
  window.report("shown", { count: docs.length, made, ran: window.ran ?? null });
};
const fail = ({ code, message }) => window.report("failed", { code, message });

const app = initializeApp({ projectId, apiKey: "local" });
const auth = initializeAuth(app, { persistence: inMemoryPersistence });
connectAuthEmulator(auth, authUrl, { disableWarnings: true });
const firestore = getFirestore(app);
connectFirestoreEmulator(firestore, firestoreHost, firestorePort);

try {
  const { user } = await signInWithEmailAndPassword(auth, email, password);
  window.report("signed_in", { uid: user.uid });
  onSnapshot(query(collection(firestore, path), orderBy("createdAt")), show, fail);
} catch (error) {
  fail(error);
}
