// Somebody's side of a session: signs in, connects to signaling, calls and is called. calls.mjs opens the page: `person`
// is its configuration, `report` its ear, `call` below its hands. Nothing here knows of a test's wishes: offers may
// cross, candidates may come before the answer, the socket may drop.

import { initializeApp } from "firebase/app";
import { connectAuthEmulator, inMemoryPersistence, initializeAuth, signInWithEmailAndPassword } from "firebase/auth";
import { io } from "/socket.io.mjs";

const { projectId, authUrl, email, password, userType } = window.person;
const LOOPBACK = "127.0.0.1";
const VIDEO = { width: 320, height: 240, frameRate: 15 };
const element = (id) => document.getElementById(id);

// When both have offered, the expert gives way.
const polite = userType === "expert";
let user;
let socket;
let iceServers = [];
let chat = null; // {chatId, type}
let peer = null;
let media = null;
let ringing = null; // {offer, callType}
let early = []; // candidates that came before the description they belong to
let offering = false;
let passedOver = false;

const setStatus = (state) => {
  element("status").dataset.state = state;
  element("status").textContent = state;
  for (const id of ["mute", "camera", "hang-up"]) element(id).disabled = !peer;
  element("call").disabled = !chat || peer !== null;
  element("incoming").hidden = !ringing;
};

/** Only what leads to this machine: the pages' calls ask no other address. */
const local = ({ type, sdp }) => ({
  type,
  sdp: sdp
    .split("\r\n")
    .filter((line) => !line.startsWith("a=candidate:") || line.includes(` ${LOOPBACK} `))
    .join("\r\n"),
});

const signal = (event, payload) => socket.emitWithAck(event, { chatId: chat.chatId, ...payload });

const offer = async () => {
  try {
    offering = true;
    await peer.setLocalDescription();
    const sent = signal("call-offer", { offer: local(peer.localDescription), callType: chat.type });
    window.report("offered", {});
    await sent;
  } finally {
    offering = false;
  }
};

const newPeer = () => {
  peer = new RTCPeerConnection({ iceServers });
  const own = peer;
  const remote = new MediaStream();
  element("remote").srcObject = remote;
  peer.ontrack = ({ track }) => remote.addTrack(track);
  peer.onnegotiationneeded = offer;
  peer.onicecandidate = ({ candidate }) => {
    if (!candidate) signal("ice-candidate", { candidate: null });
    else if (candidate.address === LOOPBACK) signal("ice-candidate", { candidate: candidate.toJSON() });
  };
  peer.onconnectionstatechange = () => {
    if (own !== peer) return;
    setStatus(peer.connectionState);
    window.report("state", { connection: peer.connectionState });
  };
};

const addCandidate = (candidate) =>
  peer.addIceCandidate(candidate).catch((error) => {
    // Of an offer that this side has passed over: of no use.
    if (!passedOver) throw error;
  });

const setRemote = async (description) => {
  await peer.setRemoteDescription(description);
  await Promise.all(early.splice(0).map(addCandidate));
};

const answer = async () => {
  await peer.setLocalDescription();
  await signal("call-answer", { answer: local(peer.localDescription) });
};

const addMedia = async () => {
  media = await navigator.mediaDevices.getUserMedia({ audio: true, video: chat.type === "video" && VIDEO });
  element("local").srcObject = media;
  element("local").toggleAttribute("data-live", chat.type === "video");
  return media.getTracks();
};

const start = async () => {
  const tracks = await addMedia();
  newPeer();
  for (const track of tracks) peer.addTrack(track, media);
  setStatus("calling");
};

const accept = async () => {
  const { offer: offered } = ringing;
  ringing = null;
  newPeer();
  await setRemote(offered);
  for (const track of await addMedia()) peer.addTrack(track, media);
  await answer();
};

const reject = async () => {
  [ringing, early] = [null, []];
  setStatus("declined");
  await signal("call-rejected", {});
};

const close = (state) => {
  for (const track of media?.getTracks() ?? []) track.stop();
  peer?.close();
  [peer, media, ringing, early, offering, passedOver] = [null, null, null, [], false, false];
  for (const id of ["remote", "local"]) element(id).srcObject = null;
  element("local").removeAttribute("data-live");
  for (const id of ["mute", "camera"]) element(id).ariaPressed = "false";
  setStatus(state);
  window.report("closed", { state });
};

const hangUp = async () => {
  await signal("call-ended", { reason: "hung-up" });
  close("hung up");
};

/** Silence, or black: the track goes on. */
const toggle = (id, track) => {
  track.enabled = !track.enabled;
  element(id).ariaPressed = String(!track.enabled);
};

const heard = {
  "chat-started": ({ chatId, type, expert, user: payer }) => {
    chat = { chatId, type };
    element("other").textContent = (expert ?? payer).name;
    element("bill").textContent = "–";
    setStatus("in session");
  },
  "call-offer": async ({ offer: offered, callType }) => {
    if (!peer) {
      ringing = { offer: offered, callType };
      element("ringing").textContent = `${element("other").textContent} calls (${callType})`;
      setStatus("ringing");
      return;
    }
    passedOver = !polite && (offering || peer.signalingState !== "stable");
    if (passedOver) return;
    await setRemote(offered); // takes an own offer back
    await answer();
  },
  "call-answer": ({ answer: given }) => setRemote(given),
  "ice-candidate": ({ candidate }) => (peer?.remoteDescription ? addCandidate(candidate) : early.push(candidate)),
  "call-ended": ({ reason }) => close(reason ?? "ended"),
  "chat-ended": () => {
    if (peer || ringing) close("session over");
    chat = null;
    setStatus("session over");
  },
  "billing-update": ({ duration, totalCharged, balance }) => {
    const left = balance === undefined ? "" : ` · ₹${balance} left`;
    element("bill").textContent = `${duration} min · ₹${totalCharged}${left}`;
  },
};

const connectSocket = () =>
  new Promise((resolve, reject) => {
    socket = io({
      transports: ["websocket"],
      reconnectionDelay: 20,
      reconnectionDelayMax: 100,
      auth: async (give) => give({ token: await user.getIdToken() }),
    });
    socket.onAny((event, payload) => window.report(event, payload));
    for (const [event, handler] of Object.entries(heard)) socket.on(event, handler);
    socket.on("connect_error", reject);
    socket.on("disconnect", (reason) => window.report("disconnect", { reason }));
    socket.on("connect", async () => {
      const registered = await socket.emitWithAck("register", { userType });
      const { session, error } = registered;
      window.report("connect", { sid: socket.id, session: session?.id ?? null, error: error?.code ?? null });
      // Who was away may have another address by now.
      peer?.restartIce();
      resolve(registered);
    });
  });

const inbound = async () => {
  const reports = [...(await peer.getStats()).values()];
  const received = (kind) => reports.find((report) => report.type === "inbound-rtp" && report.kind === kind) ?? {};
  const { selectedCandidatePairId } = reports.find(({ type }) => type === "transport") ?? {};
  const pair = reports.find(({ id }) => id === selectedCandidatePairId);
  const address = (id) => reports.find((report) => report.id === id)?.address;
  const { packetsReceived = 0, totalAudioEnergy = 0 } = received("audio");
  const { framesDecoded = 0 } = received("video");
  return {
    packetsReceived,
    totalAudioEnergy,
    framesDecoded,
    addresses: pair ? [address(pair.localCandidateId), address(pair.remoteCandidateId)] : [],
    tracks: element("remote").srcObject.getTracks().map(({ kind }) => kind).sort(),
    ufrag: /a=ice-ufrag:(.*)/.exec(peer.localDescription?.sdp ?? "")?.[1]?.trim() ?? null,
  };
};

/** The mean brightness of the picture that the other side sends, 0 to 255. */
const brightness = () => {
  const canvas = new OffscreenCanvas(32, 24);
  const context = canvas.getContext("2d");
  context.drawImage(element("remote"), 0, 0, 32, 24);
  const { data } = context.getImageData(0, 0, 32, 24);
  const sum = data.reduce((total, value, index) => (index % 4 === 3 ? total : total + value), 0);
  return sum / (32 * 24 * 3);
};

window.call = {
  emit: (event, payload) => socket.emitWithAck(event, payload),
  stats: async () => ({ connection: peer?.connectionState ?? "none", ...(peer ? await inbound() : {}) }),
  brightness,
};
element("call").onclick = start;
element("accept").onclick = accept;
element("reject").onclick = reject;
element("hang-up").onclick = hangUp;
element("mute").onclick = () => toggle("mute", media.getAudioTracks()[0]);
element("camera").onclick = () => toggle("camera", media.getVideoTracks()[0]);

try {
  const auth = initializeAuth(initializeApp({ projectId, apiKey: "local" }), { persistence: inMemoryPersistence });
  connectAuthEmulator(auth, authUrl, { disableWarnings: true });
  ({ user } = await signInWithEmailAndPassword(auth, email, password));
  const headers = { Authorization: `Bearer ${await user.getIdToken()}` };
  ({ iceServers } = await (await fetch("/api/calls/ice-servers", { headers })).json());
  await connectSocket();
  setStatus("online");
  window.report("signed_in", { uid: user.uid, iceServers });
} catch ({ code, message }) {
  window.report("failed", { code, message });
}
