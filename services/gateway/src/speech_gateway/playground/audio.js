// Sound in and out: a player of samples that arrive piece by piece, a recorder, a waveform, a WAV file.

export class Player {
  constructor(rate, onEnd) {
    this.context = new AudioContext({ sampleRate: rate });
    this.rate = rate;
    this.parts = [];
    this.due = 0;
    this.playing = 0;
    this.complete = this.ended = false;
    this.onEnd = onEnd;
  }

  // Int16Array: played after what came before, at once if that has ended.
  play(samples) {
    this.parts.push(samples);
    const buffer = this.context.createBuffer(1, samples.length, this.rate);
    buffer.getChannelData(0).set(Float32Array.from(samples, (sample) => sample / 32768));
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.context.destination);
    this.due = Math.max(this.due, this.context.currentTime + 0.02);
    source.start(this.due);
    this.due += buffer.duration;
    this.playing += 1;
    source.onended = () => { this.playing -= 1; this.#settle(); };
  }

  finish() { this.complete = true; this.#settle(); }

  stop() { this.complete = true; this.playing = 0; this.#settle(); }

  get seconds() { return this.parts.reduce((sum, part) => sum + part.length, 0) / this.rate; }

  #settle() {
    if (!this.complete || this.playing > 0 || this.ended) return;
    this.ended = true;
    this.context.close();
    this.onEnd?.();
  }
}

export class Waveform {
  constructor(canvas) {
    this.canvas = canvas;
    this.clear();
  }

  clear() {
    this.peaks = [];
    this.#draw();
  }

  // Samples in [-1, 1] or Int16: a bar for each twentieth of a second.
  add(samples, rate) {
    const scale = samples instanceof Int16Array ? 32768 : 1;
    const step = Math.max(1, Math.floor(rate / 20));
    for (let at = 0; at < samples.length; at += step) {
      let peak = 0;
      for (const sample of samples.subarray(at, at + step)) peak = Math.max(peak, Math.abs(sample) / scale);
      this.peaks.push(peak);
    }
    this.#draw();
  }

  #draw() {
    const { width, height } = this.canvas;
    const brush = this.canvas.getContext("2d");
    brush.clearRect(0, 0, width, height);
    brush.fillStyle = getComputedStyle(this.canvas).getPropertyValue("--accent");
    const shown = this.peaks.slice(-Math.floor(width / 6));
    shown.forEach((peak, index) => {
      const tall = Math.max(2, peak * (height - 8));
      brush.fillRect(index * 6, (height - tall) / 2, 4, tall);
    });
  }
}

export function wav(parts, rate) {
  const size = parts.reduce((sum, part) => sum + part.byteLength, 0);
  const head = new DataView(new ArrayBuffer(44));
  const write = (at, text) => [...text].forEach((letter, index) => head.setUint8(at + index, letter.charCodeAt(0)));
  write(0, "RIFF"); head.setUint32(4, 36 + size, true); write(8, "WAVEfmt ");
  head.setUint32(16, 16, true); head.setUint16(20, 1, true); head.setUint16(22, 1, true);
  head.setUint32(24, rate, true); head.setUint32(28, rate * 2, true); head.setUint16(32, 2, true); head.setUint16(34, 16, true);
  write(36, "data"); head.setUint32(40, size, true);
  return new Blob([head, ...parts], { type: "audio/wav" });
}

// A button that records while it is pressed in; *onSamples* sees the microphone, *onDone* gets a Blob.
export function recorder(button, { onStart, onSamples, onDone, onError }) {
  let stop = null;
  button.addEventListener("click", async () => {
    if (stop) { stop(); return; }
    button.disabled = true;
    onStart?.();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      stop = record(stream, onSamples, (blob) => { stop = null; button.textContent = "Record"; button.classList.remove("live"); onDone(blob); });
      button.textContent = "Stop";
      button.classList.add("live");
    } catch {
      onError(new Error("There is no microphone, or this page may not use it."));
    } finally {
      button.disabled = false;
    }
  });
}

function record(stream, onSamples, onDone) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 2048;
  context.createMediaStreamSource(stream).connect(analyser);
  const seen = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => { analyser.getFloatTimeDomainData(seen); onSamples?.(seen, analyser.fftSize * 20); }, 50);
  const media = new MediaRecorder(stream);
  const parts = [];
  media.ondataavailable = (event) => parts.push(event.data);
  media.onstop = () => {
    clearInterval(timer);
    context.close();
    stream.getTracks().forEach((track) => track.stop());
    onDone(new Blob(parts, { type: media.mimeType }));
  };
  media.start();
  return () => media.stop();
}
