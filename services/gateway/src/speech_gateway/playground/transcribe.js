// A recording to text: segments appear as they are recognized, and light up as the recording plays.

import { call, events } from "./api.js";
import { recorder } from "./audio.js";

const find = (id) => document.querySelector(`#${id}`);
const [drop, file, player, progress, list, captions, figures, error] = [
  "drop", "file", "player", "progress", "segments", "captions", "transcribe-figures", "transcribe-error",
].map(find);
let segments = [];
let abort = new AbortController();

file.addEventListener("change", () => { if (file.files[0]) transcribe(file.files[0]); file.value = ""; });
for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => { event.preventDefault(); if (event.dataTransfer.files[0]) transcribe(event.dataTransfer.files[0]); });
recorder(find("record"), {
  onStart: () => { error.textContent = ""; }, onDone: transcribe, onError: (failed) => { error.textContent = failed.message; },
});
player.addEventListener("timeupdate", light);

async function transcribe(recording) {
  abort.abort();
  const own = abort = new AbortController();
  segments = [];
  list.replaceChildren();
  error.textContent = figures.textContent = "";
  captions.hidden = true;
  progress.hidden = false;
  progress.removeAttribute("value");
  URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(recording);
  player.hidden = false;
  const started = performance.now();
  try {
    const options = { method: "POST", body: recording, headers: { accept: "text/event-stream" }, signal: own.signal };
    for await (const [name, told] of events(await call("api/stt/bytes", options))) {
      if (name === "segment") show(told);
      if (name === "progress" && told.audio_seconds) progress.value = told.processed_seconds / told.audio_seconds;
      if (name === "done") done(told, (performance.now() - started) / 1000);
    }
  } catch (failed) {
    if (failed.name !== "AbortError") error.textContent = failed.message;
  } finally {
    if (own === abort) progress.hidden = true;
  }
}

function show(segment) {
  segments.push(segment);
  const item = document.createElement("li");
  const button = document.createElement("button");
  const time = document.createElement("time");
  time.textContent = stamp(segment.start_ms, ".").slice(segment.start_ms < 3600000 ? 3 : 0, -2);
  button.append(time, segment.text);
  button.addEventListener("click", () => { player.currentTime = segment.start_ms / 1000; player.play(); });
  item.append(button);
  list.append(item);
}

function done(told, seconds) {
  const { coverage, language } = told;
  const factor = coverage.audio_seconds / seconds;
  figures.textContent = `${language ?? "no language"}; ${coverage.audio_seconds.toFixed(1)} s heard in ${seconds.toFixed(1)} s ` +
    `(${factor.toFixed(1)} times as fast as it was said): ${coverage.transcribed_seconds.toFixed(1)} s of speech, ` +
    `${coverage.silent_seconds.toFixed(1)} s silent, ${coverage.failed_seconds.toFixed(1)} s failed.`;
  if (!segments.length) return;
  offer("srt", segments.map((one, index) => `${index + 1}\n${range(one, ",")}\n${one.text}\n`).join("\n"));
  offer("vtt", `WEBVTT\n\n${segments.map((one) => `${range(one, ".")}\n${one.text}\n`).join("\n")}`);
  captions.hidden = false;
}

function offer(id, text) {
  URL.revokeObjectURL(find(id).href);
  find(id).href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
}

const range = (segment, mark) => `${stamp(segment.start_ms, mark)} --> ${stamp(segment.end_ms, mark)}`;

function stamp(milliseconds, mark) {
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  const rest = String(milliseconds % 1000).padStart(3, "0");
  return `${two(milliseconds / 3600000)}:${two((milliseconds / 60000) % 60)}:${two((milliseconds / 1000) % 60)}${mark}${rest}`;
}

function light() {
  const now = player.currentTime * 1000;
  [...list.children].forEach((item, index) => {
    item.classList.toggle("lit", !player.paused && segments[index].start_ms <= now && now < segments[index].end_ms);
  });
}
