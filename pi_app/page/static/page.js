// The page: what the API says, shown; what people do, told to the API. No library, no build.

const $ = (id) => document.getElementById(id);
const LONGEST = 1024; // pixels of what is sent: more than the device looks at

let status = {}; // what the device said last: card, camera, state, ...
let shown = null; // the answer that is shown: {answer, picture, text, verdict, ...}
let still = false; // a picture of one's own is shown, not the camera's
let views = []; // ids of the pictures that are about to be taught
let moments = [{ number: 0 }]; // the states that the slider shows, oldest first
let past; // the number of the state that is looked at, where that is not now

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
    const text = plain(error.message);
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
  const before = (await get("/status")).state;
  const result = await work();
  const after = (await get("/status")).state;
  await refresh();
  toast(typeof parts === "function" ? parts(result) : parts, async () => {
    if ((await get("/status")).state !== after) {
      throw new ApiError(409, { error: "Something else was changed since: use the timeline to go back." });
    }
    await post("/mem/restore", { state: before });
    await refresh();
    toast(["Taken back."]);
  });
  return result;
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

function showPicture(id) {
  const next = new Image();
  next.onload = () => {
    if (shown && shown.picture === id) {
      next.id = "shown";
      next.alt = "The picture that is looked at";
      $("shown").replaceWith(next);
      $("nothing-shown").hidden = true;
    }
  };
  next.src = `/api/pictures/${id}`;
}

function clearShown() {
  shown = null;
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
    return file;
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

async function look(id) {
  still = true;
  const answer = await post("/ask", { picture: id });
  showAnswer(answer);
  showPicture(id);
  $("live").hidden = status.camera === "none";
}

$("picture").onchange = () =>
  guarded(async () => {
    const id = await send($("picture"));
    if (id) {
      await look(id);
    }
  });

$("live").onclick = () => {
  still = false;
  $("live").hidden = true;
  clearShown();
};

$("right").onclick = () => {
  const answer = shown;
  return guarded(() =>
    change(
      () => post("/right", { answer: answer.answer }),
      ["Good: ", { name: answer.text }, " matters more now."],
    ),
  );
};

$("wrong").onclick = async () => {
  const told = shown;
  await guarded(async () => {
    const kept = await post("/ask", { picture: told.picture }); // the live ones are forgotten while one types
    askName("What is it?", "", async (name) => {
      await change(() => post("/wrong", { answer: kept.answer, name }), (taught) => ["Learned: ", { name: taught.name }, "."]);
      if (still) {
        await look(told.picture);
      }
    });
  });
};

// --- teaching

$("teach").onclick = () =>
  guarded(async () => {
    const picture = shown.picture;
    await post("/ask", { picture }); // so that it is kept while one types
    views = [picture];
    $("name").value = "";
    $("keep").checked = false;
    $("teach-error").hidden = true;
    $("which").hidden = true;
    showViews();
    $("teach-dialog").showModal();
    $("name").focus();
  });

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
  return guarded(async () => {
    const id = await source();
    if (id) {
      views.push(id);
      showViews();
    }
  }, $("teach-error"));
}

$("more-camera").onclick = () => addView(async () => (await post("/camera")).picture);
$("more-picture").onchange = () => addView(() => send($("more-picture")));

async function teach(how) {
  const name = $("name").value;
  const done = await guarded(async () => {
    try {
      await change(
        () => post("/teach", { name, pictures: views, keep: $("keep").checked, ...how }),
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
    $("teach-dialog").close();
    if (still && shown) {
      await guarded(() => look(shown.picture));
    }
  }
}

$("teach-form").onsubmit = (event) => {
  event.preventDefault();
  teach({});
};
$("replace").onclick = () => teach({ replace: true });
$("both").onclick = () => teach({ both: true });

// --- dialogs that ask for a name, or whether one is sure

let named = async () => {};
let agreed = async () => {};

function askName(title, before, work) {
  $("name-title").textContent = title;
  $("new-name").value = before;
  $("name-error").hidden = true;
  named = work;
  $("name-dialog").showModal();
  $("new-name").select();
}

$("name-form").onsubmit = async (event) => {
  event.preventDefault();
  if (await guarded(() => named($("new-name").value), $("name-error"))) {
    $("name-dialog").close();
  }
};

function askSure(title, text, yes, work) {
  $("sure-title").textContent = title;
  $("sure-text").textContent = text;
  $("sure-yes").textContent = yes;
  agreed = work;
  $("sure-dialog").showModal();
}

$("sure-form").onsubmit = (event) => {
  event.preventDefault();
  $("sure-dialog").close();
  guarded(agreed);
};

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
    ["Forget", () => guarded(() => change(() => post("/forget", { name: thing.name }), ["Forgot ", thing, "."]))],
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

async function showThings() {
  const told = await get("/things");
  $("thing-list").replaceChildren(...told.things.map(thingCard));
  $("no-things").hidden = told.things.length > 0;
  chip("things-chip", `${told.things.length} of ${told.size}`);
  $("known-names").replaceChildren(...told.things.map((thing) => element("option", undefined, { value: thing.name })));
}

// --- the timeline

async function showTimeline() {
  const told = await get("/mem/history?last=1000");
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
  const place = Number($("moment").value);
  past = place < moments.length - 1 ? moments[place].number : undefined;
  return guarded(showMoment);
};

$("restore").onclick = () => {
  const { number } = moments[Number($("moment").value)];
  past = undefined;
  return guarded(() => change(() => post("/mem/restore", { state: number }), ["The memory is as it was then."]));
};

$("undo").onclick = () =>
  guarded(async () => {
    await post("/mem/undo");
    past = undefined;
    await refresh();
    toast(["The last change is taken back. Undo once more to go further, or use the slider."]);
  });

// --- the card

async function showHealth() {
  const told = await get("/health");
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

$("verify").onclick = () =>
  guarded(async () => {
    const told = await post("/mem/verify");
    await refresh();
    const lost = told.lost.flatMap((name) => [" ", { name }]);
    toast(lost.length ? ["Checked. Lost:", ...lost] : [`Checked: ${told.report}`]);
  });

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
      const told = await call("PUT", "/card", file, "application/zip");
      await refresh();
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

$("pin-form").onsubmit = async (event) => {
  event.preventDefault();
  const done = await guarded(() => post("/login", { pin: $("pin").value.trim() }), $("pin-error"));
  $("pin").value = "";
  if (done) {
    $("pin-dialog").close();
    start();
  }
};

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
  banner(WARNINGS[told.card] || "");
  if (told.card === "gone" || (told.camera !== "live" && !still)) {
    clearShown();
  }
  if (told.card !== "gone" && (before.state !== told.state || before.card !== told.card)) {
    await guarded(refresh);
  }
}

async function refresh() {
  await Promise.all([showThings(), showTimeline(), showHealth()]);
}

$("logout").hidden = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname); // no PIN there

let events = null;

function listen() {
  events?.close();
  events = new EventSource("/api/events");
  events.addEventListener("status", (event) => showStatus(JSON.parse(event.data)));
  events.addEventListener("seen", (event) => {
    if (!still && !document.hidden) {
      const answer = JSON.parse(event.data);
      showAnswer(answer);
      showPicture(answer.picture);
    }
  });
  events.onerror = () => {
    banner("Not connected to the device. Trying again …");
    if (events.readyState === EventSource.CLOSED) {
      setTimeout(start, 2000);
    }
  };
}

async function start() {
  try {
    await showStatus(await get("/status"));
    listen();
  } catch (error) {
    if (error.code !== 401) {
      banner("Not connected to the device. Trying again …");
      setTimeout(start, 2000);
    }
  }
}

start();
