// Users of the Firebase JS SDK, one app each, on the emulators, driven by lines.mjs. Who hasn't signed in is anonymous.
//   signUp, signIn {name, email, password} → {uid, idToken}        signOut {name}
//   idToken  {name, force?}                → the ID token, fresh claims with `force`
//   listen   {name, label, path | query}   → the first snapshot; then pushes each, the first too, as event `label`
//   unlisten {name, label}
//   get      {name, path | query}          → a snapshot
//   set      {name, path, data}            a client's write
// A query is {collection, where: [[field, op, value]], orderBy: [[field, direction?]], limit}. A snapshot is
// {path, id, exists, data, fromCache}, a query's
// {path, docs: [{path, id, exists, data}], changes: [{type, id}], fromCache}.
// A listener that the server ends later pushes `listen_error` {label, code, message}.

import { initializeApp } from "firebase/app";
import {
  connectAuthEmulator,
  createUserWithEmailAndPassword,
  getAuth,
  signInWithEmailAndPassword,
  signOut,
} from "firebase/auth";
import {
  Timestamp,
  collection,
  connectFirestoreEmulator,
  doc,
  getDocFromServer,
  getDocsFromServer,
  getFirestore,
  limit,
  onSnapshot,
  orderBy,
  query,
  setDoc,
  setLogLevel,
  where,
} from "firebase/firestore";
import { CommandError, Named, push, serve } from "./lines.mjs";

const { FIRESTORE_EMULATOR_HOST, FIREBASE_AUTH_EMULATOR_HOST, GOOGLE_CLOUD_PROJECT } = process.env;
setLogLevel("error"); // refusals are expected here, and answered

const users = new Map();
const user = (name) => {
  if (!users.has(name)) {
    const app = initializeApp({ projectId: GOOGLE_CLOUD_PROJECT, apiKey: "local" }, name);
    const auth = getAuth(app);
    connectAuthEmulator(auth, `http://${FIREBASE_AUTH_EMULATOR_HOST}`, { disableWarnings: true });
    const firestore = getFirestore(app);
    const [host, port] = FIRESTORE_EMULATOR_HOST.split(":");
    connectFirestoreEmulator(firestore, host, Number(port));
    users.set(name, { auth, firestore, listeners: new Named("listener") });
  }
  return users.get(name);
};

/** Firestore's values as JSON: times in ISO 8601, references by path. */
const plain = (value) => {
  if (value instanceof Timestamp) return value.toDate().toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.path === "string" && value.firestore) return value.path;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
};

const document = (snapshot) => ({
  path: snapshot.ref.path,
  id: snapshot.id,
  exists: snapshot.exists(),
  data: snapshot.exists() ? plain(snapshot.data()) : null,
});

const describe = (snapshot, path) => {
  const { fromCache } = snapshot.metadata;
  if (!snapshot.docs) return { ...document(snapshot), fromCache };
  const changes = snapshot.docChanges().map(({ type, doc: changed }) => ({ type, id: changed.id }));
  return { path, docs: snapshot.docs.map(document), changes, fromCache };
};

const target = (firestore, { path, query: wanted }) =>
  wanted
    ? query(
        collection(firestore, wanted.collection),
        ...(wanted.where ?? []).map((condition) => where(...condition)),
        ...(wanted.orderBy ?? []).map((order) => orderBy(...order)),
        ...(wanted.limit ? [limit(wanted.limit)] : []),
      )
    : doc(firestore, path);

const signedIn = async ({ user: account }) => ({ uid: account.uid, idToken: await account.getIdToken() });

const listen = ({ name, label, ...wanted }) => {
  const { firestore, listeners } = user(name);
  if (listeners.has(label)) throw new CommandError(`${name} listens to ${label} already`);
  return new Promise((resolve, reject) => {
    const seen = (snapshot) => {
      const described = describe(snapshot, wanted.query?.collection);
      push(name, label, [described]);
      resolve(described);
    };
    const ended = ({ code, message }) => {
      listeners.delete(label);
      push(name, "listen_error", [{ label, code, message }]);
      reject(new CommandError(message, { code }));
    };
    listeners.set(label, onSnapshot(target(firestore, wanted), seen, ended));
  });
};

serve({
  signUp: async ({ name, email, password }) =>
    signedIn(await createUserWithEmailAndPassword(user(name).auth, email, password)),
  signIn: async ({ name, email, password }) =>
    signedIn(await signInWithEmailAndPassword(user(name).auth, email, password)),
  signOut: ({ name }) => signOut(user(name).auth),
  idToken: ({ name, force = false }) => {
    const { currentUser } = user(name).auth;
    if (!currentUser) throw new CommandError(`${name} isn't signed in`);
    return currentUser.getIdToken(force);
  },
  listen,
  unlisten: ({ name, label }) => {
    const { listeners } = user(name);
    listeners.require(label)();
    listeners.delete(label);
  },
  get: async ({ name, ...wanted }) => {
    const found = target(user(name).firestore, wanted);
    const snapshot = wanted.query ? await getDocsFromServer(found) : await getDocFromServer(found);
    return describe(snapshot, wanted.query?.collection);
  },
  set: async ({ name, path, data }) => {
    await setDoc(doc(user(name).firestore, path), data);
  },
});
