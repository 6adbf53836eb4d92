// Text to speech over the socket: heard as it is made.

import { call, socket, whyNoSocket } from "./api.js";
import { Player, Waveform, wav } from "./audio.js";

const find = (id) => document.querySelector(`#${id}`);
const [form, text, voice, speed, start, stop, download, figures, error] = [
  "speak-form", "text", "voice", "speed", "speak-start", "speak-stop", "speak-download", "speak-figures", "speak-error",
].map(find);
const wave = new Waveform(find("speak-wave"));
let ending = () => {};

export async function listVoices() {
  try {
    const { voices } = await (await call("v1/audio/voices")).json();
    const groups = Map.groupBy(voices, (one) => one.engine);
    voice.replaceChildren(...[...groups].map(([engine, ones]) => {
      const group = document.createElement("optgroup");
      group.label = engine;
      group.append(...ones.map((one) => new Option(`${one.name} (${one.language})`, one.id)));
      return group;
    }));
  } catch (failed) {
    error.textContent = failed.message;
  }
}

speed.addEventListener("input", () => { find("speed-value").textContent = `${Number(speed.value).toFixed(1)}×`; });
stop.addEventListener("click", () => ending());
form.addEventListener("submit", (event) => { event.preventDefault(); speak(); });

function speak() {
  ending();
  error.textContent = figures.textContent = "";
  download.hidden = true;
  wave.clear();
  const line = socket("ws/tts");
  line.binaryType = "arraybuffer";
  let player = null, asked = 0, first = null, opened = false, over = false;
  const idle = () => { start.disabled = false; stop.disabled = true; };
  start.disabled = true;
  stop.disabled = false;
  ending = () => { over = true; line.close(); player?.stop(); idle(); ending = () => {}; };

  line.onopen = () => {
    opened = true;
    asked = performance.now();
    const how = { voice: voice.value || undefined, speed: Number(speed.value), ahead_seconds: 5 };
    line.send(JSON.stringify({ text: text.value, ...how }));
  };
  line.onmessage = ({ data }) => {
    if (data instanceof ArrayBuffer) {
      const samples = new Int16Array(data);
      first ??= performance.now() - asked;
      wave.add(samples, player.rate);
      player.play(samples);
      return;
    }
    const told = JSON.parse(data);
    if (told.type === "start") player = new Player(told.sample_rate, idle);
    if (told.type === "error") { error.textContent = told.error.message; ending(); }
    if (told.type === "end") {
      over = true;
      finish(player, first, told);
      line.close();
    }
  };
  line.onclose = async () => {
    if (over) return;
    player?.stop();
    idle();
    error.textContent = opened ? "The gateway ended the connection; try again." : await whyNoSocket();
  };
}

function finish(player, first, told) {
  player.finish();
  figures.textContent = `First audio after ${Math.round(first)} ms, ${told.audio_seconds.toFixed(2)} s of speech.`;
  URL.revokeObjectURL(download.href);
  download.href = URL.createObjectURL(wav(player.parts, player.rate));
  download.hidden = false;
}
