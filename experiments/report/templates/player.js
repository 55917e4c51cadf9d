"use strict";

// Players: all clips of a pair share one position, so that choosing another goes on where the last one was.
const pairPlayers = [];
let lastHeard = null; // among them

class Clip {
  constructor(element, pair) {
    this.element = element;
    this.title = element.dataset.title;
    this.duration = Number(element.dataset.duration);
    this.audio = element.querySelector("audio");
    this.target = null; // where it is on its way to
    this.reach = 0; // seconds before that from which the way is played unheard, where seeking has failed
    this.broke = null; // where it stopped of itself while it was heard
    this.isKnown = this.audio.readyState >= HTMLMediaElement.HAVE_METADATA;
    this.makeButton(element.querySelector(".title"), pair);
    this.watch(element.querySelector(".spectrogram"), pair);
  }

  makeButton(heading, pair) {
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.className = "listen";
    this.button.setAttribute("aria-pressed", "false");
    this.button.append(...heading.childNodes);
    this.button.addEventListener("click", () => pair.press(this));
    heading.append(this.button);
  }

  watch(spectrogram, pair) {
    const { audio } = this;
    audio.controls = false;
    spectrogram.addEventListener("click", (event) => {
      const box = spectrogram.getBoundingClientRect();
      pair.hear(this, ((event.clientX - box.left) / box.width) * this.duration);
    });
    const image = spectrogram.querySelector("img");
    image.addEventListener("error", () => spectrogram.remove());
    if (image.complete && !image.naturalWidth) spectrogram.remove();
    audio.addEventListener("loadedmetadata", () => (this.isKnown = true));
    audio.addEventListener("playing", () => {
      if (!this.reach) this.target = null;
    });
    audio.addEventListener("ended", () => pair.stop(0));
    audio.addEventListener("error", () => this.mend(pair));
    // It may have failed before anybody listened.
    if (audio.error) this.mend(pair);
  }

  start(position) {
    this.target = position;
    this.reach = 0;
    this.broke = null;
    this.set({ muted: false, playbackRate: 1 });
    if (this.audio.currentTime !== position) this.audio.currentTime = position;
    this.play();
  }

  set(properties) {
    Object.assign(this.audio, properties);
  }

  play() {
    // What goes wrong is told by the event "error" as well.
    this.audio.play().catch(() => {});
  }

  pause() {
    this.target = null;
    this.reach = 0;
    this.audio.pause();
  }

  // Chromium cannot seek into the last half second of a FLAC file without a table of places. From further
  // ahead it gets there by playing, which nobody need hear.
  mend(pair) {
    if (!this.isKnown) return this.fail(pair);
    const { audio, reach } = this;
    // The news of a failure can come after that of playing, before anything was heard.
    if (this.target === null && pair.playing && pair.current === this) {
      if (this.broke !== null && Math.abs(audio.currentTime - this.broke) < 0.5) return this.fail(pair);
      this.broke = this.target = audio.currentTime;
    }
    const { target } = this;
    audio.load();
    if (target === null) return;
    if (reach > target) return this.fail(pair);
    this.reach = reach ? 4 * reach : 1;
    this.set({ muted: true, playbackRate: 4, currentTime: Math.max(0, target - this.reach) });
    this.play();
    const arrive = () => {
      if (!this.reach || this.target !== target) return;
      if (audio.currentTime < target) return requestAnimationFrame(arrive);
      this.set({ muted: false, playbackRate: 1 });
      this.target = null;
      this.reach = 0;
    };
    requestAnimationFrame(arrive);
  }

  fail(pair) {
    const note = this.element.querySelector(".absent");
    const address = this.audio.getAttribute("src");
    const what = address.startsWith("data:") ? "it" : `the file ${decodeURIComponent(address).replace("../", "")}`;
    note.textContent = `Nothing to hear: ${what} is missing or cannot be played.`;
    note.hidden = false;
    this.button.disabled = true;
    this.element.querySelector(".spectrogram")?.remove();
    pair.forget(this);
  }
}

class PairPlayer {
  constructor(root) {
    const find = (name) => root.querySelector(`.transport .${name}`);
    [this.play, this.seek, this.now, this.loop, this.back] = ["play", "seek", "now", "loop", "back"].map(find);
    this.root = root;
    this.at = 0;
    this.current = this.previous = null;
    this.playing = false;
    this.clips = [];
    for (const element of root.querySelectorAll(".clip")) {
      if (element.querySelector("audio")) this.clips.push(new Clip(element, this));
    }
    this.clips = this.clips.filter((clip) => !clip.button.disabled);
    this.play.addEventListener("click", () => this.press(this.current ?? this.clips[0]));
    this.seek.addEventListener("input", () => this.move(Number(this.seek.value)));
    this.loop.addEventListener("change", () => {
      for (const clip of this.clips) clip.audio.loop = this.loop.checked;
    });
    this.back.addEventListener("click", () => this.hear(this.previous));
    root.querySelector(".transport").hidden = false;
    this.show();
  }

  get position() {
    return this.playing && this.current.target === null ? this.current.audio.currentTime : this.at;
  }

  // Starts a clip where the one before was, or where it is told to; one that is over by then starts anew.
  hear(clip, position = this.position) {
    for (const other of pairPlayers) if (other !== this && other.playing) other.stop();
    lastHeard = this;
    this.at = position < clip.duration ? position : 0;
    if (clip !== this.current) {
      this.current?.pause();
      [this.previous, this.current] = [this.current ?? this.previous, clip];
    }
    clip.audio.loop = this.loop.checked;
    clip.start(this.at);
    const wasPlaying = this.playing;
    this.playing = true;
    this.show();
    if (!wasPlaying) this.follow();
  }

  press(clip) {
    if (this.playing && clip === this.current) this.stop();
    else this.hear(clip);
  }

  stop(position = this.position) {
    this.at = position;
    this.playing = false;
    this.current?.pause();
    this.show();
  }

  move(position) {
    if (this.playing) this.hear(this.current, position);
    else this.at = position;
    this.draw();
  }

  forget(clip) {
    this.clips = this.clips.filter((other) => other !== clip);
    if (clip === this.current) {
      this.at = this.position;
      [this.current, this.playing] = [null, false];
    }
    if (clip === this.previous) this.previous = null;
    this.show();
  }

  follow() {
    if (!this.playing) return;
    this.draw();
    requestAnimationFrame(() => this.follow());
  }

  draw() {
    const { position } = this;
    this.seek.value = position;
    this.now.textContent = position.toFixed(1);
    for (const clip of this.clips) {
      const share = Math.min(position / clip.duration, 1);
      clip.element.style.setProperty("--played", `${100 * share}%`);
    }
  }

  show() {
    this.root.classList.toggle("started", this.current !== null);
    for (const clip of this.clips) {
      clip.element.classList.toggle("current", clip === this.current);
      clip.button.setAttribute("aria-pressed", String(this.playing && clip === this.current));
    }
    this.play.disabled = !this.clips.length;
    this.play.textContent = this.playing ? "❚❚" : "▶";
    this.play.setAttribute("aria-label", this.playing ? "Pause" : "Play");
    this.back.disabled = this.previous === null;
    this.back.firstChild.textContent = this.previous ? `back to ${this.previous.title} ` : "switch back ";
    this.draw();
  }
}

for (const root of document.querySelectorAll(".pair")) pairPlayers.push(new PairPlayer(root));

// A spectrogram that is clicked takes no focus, so the key is listened for on the whole page.
document.addEventListener("keydown", (event) => {
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat;
  if (event.key === "x" && plain && lastHeard?.previous) lastHeard.hear(lastHeard.previous);
});
