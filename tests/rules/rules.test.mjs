// Holds firestore.rules to table.mjs: every cell, every operation, through the Firebase SDK; then the rules' coverage.
// Run by test_rules.py, which sets FIRESTORE_EMULATOR_HOST and RULES_PROJECT (a project of its own, so that no other
// test's requests count as coverage).

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { assertFails, assertSucceeds, initializeTestEnvironment } from "@firebase/rules-unit-testing";
import {
  collection,
  collectionGroup,
  deleteDoc,
  doc,
  getDocFromServer,
  getDocsFromServer,
  onSnapshot,
  query,
  setDoc,
  setLogLevel,
  updateDoc,
  where,
} from "firebase/firestore";
import { unvisited } from "./coverage.mjs";
import { OPERATIONS, ROWS } from "./table.mjs";
import { pathIn, people, seed } from "./world.mjs";

setLogLevel("silent"); // the SDK warns of each refusal, and refusals are what we ask for

const projectId = process.env.RULES_PROJECT;
const host = process.env.FIRESTORE_EMULATOR_HOST;
const source = await readFile(new URL("../../firestore.rules", import.meta.url), "utf8");
let environment;
let columns;

before(async () => {
  environment = await initializeTestEnvironment({ projectId, firestore: { rules: source } });
  await environment.clearFirestore();
  await seed(environment, ROWS);
  columns = people(environment);
});
after(() => environment?.cleanup());

const parent = (path) => path.slice(0, path.lastIndexOf("/"));

const ownedBy = (firestore, { path, listBy }, world) => {
  const documents = collection(firestore, parent(pathIn(world, path)));
  if (listBy === "participants") return query(documents, where(listBy, "array-contains", `user-${world}`));
  const owner = `${["userId", "studentId", "uid"].includes(listBy) ? "user" : "expert"}-${world}`;
  return listBy ? query(documents, where(listBy, "==", owner)) : documents;
};

/** Each operation of a cell, on the row's document in the column's world. What is created names its creator owner. */
const perform = {
  get: ({ firestore, path }) => getDocFromServer(doc(firestore, path)),
  list: ({ firestore, row, world }) => getDocsFromServer(ownedBy(firestore, row, world)),
  create: ({ firestore, path, world, uid }) => {
    const absent = world === "new" ? path : `${parent(path)}/created`;
    return setDoc(doc(firestore, absent), { userId: uid, expertUid: uid, studentId: uid, mentorUid: uid, firebaseUid: uid });
  },
  update: ({ firestore, path }) => updateDoc(doc(firestore, path), { value: 2 }),
  delete: ({ firestore, path }) => deleteDoc(doc(firestore, path)),
};

/** What `perform` takes: who stands in the column, on the row's document. */
const attempt = ({ world, uid, firestore }, row) => ({
  row,
  world,
  path: pathIn(world, row.path),
  uid: uid(row.expertOwns),
  firestore: firestore(row.expertOwns),
});

describe("table", () => {
  for (const row of ROWS) {
    test(`${row.path}${row.listBy && `, list by ${row.listBy}`}`, async () => {
      const wrong = [];
      const attempts = Object.entries(row.allowed).flatMap(([column, allowed]) =>
        Object.values(OPERATIONS).map(async (operation) => {
          const expected = allowed.has(operation);
          const outcome = perform[operation](attempt(columns[column], row));
          await (expected ? assertSucceeds(outcome) : assertFails(outcome)).catch((error) =>
            wrong.push(`${column} ${operation}: expected ${expected ? "allow" : "deny"} (${error.message ?? error})`),
          );
        }),
      );
      await Promise.all(attempts);
      assert.deepEqual(wrong, []);
    });
  }
});

describe("beyond the table", () => {
  const client = (column) => columns[column].firestore(false);

  test("a query across all sessions' messages is refused, also to an admin", async () => {
    for (const column of ["owner", "admin"]) {
      await assertFails(getDocsFromServer(collectionGroup(client(column), "messages")));
    }
  });

  test("one's own uid in the query is needed: another's is refused", async () => {
    const others = query(collection(client("owner"), "transactions"), where("userId", "==", "other"));
    await assertFails(getDocsFromServer(others));
  });

  test("an admin reads below a document that is gone", async () => {
    for (const path of ["sessions/gone/messages/first", "sessions/gone/private/x", "experts/gone/private/kyc"]) {
      await assertSucceeds(getDocFromServer(doc(client("admin"), path)));
    }
  });

  test("disabling an account ends what its new listeners may see", async () => {
    const path = "wallets/leaver";
    const firestore = environment.authenticatedContext("leaver").firestore();
    await assertSucceeds(getDocFromServer(doc(firestore, path)));
    await environment.withSecurityRulesDisabled((context) =>
      setDoc(doc(context.firestore(), "users/leaver"), { disabled: true }),
    );
    const refused = await new Promise((resolve) => {
      onSnapshot(doc(firestore, path), (snapshot) => snapshot.metadata.fromCache || resolve(null), resolve);
    });
    assert.equal(refused?.code, "permission-denied");
  });

  test("whoever has lost a role reads nothing by the token of before", async () => {
    const at = Math.floor(Date.now() / 1000);
    await environment.withSecurityRulesDisabled((context) =>
      setDoc(doc(context.firestore(), "users/demoted"), { role: "user", tokensValidAfter: new Date(at * 1000 - 500) }),
    );
    const read = (auth_time, path) => {
      const context = environment.authenticatedContext("demoted", { role: "admin", auth_time });
      return getDocFromServer(doc(context.firestore(), path));
    };
    for (const path of ["config/platform", "wallets/user-enabled", "wallets/demoted"]) {
      await assertFails(read(at - 1, path));
    }
    await assertSucceeds(read(at, "wallets/demoted"));
  });

  test("a role in the profile gives nothing: only the token's claim does", async () => {
    await environment.withSecurityRulesDisabled((context) =>
      setDoc(doc(context.firestore(), "users/climber"), { role: "admin" }),
    );
    const firestore = environment.authenticatedContext("climber").firestore();
    await assertFails(getDocFromServer(doc(firestore, "config/platform")));
  });
});

// Last: node runs the tests of a file in order, so that everything above has been counted.
test("coverage: every expression of the rules was evaluated, with each outcome it can have", async () => {
  const response = await fetch(`http://${host}/emulator/v1/projects/${projectId}:ruleCoverage`);
  assert.equal(response.status, 200);
  assert.deepEqual(unvisited(await response.json(), source), []);
});
