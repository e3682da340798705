// Who may do what with which document: the contract that firestore.rules is held to.
//
// A cell holds what is allowed, of get, list, create, update, delete (g l c u d); everything not named is denied and is
// tried too. A list asks, in each cell, for the owner's documents by the row's query. Columns, per row:
//   owner        whose document it is: the user, or (rows marked "expert's") the expert
//   participant  the other side of the owner's session and queue
//   other        a user who has nothing to do with either
//   expert       an expert who has nothing to do with either
//   admin        custom claim role=admin
//   disabled …   the same, with users/{uid}.disabled == true
//   new          an owner whose documents don't exist yet, the users document included

const TEXT = `
document                            | list by   | anonymous | owner | participant | other | expert | admin | new  | disabled owner | disabled participant | disabled admin
users/{user}                        |           | -         | g     | -           | -     | -      | gl    | g    | -              | -                    | -
users/{user}/private/settings       |           | -         | gl    | -           | -     | -      | gl    | gl   | -              | -                    | -
users/{user}/sealed/payoutDetails   |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
users/{user}/sealed/birth           |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
phones/{id}                         |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
signIns/{id}                        |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
wallets/{user}                      |           | -         | g     | -           | -     | -      | gl    | g    | -              | -                    | -
gamification/{user}                 |           | -         | g     | -           | -     | -      | gl    | g    | -              | -                    | -
members/{user}              (public)|           | g         | g     | g           | g     | g      | g     | -    | g              | g                    | g
members/{id}                        |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
members/{user}/private/referral     |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
members/{user}/endorsements/first   |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
points/{id}                         | uid       | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
transactions/{id}                   | userId    | -         | gl    | -           | -     | -      | gl    | l    | -              | -                    | -
transactions/{id}                   |           | -         | g     | -           | -     | -      | gl    | -    | -              | -                    | -
sessions/{id}                       | userId    | -         | gl    | g           | -     | -      | gl    | l    | -              | -                    | -
sessions/{id}                       | expertUid | -         | g     | gl          | -     | -      | gl    | -    | -              | -                    | -
sessions/{id}                       |           | -         | g     | g           | -     | -      | gl    | -    | -              | -                    | -
sessions/{id}/messages/first        |           | -         | gl    | gl          | -     | -      | gl    | -    | -              | -                    | -
bookings/{id}                       | studentId | -         | gl    | g           | -     | -      | gl    | l    | -              | -                    | -
bookings/{id}                       | mentorUid | -         | g     | gl          | -     | -      | gl    | -    | -              | -                    | -
bookings/{id}                       |           | -         | g     | g           | -     | -      | gl    | -    | -              | -                    | -
bookings/{id}/private/terms         |           | -         | -     | g           | -     | -      | g     | -    | -              | -                    | -
bookings/{id}/private/attendance    |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
recordings/{id}                     |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
consults/{id}                       | userId    | -         | gl    | g           | -     | -      | gl    | l    | -              | -                    | -
consults/{id}                       | expertUid | -         | g     | gl          | -     | -      | gl    | -    | -              | -                    | -
consults/{id}/private/terms         |           | -         | -     | g           | -     | -      | g     | -    | -              | -                    | -
courses/{id}                        |           | g         | g     | g           | g     | g      | g     | -    | g              | g                    | g
courses/draft-{id}                  |           | -         | g     | -           | -     | -      | g     | -    | -              | -                    | -
courses/{id}/private/content        |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
courses/{id}/private/review         |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
courseListings/{id}                 |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
enrollments/{id}                    | uid       | -         | gl    | -           | -     | -      | gl    | l    | -              | -                    | -
enrollments/{id}                    |           | -         | g     | -           | -     | -      | gl    | -    | -              | -                    | -
certificates/{id}                   | uid       | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
liveSessions/{id}           (public)|           | gl        | gl    | gl          | gl    | gl     | gl    | gl   | gl             | gl                   | gl
liveSessions/{id}/private/call      |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
liveSessions/{id}/participants/{user} |         | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
liveSessions/{id}/messages/first    |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
packages/{id}               (public)|           | gl        | gl    | gl          | gl    | gl     | gl    | gl   | gl             | gl                   | gl
packagePurchases/{id}               | userId    | -         | gl    | -           | -     | -      | gl    | l    | -              | -                    | -
packagePurchases/{id}               |           | -         | g     | -           | -     | -      | gl    | -    | -              | -                    | -
packagePurchases/{id}/private/terms |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
coupons/{id}                        |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
couponUses/{id}                     |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
couponUsers/{id}                    |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
availability/{id}                   |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
disputes/{id}                       | studentId | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
bookingRefunds/{id}                 | studentId | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
coursePurchases/{id}                | userId    | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
courseCheckouts/{id}                |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
courseRefunds/{id}                  | userId    | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
gatewayRefunds/{id}                 |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
config/rates/rows/first             |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
conversations/{id}                  | participants | -      | gl    | g           | -     | -      | gl    | l    | -              | -                    | -
conversations/{id}                  |           | -         | g     | g           | -     | -      | gl    | -    | -              | -                    | -
conversations/{id}/messages/first   |           | -         | gl    | gl          | -     | -      | gl    | -    | -              | -                    | -
exchanges/{id}                      | participants | -      | gl    | g           | -     | -      | gl    | l    | -              | -                    | -
exchanges/{id}                      |           | -         | g     | g           | -     | -      | gl    | -    | -              | -                    | -
exchangeClaims/{id}                 |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
archives/{user}                     |           | -         | g     | -           | -     | -      | -     | g    | -              | -                    | -
sessions/{id}/private/settlement    |           | -         | -     | gl          | -     | -      | gl    | -    | -              | -                    | -
experts/{id}                (public)|           | gl        | gl    | gl          | gl    | gl     | gl    | gl   | gl             | gl                   | gl
experts/{id}/private/kyc  (expert's)|           | -         | gl    | -           | -     | -      | gl    | -    | -              | -                    | -
queues/{id}/entries/{user}          |           | -         | g     | gl          | -     | -      | gl    | g    | -              | -                    | -
notifications/{id}                  | userId    | -         | gl    | -           | -     | -      | -     | l    | -              | -                    | -
notifications/{id}                  |           | -         | g     | -           | -     | -      | -     | -    | -              | -                    | -
subscriptions/{id}                  | userId    | -         | gl    | -           | -     | -      | gl    | l    | -              | -                    | -
subscriptions/{id}                  |           | -         | g     | -           | -     | -      | gl    | -    | -              | -                    | -
subscriptionPeriods/{id}            | userId    | -         | gl    | -           | -     | -      | gl    | l    | -              | -                    | -
subscriptionUses/{id}               | userId    | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
subscribers/{user}                  |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
mails/{id}                          | userId    | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
digests/{user}                      |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
noticeRuns/{id}                     |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
pushes/{id}                         | userId    | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
devices/{id}                        | userId    | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
deletions/{user}                    |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
encryptionKeys/{id}                 |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
config/platform                     |           | -         | -     | -           | -     | -      | g     | -    | -              | -                    | -
config/platform/versions/1          |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
refunds/{id}                        | userId    | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
audit/{id}                          |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
userIndex/{user}                    |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
ledgerDays/{id}                     |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
ledgerMonths/{id}                   |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
metricsDays/{id}                    |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
config/secrets                      |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
movements/{id}                      | userId    | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
accounts/{user}                     |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
accounts/{user}/shards/0            |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
claims/{id}                         |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
presence/{user}                     |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
introUses/{user}                    |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
calendars/{user}/days/2026-01-05    |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
connections/{id}                    | userId    | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
orders/{id}                         | userId    | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
payments/{id}                       | userId    | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
invoices/{id}                       | userId    | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
customers/{user}                    |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
customerClaims/{id}                 |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
counters/{id}                       |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
externalEvents/{id}                 |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
eventCursors/{id}                   |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
idempotencyKeys/{user}              |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
rateLimits/{user}                   |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
expertsByUid/{user}                 |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
mentorIndex/{id}                    |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
importJobs/{id}                     |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
importJobs/{id}/chunks/0000         |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
queues/{id}                         |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
listings/{id}                       |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
slugs/{id}                          |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
mentorStats/{id}                    |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
mentorStats/{id}/bookings/first     |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
calendarFeeds/{id}                  |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
mentorActivity/{id}                 |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
mentorActivity/{id}/bookings/first  |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
studentActivity/{user}              |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
specialties/{id}                    |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
removedExperts/{id}                 |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
uploads/{id}                        | userId    | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
reviews/{id}                        | userId    | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
reviews/{id}/reports/{user}         |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
wallets/{user}/unknown/first        |           | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
unknown/{user}                      | userId    | -         | -     | -           | -     | -      | -     | -    | -              | -                    | -
`;

export const OPERATIONS = { g: "get", l: "list", c: "create", u: "update", d: "delete" };

const cells = (line) => line.split("|").map((cell) => cell.trim());
const [header, ...lines] = TEXT.trim().split("\n").map(cells);

/** [{path, listBy, expertOwns, allowed: {column: Set of operations}}] */
export const ROWS = lines.map(([document, listBy, ...allowed]) => ({
  path: document.replace(/\s*\(.*\)$/, ""),
  listBy,
  expertOwns: document.includes("(expert's)"),
  allowed: Object.fromEntries(
    header.slice(2).map((column, index) => [
      column,
      new Set([...allowed[index].replace("-", "")].map((letter) => OPERATIONS[letter])),
    ]),
  ),
}));
