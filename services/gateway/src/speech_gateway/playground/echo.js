// What was said comes back: the transcript as it is recognized, and its speech from the first segment on.

import { call, events } from "./api.js";
import { Player, Waveform, recorder } from "./audio.js";

const find = (id) => document.querySelector(`#${id}`);
const [file, said, figures, error] = ["echo-file", "echo-text", "echo-figures", "echo-error"].map(find);
const wave = new Waveform(find("echo-wave"));
const show = (failed) => { error.textContent = failed.message; };

let ending = () => {};

recorder(find("echo-record"), {
  onStart: begin, onSamples: (samples, rate) => wave.add(samples, rate), onDone: echo, onError: show,
});
file.addEventListener("change", () => { if (file.files[0]) echo(file.files[0]); file.value = ""; });

// One echo at a time: what is still being said of the one before ends.
function begin() {
  ending();
  said.textContent = figures.textContent = error.textContent = "";
  wave.clear();
}

async function echo(recording) {
  begin();
  const abort = new AbortController();
  const started = performance.now();
  let player = null, first = null, odd = new Uint8Array();
  ending = () => { abort.abort(); player?.stop(); };
  try {
    const options = { method: "POST", body: recording, headers: { accept: "text/event-stream" }, signal: abort.signal };
    for await (const [name, told] of events(await call("api/echo-bytes?format=pcm", options))) {
      if (name === "transcript") said.textContent += `${told.text} `;
      if (name === "start") player = new Player(Number(/rate=(\d+)/.exec(told.content_type)[1]));
      if (name !== "audio") continue;
      first ??= performance.now() - started;
      const bytes = Uint8Array.from([...odd, ...Uint8Array.from(atob(told.audio), (letter) => letter.charCodeAt(0))]);
      const whole = bytes.length - (bytes.length % 2);
      odd = bytes.slice(whole);
      const samples = new Int16Array(bytes.buffer, 0, whole / 2);
      wave.add(samples, player.rate);
      player.play(samples);
    }
    player?.finish();
    figures.textContent = `Heard and answered: first audio after ${Math.round(first)} ms, ${player.seconds.toFixed(2)} s of speech.`;
  } catch (failed) {
    player?.stop();
    if (failed.name !== "AbortError") show(failed);
  }
}
