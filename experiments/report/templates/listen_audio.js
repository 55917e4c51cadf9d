"use strict";

// Sounds of a listening test: all of them are loops of Web Audio, and choosing another one keeps the place.

// Seconds over which one sound gives way to another: short enough to compare, too long to click.
const SWITCH_S = 0.015;

const arriving = new Map(); // what waits for a sound, by its name

// Called by the file of a sound.
function receiveSound(name, encoded) {
  arriving.get(name)?.(encoded);
}

function loadSound(name) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    const finish = (settle, value) => {
      arriving.delete(name);
      script.remove();
      settle(value);
    };
    arriving.set(name, (encoded) => finish(resolve, samplesOf(encoded)));
    script.addEventListener("error", () => finish(reject, new Error(`audio/${name}.js cannot be loaded`)));
    script.src = `audio/${name}.js`;
    document.head.append(script);
  });
}

function samplesOf(encoded) {
  const bytes = atob(encoded);
  const samples = new Float32Array(bytes.length / 2);
  for (let index = 0; index < samples.length; index += 1) {
    const value = bytes.charCodeAt(2 * index) | (bytes.charCodeAt(2 * index + 1) << 8);
    samples[index] = (value > 32767 ? value - 65536 : value) / 32767;
  }
  return samples;
}

class LoopPlayer {
  constructor(sampleRate, onChange) {
    this.sampleRate = sampleRate;
    this.onChange = onChange;
    this.buffers = new Map(); // promises of samples, by name
    this.context = null;
    this.playing = null; // { name, source, gain, duration, startedAt }
    this.position = 0; // where it goes on, in seconds
    this.wanted = null; // the name that is to play
    this.last = null; // the name that has played last
  }

  // Has the sounds of a page at hand, and no others.
  prepare(names) {
    for (const name of this.buffers.keys()) if (!names.includes(name)) this.buffers.delete(name);
    for (const name of names) if (!this.buffers.has(name)) this.buffers.set(name, loadSound(name));
    return Promise.all(this.buffers.values());
  }

  // Browsers let a page sound once somebody has pressed something.
  open() {
    if (!this.context) {
      try {
        // At the rate of the sounds, so that they are resampled once, by the system.
        this.context = new AudioContext({ sampleRate: this.sampleRate });
      } catch {
        this.context = new AudioContext();
      }
    }
    if (this.context.state === "suspended") this.context.resume();
  }

  get place() {
    if (!this.playing) return this.position;
    const { startedAt, duration } = this.playing;
    return Math.max(0, this.context.currentTime - startedAt) % duration;
  }

  async play(name) {
    this.open();
    this.wanted = name;
    const samples = await this.buffers.get(name);
    if (this.wanted !== name || this.playing?.name === name) return;
    const buffer = this.context.createBuffer(1, samples.length, this.sampleRate);
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(this.context, { buffer, loop: true });
    const gain = new GainNode(this.context, { gain: 0 });
    source.connect(gain).connect(this.context.destination);
    const now = this.context.currentTime;
    const offset = this.place % buffer.duration;
    this.fadeOut();
    gain.gain.setValueAtTime(0, now);
    gain.gain.linearRampToValueAtTime(1, now + SWITCH_S);
    source.start(now, offset);
    this.last = name;
    this.playing = { name, source, gain, duration: buffer.duration, startedAt: now - offset };
    this.onChange();
  }

  pause() {
    this.wanted = null;
    if (!this.playing) return;
    this.position = this.place;
    this.fadeOut();
    this.playing = null;
    this.onChange();
  }

  toggle(name) {
    if (this.playing?.name === name) this.pause();
    else return this.play(name);
  }

  rewind() {
    this.pause();
    this.position = 0;
    this.last = null;
  }

  fadeOut() {
    if (!this.playing) return;
    const { source, gain } = this.playing;
    const now = this.context.currentTime;
    gain.gain.cancelScheduledValues(now);
    gain.gain.setValueAtTime(gain.gain.value, now);
    gain.gain.linearRampToValueAtTime(0, now + SWITCH_S);
    source.stop(now + SWITCH_S);
  }
}
