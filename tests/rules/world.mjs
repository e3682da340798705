// The people and documents that the table of rules is tried on, in three worlds: enabled accounts, disabled accounts,
// and a new account without documents. The world's name is part of every id.

import { doc, setDoc } from "firebase/firestore";

/** {path: data}: the documents of one world that the rules themselves read. */
const documents = (world) => {
  const [user, expertUid, id] = [`user-${world}`, `expert-${world}`, `id-${world}`];
  const disabled = world === "disabled" ? { disabled: true } : {};
  return {
    [`users/${user}`]: { name: "Asha", ...disabled },
    // One account says that it isn't disabled, the others don't mention it.
    [`users/${expertUid}`]: { name: "Ravi", disabled: world === "disabled" },
    [`users/admin-${world}`]: { name: "Admin", ...disabled },
    [`members/${user}`]: { name: "Asha", status: "active" },
    [`members/${id}`]: { name: "Asha", status: "banned" },
    [`sessions/${id}`]: { userId: user, expertUid, expertId: id, status: "in_progress" },
    [`consults/${id}`]: { userId: user, expertUid, expertId: id, status: "active" },
    [`bookings/${id}`]: { studentId: user, mentorUid: expertUid, mentorId: id, status: "confirmed" },
    [`courses/${id}`]: { instructor: { uid: user }, status: "published" },
    [`courses/draft-${id}`]: { instructor: { uid: user }, status: "draft" },
    [`enrollments/${id}`]: { uid: user, courseId: id, status: "active" },
    [`exchanges/${id}`]: { participants: [user, expertUid], status: "accepted" },
    [`conversations/${id}`]: { participants: [user, expertUid], unread: { [user]: 0, [expertUid]: 1 } },
    [`experts/${id}`]: { firebaseUid: expertUid, name: "Ravi", pricePerMin: 10 },
  };
};

/** The path of a row in one world: {user} and {id} filled in. */
export const pathIn = (world, path) => path.replace("{user}", `user-${world}`).replace("{id}", `id-${world}`);

/** Writes the first two worlds, each row's document included, past the rules. */
export const seed = (environment, rows) =>
  environment.withSecurityRulesDisabled(async (context) => {
    const firestore = context.firestore();
    for (const world of ["enabled", "disabled"]) {
      const all = documents(world);
      for (const { path } of rows) all[pathIn(world, path)] ??= { userId: `user-${world}`, value: 1 };
      await Promise.all(Object.entries(all).map(([path, data]) => setDoc(doc(firestore, path), data)));
    }
    await setDoc(doc(firestore, "users/other"), { name: "Other" });
    await setDoc(doc(firestore, "users/other-expert"), { name: "Other expert" });
    await setDoc(doc(firestore, "experts/other-expert"), { firebaseUid: "other-expert", name: "Other expert" });
  });

/** {column: {world, uid(expertOwns), firestore(expertOwns)}}: who stands in a column, with one client a person. */
export const people = (environment) => {
  const clients = new Map();
  const as = (uid, claims) => {
    if (!clients.has(uid)) {
      const context =
        uid === null ? environment.unauthenticatedContext() : environment.authenticatedContext(uid, claims);
      clients.set(uid, context.firestore());
    }
    return clients.get(uid);
  };
  const column = (world, uid, uidWhenExpertOwns = uid, claims = {}) => ({
    world,
    uid: (expertOwns) => (expertOwns ? uidWhenExpertOwns : uid),
    firestore: (expertOwns) => as(expertOwns ? uidWhenExpertOwns : uid, claims),
  });
  const admin = { role: "admin" };
  return {
    anonymous: column("enabled", null),
    owner: column("enabled", "user-enabled", "expert-enabled"),
    participant: column("enabled", "expert-enabled", "user-enabled"),
    other: column("enabled", "other"),
    expert: column("enabled", "other-expert", "other-expert", { role: "expert" }),
    admin: column("enabled", "admin-enabled", "admin-enabled", admin),
    new: column("new", "user-new", "expert-new"),
    "disabled owner": column("disabled", "user-disabled", "expert-disabled"),
    "disabled participant": column("disabled", "expert-disabled", "user-disabled"),
    "disabled admin": column("disabled", "admin-disabled", "admin-disabled", admin),
  };
};
