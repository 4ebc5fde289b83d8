// The page: what the API says, shown; what people do, told to the API. No library, no build.

const $ = (id) => document.getElementById(id);
const LONGEST = 1024; // pixels of what is sent: more than the device looks at
const NAME_BYTES = 63; // of UTF-8, that a name may have
const UNSEEN = ["image/tiff", "image/bmp"]; // that the device opens where a browser may not

let status = {}; // what the device said last: card, camera, state, ...
let shown = null; // the answer that is shown: {answer, picture, text, verdict, ...}
let still = null; // {picture} of one's own that is shown, not the camera's; picture is null while it is on its way
let views = []; // ids of the pictures that are about to be taught
let moments = [{ number: 0 }]; // the states that the slider shows, oldest first
let past; // the number of the state that is looked at, where that is not now
let slides = 0; // how often a person moved the slider
let held = false; // a finger is on the slider: it is not moved under it

// --- talking to the device

class ApiError extends Error {
  constructor(code, body) {
    super(body.error || `error ${code}`);
    this.code = code;
    this.otherName = body.other_name;
  }
}

async function call(method, path, body, type = "application/json") {
  const options = { method, credentials: "same-origin" };
  if (method !== "GET") {
    options.headers = { "Content-Type": type };
    options.body = type === "application/json" ? JSON.stringify(body || {}) : body;
  }
  let response;
  try {
    response = await fetch(`/api${path}`, options);
  } catch {
    throw new ApiError(0, { error: "The device does not answer. Is it on, and this phone in the same Wi-Fi?" });
  }
  const answer = await response.json().catch(() => ({}));
  if (response.status === 401) {
    askForPin();
  }
  if (!response.ok) {
    throw new ApiError(response.status, answer);
  }
  return answer;
}

const get = (path) => call("GET", path);
const post = (path, body) => call("POST", path, body);

// --- showing text: names come from anyone

// Characters that turn, hide or break text are shown by their number; joiners stay, emoji and Persian need them.
function plain(text) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (letter) =>
    letter === "\u200c" || letter === "\u200d" ? letter : `\\u${letter.codePointAt(0).toString(16).padStart(4, "0")}`,
  );
}

function element(tag, text, properties = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  if (text !== undefined) {
    made.textContent = text;
  }
  return made;
}

// A sentence with names in it: each isolated, so that one written from right to left turns nothing else.
function say(target, parts) {
  target.replaceChildren(
    ...parts.map((part) => (typeof part === "string" ? part : element("bdi", plain(part.name), { dir: "auto" }))),
  );
}

function when(seconds) {
  return seconds ? new Date(seconds * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "";
}

function size(bytes) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) {
    bytes /= 1000;
    unit += 1;
  }
  return `${bytes < 10 && unit ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}

function chip(id, text, state) {
  $(id).textContent = text;
  $(id).dataset.state = state || "";
}

// --- messages

let toastTimer = 0;

function toast(parts, undo) {
  say($("toast-text"), parts);
  $("toast-undo").hidden = !undo;
  $("toast-undo").onclick = async () => {
    $("toast").hidden = true;
    await guarded(undo);
  };
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => ($("toast").hidden = true), undo ? 20000 : 6000);
}

// Runs what a person asked for; an error is told where it is looked for.
async function guarded(work, errorBox) {
  if (errorBox) {
    errorBox.hidden = true;
  }
  try {
    await work();
    return true;
  } catch (error) {
    if (error.code === 401) {
      return false;
    }
    const text = status.card === "gone" && error.code === 503 ? WARNINGS.gone : plain(error.message);
    if (errorBox) {
      errorBox.textContent = text;
      errorBox.hidden = false;
    } else {
      toast([text]);
    }
    return false;
  }
}

// A change that can be taken back: exactly its own writes, and only while nothing else was written.
async function change(work, parts) {
  $("toast").hidden = true; // its undo would be of the change before
  const result = await work();
  const [before, after] = result.newest;
  await guarded(() => refresh(after)); // it is done, whether or not it can be shown
  toast(typeof parts === "function" ? parts(result) : parts, () => goBack("/mem/restore", { state: before }, after, ["Taken back."]));
  return result;
}

// Back in time, from what was the newest state when the page was drawn.
async function goBack(path, body, newest, parts) {
  const before = slides;
  let result;
  try {
    result = await post(path, { ...body, if_newest: newest });
  } catch (error) {
    throw error.code === 409 ? new ApiError(409, { error: "Something else was changed since: use the timeline to go back." }) : error;
  }
  await (slides === before ? showNow : refresh)(result.newest[1]); // who looks at another moment meanwhile goes on looking at it
  toast(parts);
}

// One piece of work at a time of a button or form: pressing twice is pressing once.
function once(work) {
  let busy = false;
  return async (event) => {
    event?.preventDefault?.();
    if (busy) {
      return;
    }
    busy = true;
    try {
      await work(event);
    } finally {
      busy = false;
    }
  };
}

// A name as the device takes it, or an error that says what to do.
function checkedName(text) {
  const name = text.trim().replace(/\s+/gu, " ");
  if (!name) {
    throw new ApiError(400, { error: "Please write a name." });
  }
  if (new TextEncoder().encode(name).length > NAME_BYTES) {
    throw new ApiError(400, { error: "This name is too long. Please make it shorter." });
  }
  return name;
}

// --- what it sees

function showAnswer(answer) {
  shown = answer;
  const verdict = answer.text === null ? "unknown" : answer.verdict || "known";
  const name = answer.text === null ? "I don’t know" : plain(answer.text);
  const alike = answer.score === null || answer.score === undefined ? "" : `${Math.round(100 * Math.max(0, answer.score))} % alike`;
  const box = $("answer");
  if (box.dataset.verdict !== verdict || $("answer-name").textContent !== name) {
    box.dataset.verdict = verdict;
    $("answer-name").textContent = name;
  }
  if (verdict === "unknown") {
    say($("answer-detail"), answer.name ? ["Nearest: ", { name: answer.name }, `, ${alike}`] : ["Nothing was taught yet."]);
  } else {
    say($("answer-detail"), [`${verdict === "known" ? "Sure" : "Perhaps, not sure"}${alike && ` · ${alike}`}`]);
  }
  $("judge").hidden = false;
  $("right").hidden = answer.text === null;
  $("wrong").textContent = answer.text === null ? "Say what it is" : "That’s wrong";
  $("teach").disabled = false;
}

// What is seen: the picture first, then the answer with it, so that a name never stands beside another picture. On a slow
// connection some are left out; the newest is not.
let coming = null; // the answer whose picture is on its way
let later = null; // the newest that came meanwhile

function seen(answer) {
  if (coming) {
    later = answer;
    return;
  }
  coming = answer;
  const next = new Image();
  const done = (came) => {
    if (coming === answer) {
      coming = null;
      if (came && wanted(answer)) {
        showAnswer(answer);
        next.id = "shown";
        next.alt = "The picture that is looked at";
        $("shown").replaceWith(next);
        $("nothing-shown").hidden = true;
      }
      const newest = later;
      later = null;
      if (newest && wanted(newest)) {
        seen(newest);
      }
    }
  };
  next.onload = () => done(true);
  next.onerror = () => done(false);
  next.src = `/api/pictures/${answer.picture}`;
}

// Whether an answer is still what the page is to show: one's own picture, or what the camera sees.
function wanted(answer) {
  return status.card !== "gone" && (still ? still.picture === answer.picture : status.camera === "live");
}

function clearShown() {
  coming = later = shown = null;
  $("shown").hidden = true;
  $("nothing-shown").hidden = false;
  $("judge").hidden = true;
  $("teach").disabled = true;
  $("answer").dataset.verdict = "none";
  $("answer-name").textContent = status.card === "gone" ? "Nothing can be answered without the card" : "Nothing is shown yet";
  $("answer-detail").textContent = "";
}

// A photograph as the device needs it: small, upright, without the place where it was taken.
async function shrunk(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    if (UNSEEN.includes(file.type)) {
      return file;
    }
    throw new ApiError(415, { error: "This picture cannot be opened here. Please choose another, a JPEG for example." });
  }
  const factor = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const canvas = element("canvas", undefined, {
    width: Math.max(1, Math.round(bitmap.width * factor)),
    height: Math.max(1, Math.round(bitmap.height * factor)),
  });
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return new Promise((done) => canvas.toBlob((blob) => done(blob || file), "image/jpeg", 0.92));
}

async function send(input) {
  const file = input.files[0];
  input.value = "";
  if (!file) {
    return null;
  }
  const picture = await shrunk(file);
  return (await call("POST", "/pictures", picture, picture.type || "image/jpeg")).picture;
}

// One's own picture, asked about; again after whatever may have changed the answer.
async function look(mine) {
  const turn = (mine.turn = (mine.turn || 0) + 1);
  const answer = await post("/ask", { picture: mine.picture });
  if (mine === still && turn === mine.turn) {
    coming = later = null;
    seen(answer);
  }
}

$("picture").onchange = () => {
  const mine = { picture: null };
  const before = still;
  return guarded(async () => {
    if (!$("picture").files.length) {
      return;
    }
    still = mine;
    try {
      $("answer-detail").textContent = "Looking …";
      mine.picture = await send($("picture"));
      await look(mine);
      offerCamera();
    } catch (error) {
      if (still === mine) {
        backTo(before);
      }
      throw error;
    }
  });
};

function offerCamera() {
  $("live").hidden = !still || status.camera === "none"; // also where one comes later
}

// What was shown before, or what the camera sees.
function backTo(before) {
  still = before;
  offerCamera();
  clearShown();
  lookAgain();
}

$("live").onclick = () => backTo(null);

$("right").onclick = once(() => {
  const answer = shown;
  return guarded(() =>
    change(
      () => post("/right", { answer: answer.answer }),
      ["Good: ", { name: answer.text }, " matters more now."],
    ),
  );
});

$("wrong").onclick = once(async () => {
  const told = shown;
  await guarded(async () => {
    const kept = await post("/ask", { picture: told.picture }); // the live ones are forgotten while one types
    const correct = async (name) => {
      await change(() => post("/wrong", { answer: kept.answer, name }), (taught) => ["Learned: ", { name: taught.name }, "."]);
      lookAgain();
    };
    askName("What is it?", "", correct, `/api/pictures/${told.picture}`);
  });
});

// One's own picture is asked about again where it is still shown, and known: a device that was started anew has forgotten it.
async function lookAgain() {
  const mine = still;
  if (!mine?.picture) {
    return;
  }
  await guarded(async () => {
    try {
      await look(mine);
    } catch (error) {
      if (error.code !== 404) {
        throw error;
      }
      if (mine === still) {
        backTo(null);
      }
    }
  });
}

// --- teaching

$("teach").onclick = once(() =>
  guarded(async () => {
    const { picture } = shown;
    await post("/ask", { picture }); // so that it is kept while one types
    views = [picture];
    $("name").value = "";
    $("keep").checked = false;
    $("teach-error").hidden = true;
    $("which").hidden = true;
    showViews();
    $("teach-dialog").showModal();
    $("name").focus();
  }),
);

function showViews() {
  $("views").replaceChildren(
    ...views.map((id, place) => {
      const item = element("li");
      item.append(element("img", undefined, { src: `/api/pictures/${id}`, alt: `View ${place + 1}` }));
      if (views.length > 1) {
        const away = element("button", "✕", { type: "button" });
        away.setAttribute("aria-label", `Leave out view ${place + 1}`);
        away.onclick = () => {
          views.splice(place, 1);
          showViews();
        };
        item.append(away);
      }
      return item;
    }),
  );
}

function addView(source) {
  const mine = views;
  return guarded(async () => {
    const id = await source();
    if (id) {
      mine.push(id);
    }
    if (mine === views) { // else another thing is being taught by now
      showViews();
    }
  }, $("teach-error"));
}

$("more-camera").onclick = () => addView(async () => (await post("/camera")).picture);
$("more-picture").onchange = () => addView(() => send($("more-picture")));

const teach = once(async ({ how = {} }) => {
  const mine = views;
  const done = await guarded(async () => {
    try {
      const name = checkedName($("name").value);
      await change(
        () => post("/teach", { name, pictures: mine, keep: $("keep").checked, ...how }),
        (told) => {
          const last = told.views[told.views.length - 1];
          const alike = last.easily_confused_with;
          return ["I will remember ", { name: last.name }, ...(alike ? [". It is much like ", { name: alike }] : []), "."];
        },
      );
    } catch (error) {
      $("which").hidden = !error.otherName;
      if (error.otherName) {
        error.message = `This same picture is called “${error.otherName}”. What is meant?`;
      }
      throw error;
    }
  }, $("teach-error"));
  if (done) {
    if (mine === views) {
      $("teach-dialog").close();
    }
    lookAgain();
  }
});

$("teach-form").onsubmit = (event) => {
  event.preventDefault();
  teach({});
};
$("replace").onclick = () => teach({ how: { replace: true } });
$("both").onclick = () => teach({ how: { both: true } });

// --- dialogs that ask for a name, or whether one is sure

let named = async () => {};
let agreed = async () => {};

function askName(title, before, work, picture) {
  $("name-title").textContent = title;
  $("name-picture").hidden = !picture;
  if (picture) {
    $("name-picture").src = picture;
  }
  $("new-name").value = before;
  $("name-error").hidden = true;
  named = work;
  $("name-dialog").showModal();
  $("new-name").select();
}

$("name-form").onsubmit = once(async () => {
  const work = named;
  if ((await guarded(() => work(checkedName($("new-name").value)), $("name-error"))) && work === named) {
    $("name-dialog").close();
  }
});

function askSure(title, text, yes, work) {
  $("sure-title").textContent = title;
  $("sure-text").textContent = text;
  $("sure-yes").textContent = yes;
  agreed = work;
  $("sure-dialog").showModal();
}

$("sure-form").onsubmit = once(() => {
  $("sure-dialog").close();
  return guarded(agreed);
});

for (const button of document.querySelectorAll(".cancel")) {
  button.onclick = () => button.closest("dialog").close();
}

$("toast-close").onclick = () => ($("toast").hidden = true);

// --- the things

function pictures(files, most) {
  return files.slice(-most).map((file) => element("img", undefined, { src: `/api/thumbnails/${file}`, alt: "" }));
}

function thingCard(thing) {
  const item = element("li", undefined, { className: "thing" });
  const box = element("div", undefined, { className: "pictures" });
  box.append(...(thing.thumbnails.length ? pictures(thing.thumbnails, 3) : [element("span", "no picture")]));
  const text = element("div", undefined, { className: "text" });
  const name = element("p", undefined, { className: "name" });
  say(name, [thing]);
  const details = [`${thing.views} ${thing.views === 1 ? "view" : "views"}`];
  if (thing.kept) {
    details.push("never forgotten");
  }
  if (!thing.saved) {
    details.push("not saved");
  }
  text.append(name, element("p", details.join(" · "), { className: "detail", title: when(thing.time) }));
  const actions = element("div", undefined, { className: "actions" });
  for (const [label, work] of [
    ["Rename", () => askName("Another name", thing.name, (name) => rename(thing.name, name))],
    ["Forget", once(() => guarded(() => change(() => post("/forget", { name: thing.name }), ["Forgot ", thing, "."])))],
  ]) {
    const button = element("button", label, { type: "button", onclick: work });
    button.setAttribute("aria-label", `${label} ${plain(thing.name)}`);
    actions.append(button);
  }
  item.append(box, text, actions);
  return item;
}

const rename = (old, name) =>
  change(() => post("/rename", { old, new: name }), (told) => [{ name: told.old }, " is now ", { name: told.new }, "."]);

function showThings(told) {
  $("thing-list").replaceChildren(...told.things.map(thingCard));
  $("no-things").hidden = told.things.length > 0;
  chip("things-chip", `${told.things.length} of ${told.size}`);
  $("known-names").replaceChildren(...told.things.map((thing) => element("option", undefined, { value: thing.name })));
}

// --- the timeline

async function showTimeline(told) {
  moments = told.oldest < told.newest || !told.states.length ? [{ number: told.oldest }, ...told.states] : told.states;
  const slider = $("moment");
  slider.max = moments.length - 1;
  const kept = moments.findIndex((state) => state.number === past); // who looks at the past is not called back by a change
  slider.value = kept < 0 ? slider.max : kept;
  slider.disabled = moments.length === 1;
  $("undo").disabled = moments.length === 1;
  await showMoment();
}

function momentText(place) {
  const state = moments[place];
  const now = place === moments.length - 1;
  if (!state.what) {
    return [now ? "Now: nothing was ever changed" : state.number ? "The oldest that is known" : "Before everything"];
  }
  const named = state.name && !["undone", "restored"].includes(state.action);
  const moment = [now ? "Now" : "", when(state.time)].filter(Boolean).join(" · ");
  const what = { undone: "took changes back", restored: "went back to an earlier moment" }[state.action] || state.what;
  return [moment, moment && ": ", what, ...(named ? [" ", state] : [])];
}

let asked = 0;

async function showMoment() {
  const place = Number($("moment").value);
  const now = place === moments.length - 1;
  const mine = ++asked;
  say($("moment-text"), momentText(place));
  $("moment").setAttribute("aria-valuetext", $("moment-text").textContent);
  $("restore").disabled = now;
  const told = await get(`/mem/states/${moments[place].number}`);
  if (mine !== asked) {
    return; // the slider has moved on
  }
  $("past-title").textContent = now ? "It knows" : "It knew then";
  const items = told.things.map((thing) => {
    const item = element("li", undefined, { className: thing.thumbnails.length ? "" : "plain" });
    const name = element("span");
    say(name, [thing]);
    item.append(...pictures(thing.thumbnails, 1), name);
    return item;
  });
  $("past").replaceChildren(...(items.length ? items : [element("li", "nothing", { className: "plain" })]));
}

$("moment").oninput = () => {
  slides += 1;
  const place = Number($("moment").value);
  past = place < moments.length - 1 ? moments[place].number : undefined;
  return guarded(showMoment);
};

// Leaves the past. The event that tells of a change may have come before its answer: the lists are drawn then, the slider is
// where it was.
async function showNow(state) {
  past = undefined;
  await refresh(state);
  const slider = $("moment");
  if (past === undefined && Number(slider.value) < moments.length - 1) {
    slider.value = moments.length - 1;
    await showMoment();
  }
}

// A list that changes meanwhile is drawn when the finger is away.
for (const event of ["pointerdown", "touchstart"]) {
  $("moment").addEventListener(event, () => (held = true), { passive: true });
}
for (const event of ["pointerup", "pointercancel", "touchend", "touchcancel"]) {
  document.addEventListener(event, () => {
    if (held) {
      held = false;
      drawTimeline();
    }
  });
}

$("restore").onclick = once(() =>
  guarded(() =>
    change(async () => {
      const result = await post("/mem/restore", { state: past });
      await guarded(() => showNow(result.newest[1]));
      return result;
    }, ["The memory is as it was then."]),
  ),
);

$("undo").onclick = once(() =>
  guarded(() =>
    goBack("/mem/undo", {}, moments[moments.length - 1].number, [
      "The last change is taken back. Undo once more to go further, or use the slider.",
    ]),
  ),
);

// --- the card

function showHealth(told) {
  const worn = 100 * told.worn;
  const rows = [
    ["Opened", told.report],
    ["Repaired", `${told.repaired_sectors} sectors`],
    ["Lost", told.lost ? `${told.lost} things` : "nothing"],
    ["Free", `${size(told.free_bytes)} of ${size(told.size_bytes)}`],
    ["Changes", `${told.writes} so far`],
    ["Worn", worn < 0.01 ? "less than 0.01 % of its life (estimate)" : `${worn.toFixed(2)} % of its life (estimate)`],
  ];
  $("health").replaceChildren(...rows.flatMap(([head, text]) => [element("dt", head), element("dd", plain(text))]));
}

$("verify").onclick = once(() =>
  guarded(async () => {
    const told = await post("/mem/verify");
    await refresh();
    const lost = told.lost.flatMap((name) => [" ", { name }]);
    toast(lost.length ? ["Checked. Lost:", ...lost] : [`Checked: ${told.report}`]);
  }),
);

$("upload").onchange = () => {
  const file = $("upload").files[0];
  $("upload").value = "";
  if (!file) {
    return;
  }
  askSure(
    "Exchange the memory?",
    `What the card holds now is kept beside it, and “${plain(file.name)}” takes its place once it is known to be good.`,
    "Exchange",
    async () => {
      drawn = {};
      const told = await call("PUT", "/card", file, "application/zip");
      await showNow(told.state);
      lookAgain();
      toast([`Done: it knows ${told.things} things. The old memory is kept as ${told.old}.`]);
    },
  );
};

// --- who comes in

function askForPin() {
  if (!$("pin-dialog").open) {
    $("pin-dialog").showModal();
  }
}

$("pin-dialog").oncancel = (event) => event.preventDefault();

$("pin-form").onsubmit = once(async () => {
  const done = await guarded(() => post("/login", { pin: $("pin").value.trim() }), $("pin-error"));
  $("pin").value = "";
  if (done) {
    $("pin-dialog").close();
    start();
  }
});

$("logout").onclick = () =>
  guarded(async () => {
    await post("/logout");
    location.reload();
  });

// --- what happens meanwhile

const CARD = {
  open: ["in use", "good"],
  "read only": ["read only", "bad"],
  full: ["full", "bad"],
  gone: ["gone", "bad"],
};
const CAMERA = {
  none: ["no camera", ""],
  starting: ["starting", ""],
  live: ["live", "good"],
  lost: ["camera lost", "bad"],
};
const WARNINGS = {
  gone: "The memory card is gone. Put it back: everything goes on from there.",
  full: "The memory card is full: nothing more can be remembered.",
  "read only": "The memory card cannot be written: it can be asked, not taught.",
};

function banner(text) {
  $("banner").textContent = text;
  $("banner").hidden = !text;
}

async function showStatus(told) {
  const before = status;
  status = told;
  chip("card-chip", ...CARD[told.card]);
  chip("camera-chip", ...CAMERA[told.camera]);
  $("more-camera").hidden = told.camera !== "live"; // also while one teaches: it may come or go then
  offerCamera();
  banner(WARNINGS[told.card] || "");
  if (told.card === "gone" || (told.camera !== "live" && !still)) {
    clearShown();
  }
  if (told.card === "gone") {
    drawn = {}; // another card may come back
  } else if (before.state !== told.state || before.card !== told.card) {
    await guarded(() => refresh(told.state));
  }
  if (before.card === "gone" && told.card !== "gone") {
    lookAgain();
  }
}

let drawn = {}; // {state, done}: what was drawn last, or is being drawn
let timeline = null; // that waits for the finger

// Draws the lists of a state, once for each: who changed something and the event that tells of it ask for the same. Without a
// number they are drawn anew.
function refresh(state) {
  if (state === undefined || state !== drawn.state) {
    const mine = { state };
    drawn = mine;
    mine.done = draw(mine).catch((error) => {
      if (drawn === mine) {
        drawn = {};
      }
      throw error;
    });
  }
  return drawn.done;
}

async function draw(mine) {
  const [things, history, health] = await Promise.all([get("/things"), get("/mem/history?last=1000"), get("/health")]);
  if (drawn !== mine) {
    return drawn.done; // a newer one was asked for meanwhile
  }
  showThings(things);
  showHealth(health);
  timeline = history;
  if (!held) {
    await drawTimeline();
  }
}

async function drawTimeline() {
  const told = timeline;
  timeline = null;
  if (told) {
    await guarded(() => showTimeline(told));
  }
}

$("logout").hidden = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname); // no PIN there

// What the device tells, for as long as the page is looked at: a browser has six connections to a device, and keeps pages that
// were left.
let events = null;
let following = 0; // the turn of what follows the device; an older one ends

function listen(mine) {
  events = new EventSource("/api/events");
  events.addEventListener("status", (event) => showStatus(JSON.parse(event.data)));
  events.addEventListener("seen", (event) => {
    const answer = JSON.parse(event.data);
    if (!still && wanted(answer)) {
      seen(answer);
    }
  });
  events.onerror = () => {
    banner("Not connected to the device. Trying again …");
    if (events.readyState === EventSource.CLOSED) {
      startSoon(mine);
    }
  };
}

function startSoon(mine) {
  setTimeout(() => mine === following && start(), 2000);
}

async function start() {
  events?.close();
  const mine = (following += 1);
  if (document.hidden) {
    return;
  }
  try {
    const told = await get("/status");
    if (mine !== following) {
      return;
    }
    await showStatus(told);
    if (mine === following) {
      listen(mine);
      lookAgain();
    }
  } catch (error) {
    if (error.code !== 401 && mine === following) {
      banner("Not connected to the device. Trying again …");
      startSoon(mine);
    }
  }
}

document.addEventListener("visibilitychange", start);
start();
