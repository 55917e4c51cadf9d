"use strict";

// The pages of a listening test, in the listener's own order; answers are kept in this browser until they are saved.
const test = JSON.parse(document.getElementById("test").textContent);
const stage = document.getElementById("stage");
const player = new LoopPlayer(test.sample_rate, () => showPlaying());
const FORMAT = "timbrebench-ratings-1";
const LISTENER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/;
const LAST = `timbrebench-listener-${test.test}`;
let session = null; // { listener, session, heard_training, answers: { page: { order, scores, seconds } } }
let current = null; // the page that is shown

// Elements -------------------------------------------------------------------------------------------------

// Text stays text: nothing is ever read as HTML.
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

function show(place, ...children) {
  player.rewind();
  document.getElementById("place").textContent = place;
  stage.replaceChildren(...children.filter((child) => child !== null));
  window.scrollTo(0, 0);
  stage.focus({ preventScroll: true });
}

function say(text) {
  document.getElementById("status").textContent = text;
}

// Orders ---------------------------------------------------------------------------------------------------

// FNV-1a, and mulberry32 from there: the same text, the same order, in every browser.
function generatorOf(text) {
  let state = 0x811c9dc5;
  for (const character of text) state = Math.imul(state ^ character.codePointAt(0), 0x01000193) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function shuffled(items, seed) {
  const next = generatorOf(seed);
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const chosen = Math.floor(next() * (last + 1));
    [order[last], order[chosen]] = [order[chosen], order[last]];
  }
  return order;
}

// One question after the other, so that nobody has to think of three at a time.
function orderedPages(pages, listener) {
  const seed = `${test.test}:${listener}`;
  return shuffled(Object.keys(test.questions), `${seed}:questions`).flatMap((question) =>
    shuffled(pages.filter((page) => page.question === question), `${seed}:${question}`),
  );
}

function orderedStimuli(page, listener) {
  return shuffled(page.stimuli, `${test.test}:${listener}:${page.page}`);
}

// Storage --------------------------------------------------------------------------------------------------

function slot(listener) {
  return `timbrebench-ratings-${test.test}-${listener}`;
}

// Some browsers keep nothing for a page that was opened from a disk, or in a private window.
function store(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

function stored(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null;
  }
}

function storeSession() {
  return store(slot(session.listener), session);
}

function begin(listener) {
  const known = stored(slot(listener));
  const random = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0"));
  session = known ?? { listener, session: random.join(""), heard_training: false, answers: {} };
  store(LAST, listener);
  window.addEventListener("beforeunload", warn);
  return storeSession();
}

// Only where a closed tab would lose something.
function warn(event) {
  if (session && Object.keys(session.answers).length && !stored(slot(session.listener))) event.preventDefault();
}

function pagesDone() {
  return test.pages.filter((page) => page.page in session.answers).length;
}

// Start ----------------------------------------------------------------------------------------------------

function showStart() {
  const last = stored(LAST) ?? "";
  const name = element("input", {
    id: "listener", type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false", maxlength: "40",
    required: true, "aria-describedby": "listener-note", value: last,
  });
  const problem = element("p", { class: "problem", role: "alert" });
  const start = (event) => {
    event.preventDefault();
    if (!LISTENER.test(name.value.trim())) {
      problem.textContent = "Write the number or name that you were given: letters, digits, and . _ - are allowed.";
      name.focus();
      return;
    }
    const isStored = begin(name.value.trim());
    if (session.heard_training) nextPage();
    else showTraining(isStored);
  };
  show(
    "Listening test",
    element("h1", {}, "Listening test"),
    element("p", {}, `You will hear short pieces of music and answer ${Object.keys(test.questions).length} questions about them, `
      + `one at a time, on ${test.pages.length} pages. Use headphones in a quiet place, and take breaks: `
      + "your answers are kept in this browser, and the test goes on where you left it."),
    element("form", { onsubmit: start },
      element("label", { for: "listener" }, "Your listener number"),
      name,
      element("p", { class: "small muted", id: "listener-note" }, "As you were given it. It decides the order of your pages. Saved are this number, your answers, and the seconds that each page takes."),
      problem,
      element("button", { type: "submit", class: "next" }, last ? "Start or go on" : "Start"),
    ),
  );
}

function showTraining(isStored) {
  const pages = orderedPages(test.training, session.listener);
  const step = (number) => {
    if (number < pages.length) return showPage(pages[number], `Training ${number + 1} of ${pages.length}`, () => step(number + 1), true);
    session.heard_training = true;
    storeSession();
    nextPage();
  };
  const volume = pages[0].given[0]?.audio ?? pages[0].stimuli[0];
  player.prepare([volume]).catch(fail);
  const button = element("button", { type: "button", class: "play", "data-sound": volume, "aria-pressed": "false", onclick: () => player.toggle(volume) }, "Play");
  show(
    "Before you start",
    element("h1", {}, "Before you start"),
    isStored ? null : element("p", { class: "problem" }, "This browser keeps nothing for this page: leave the tab open until you have saved your answers."),
    element("p", {}, "Set the volume so that this sound is comfortable, and leave it there until the end."),
    element("p", {}, button),
    element("h2", {}, "How it works"),
    element("ul", { class: "how" },
      element("li", {}, "All sounds go round in a loop. Choose another one at any time: it goes on at the same place."),
      element("li", {}, ...keyed("The keys ", nameOf(0), ", ", nameOf(1), test.kind === "abx" ? "" : ", …", " play the sounds, ", "S", ", ", "C", " and ", "R", " the named clips; ", "Space", " pauses and goes on.")),
      element("li", {}, test.kind === "abx" ? "Listen to both, then choose one, even where you have to guess."
        : "Listen to every sound before you go on. Equal sounds may have equal marks."),
      element("li", {}, "First come a few pages of training. Their answers are not saved: get to know how different the sounds are."),
    ),
    element("button", { type: "button", class: "next", onclick: () => step(0) }, "Begin the training"),
  );
}

function keyed(...parts) {
  return parts.map((part) => (/^(\d|[A-Z]|Space)$/.test(part) ? element("kbd", {}, part) : part));
}

// Pages ----------------------------------------------------------------------------------------------------

function nextPage() {
  const pages = orderedPages(test.pages, session.listener);
  const number = pages.findIndex((page) => !(page.page in session.answers));
  if (number < 0) return showEnd();
  const page = pages[number];
  showPage(page, `Page ${number + 1} of ${pages.length}`, (answer) => {
    session.answers[page.page] = answer;
    storeSession();
    nextPage();
  });
}

function showPage(page, place, done, isTraining = false) {
  const order = orderedStimuli(page, session.listener);
  const text = test.questions[page.question];
  current = { page, order, scores: {}, heard: new Set(), started: Date.now() };
  const progress = document.getElementById("progress");
  progress.hidden = isTraining;
  progress.value = pagesDone();
  const problem = element("p", { class: "problem", role: "alert" });
  const advance = () => {
    const missing = firstMissing(current);
    if (missing) {
      problem.textContent = missing.text;
      document.getElementById(missing.id).focus();
      return;
    }
    const seconds = Math.min(Math.round((Date.now() - current.started) / 1000), 86400);
    const { scores } = current;
    current = null;
    done({ order, scores, seconds });
  };
  show(
    `${place} · ${text.title}`,
    element("h1", {}, text.asked),
    element("p", {}, text.explanation),
    page.given.length ? element("div", { class: "given", role: "group", "aria-label": "Named clips" },
      ...page.given.map((clip) => givenButton(clip))) : null,
    answers(order, text.asked),
    problem,
    element("button", { type: "button", class: "next", id: "next", onclick: advance }, isTraining ? "Next" : "Save and go on"),
  );
  player.prepare([...page.given.map((clip) => clip.audio), ...order]).catch(fail);
  say(`${place}. ${text.asked}`);
}

function fail(error) {
  stage.prepend(element("p", { class: "problem", role: "alert" }, `A sound is missing: ${error.message}. Tell whoever gave you the test; what you have answered is kept.`));
}

// What a sound is called, which is also its key.
function nameOf(number) {
  return test.kind === "abx" ? String.fromCharCode(65 + number) : String(number + 1);
}

function givenButton(clip) {
  const title = clip.role[0].toUpperCase() + clip.role.slice(1);
  return playButton(clip.audio, title[0], `Play the ${clip.role}`, `${title} `, element("kbd", { "aria-hidden": "true" }, title[0]));
}

function stimulusButton(name, number) {
  return playButton(name, nameOf(number), `Play sound ${nameOf(number)}`, nameOf(number));
}

function playButton(name, key, label, ...shown) {
  return element("button", { type: "button", class: "play", id: `play-${name}`, "data-sound": name, "data-key": key.toLowerCase(),
    "aria-pressed": "false", "aria-keyshortcuts": key.toLowerCase(), "aria-label": label, onclick: () => player.toggle(name) }, ...shown);
}

function showPlaying() {
  if (player.playing) current?.heard.add(player.playing.name);
  for (const button of stage.querySelectorAll(".play")) {
    button.setAttribute("aria-pressed", String(button.dataset.sound === player.playing?.name));
  }
}

function firstMissing({ order, scores, heard }) {
  for (const [number, name] of order.entries()) {
    if (!heard.has(name)) return { id: `play-${name}`, text: `Listen to sound ${nameOf(number)} first.` };
  }
  for (const [number, name] of order.entries()) {
    if (!(name in scores)) return { id: `answer-${name}`, text: test.kind === "abx" ? "Choose one of the two." : `Give sound ${nameOf(number)} a mark.` };
  }
  return null;
}

// Answers: one way for each kind of test ----------------------------------------------------------------------

function answers(order, asked) {
  return { mushra: sliders, mos: grades, abx: choices }[test.kind](order, asked);
}

function sliders(order) {
  return element("ol", { class: "stimuli" }, ...order.map((name, number) => {
    const output = element("output", { for: `answer-${name}` }, "–");
    const slider = element("input", { type: "range", id: `answer-${name}`, class: "unset", min: String(test.low), max: String(test.high), step: "1",
      value: String(test.low), "aria-label": `Mark of sound ${nameOf(number)}, ${test.low} to ${test.high}`, "aria-valuetext": "not marked yet" });
    const mark = () => {
      const value = Number(slider.value);
      current.scores[name] = value;
      slider.classList.remove("unset");
      output.textContent = String(value);
      slider.setAttribute("aria-valuetext", `${value}, ${wordOf(value)}`);
    };
    slider.addEventListener("input", mark);
    slider.addEventListener("pointerup", mark); // the lowest mark is where the slider starts
    slider.addEventListener("keydown", (event) => {
      if (/^(Arrow|Home|End|Page)/.test(event.key)) setTimeout(mark);
    });
    return element("li", {},
      stimulusButton(name, number),
      element("div", { class: "scale" },
        element("div", { class: "words", "aria-hidden": "true" }, ...test.words.map((word) => element("span", {}, word))),
        slider),
      output);
  }));
}

function wordOf(value) {
  const share = (value - test.low) / (test.high - test.low);
  return test.words[Math.min(Math.floor(share * test.words.length), test.words.length - 1)].toLowerCase();
}

function grades(order, asked) {
  const [name] = order;
  return element("div", { class: "single" },
    stimulusButton(name, 0),
    element("fieldset", { class: "grades" },
      element("legend", { class: "hidden-text" }, asked),
      ...test.words.map((word, number) => radio(name, number + 1, `${number + 1} ${word}`, number === 0 ? `answer-${name}` : null,
        () => { current.scores[name] = number + 1; }))));
}

function choices(order, asked) {
  return element("fieldset", { class: "choices" },
    element("legend", { class: "hidden-text" }, asked),
    ...order.map((name, number) => element("div", { class: "choice" },
      stimulusButton(name, number),
      radio("choice", nameOf(number), `Sound ${nameOf(number)}`, `answer-${name}`,
        () => { for (const other of order) current.scores[other] = other === name ? test.high : test.low; }))));
}

function radio(group, value, label, id, onchange) {
  return element("label", { class: "radio" }, element("input", { type: "radio", name: group, value: String(value), id, onchange }), " ", label);
}

// End ------------------------------------------------------------------------------------------------------

// The cyclic redundancy check of ZIP files: it finds what was changed by accident or by hand; it is no signature.
function crc32(text) {
  let sum = 0xffffffff;
  for (const byte of new TextEncoder().encode(text)) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ((sum ^ 0xffffffff) >>> 0).toString(16).padStart(8, "0");
}

function ratingsFile() {
  const content = {
    format: FORMAT,
    test: test.test,
    listener: session.listener,
    session: session.session,
    pages: orderedPages(test.pages, session.listener).filter((page) => page.page in session.answers).map((page) => {
      const { order, scores, seconds } = session.answers[page.page];
      return { page: page.page, seconds, ratings: order.map((stimulus) => ({ stimulus, score: scores[stimulus] })) };
    }),
  };
  return { ...content, checksum: crc32(JSON.stringify(content)) };
}

function showEnd() {
  document.getElementById("progress").value = test.pages.length;
  document.getElementById("progress").hidden = false;
  const name = `ratings-${test.test}-${session.listener}.json`;
  const blob = new Blob([JSON.stringify(ratingsFile(), null, 1), "\n"], { type: "application/json" });
  show(
    "Done",
    element("h1", {}, "Thank you for listening"),
    element("p", {}, "Save your answers as a file, and hand it to whoever gave you the test. Nothing has been sent anywhere."),
    element("p", {}, element("a", { class: "next", id: "save", download: name, href: URL.createObjectURL(blob) }, `Save ${name}`)),
    element("p", { class: "small muted" }, "They stay in this browser, too: open the page again and write the same listener number to save them once more."),
  );
}

// Keys -----------------------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.matches("input[type=text]")) return;
  if (event.key === " " && !event.target.matches("button, a, input[type=radio]")) {
    event.preventDefault();
    if (player.playing) player.pause();
    else if (player.last) player.play(player.last);
    return;
  }
  const button = [...stage.querySelectorAll(".play")].find((candidate) => candidate.dataset.key === event.key.toLowerCase());
  button?.click();
});

showStart();
